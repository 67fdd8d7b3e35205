"""Handlers called for the first time: on the worker's loop, or in threads, many at a time where they are quick.

A first call is plain: no run, no journal, no timer of the store. What it returns is written with its
reaction; what it raises makes the reaction a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from msgspec.structs import replace

from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.event import Event
from dalsegno.core.transact import OpenTx
from dalsegno.engine.context import StepInfo, step_context
from dalsegno.engine.runner import Spawner
from dalsegno.events.batches import Batches
from dalsegno.events.gate import Gate
from dalsegno.events.one_call import (
    Call,
    Caller,
    Ended,
    Tracing,
    admit,
    ask,
    ask_followed,
    called,
    followed,
    in_time,
    info_of,
    is_called_off,
    said,
)
from dalsegno.events.plan import Plan

_AT_ONCE = 64  # calls that one thread does in a row, at most
_IN_A_ROW = 0.002  # seconds that calls which wait for a thread may spend behind others
_MEMORY = 0.9  # how much the last calls weigh against the newest


class Calls:
    """Calls handlers for the readers of one worker."""

    def __init__(self, threads: Spawner, clock: Clock) -> None:
        self._threads = threads
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[asyncio.Task[None], Caller] = {}
        self._waiting: list[Call] = []  # of plain functions, for a thread
        self._takes: dict[Plan, float] = {}  # seconds, of late
        self._gates: dict[Plan, Gate] = {}
        self._batches: dict[Plan, Batches[Call]] = {}
        self.within: object = None  # what handlers may reach of the store
        self.tracing: Tracing | None = None

    def prepare(self, plan: Plan, told: Callable[[float | None], None]) -> None:
        """Get ready to call a handler; ``told`` hears when its circuit opens or closes."""
        options = plan.handler.options
        if plan not in self._gates and (options.max_in_flight is not None or options.circuit is not None):
            gate = Gate(self._clock, options.max_in_flight, options.circuit)
            self._gates[plan] = plan.calling.gate = gate
        if plan not in self._batches and options.batch is not None:
            self._batches[plan] = Batches(options.batch, options.linger, partial(self._begin_batch, plan))
        if plan in self._gates:
            self._gates[plan].told = told

    def begin(self, caller: Caller, work: Any, plan: Plan, event: Event) -> None:
        """Call a handler; ``caller`` hears how it ended."""
        call = Call(caller, work, plan, event, None, None, self.tracing)
        gate = self._gates.get(plan)
        if plan in self._batches:
            self._batches[plan].add(call)
        elif gate is not None:
            gate.enter(caller, work, partial(self._begin, call))
        else:
            self._begin(call)

    def has_begun(self, work: Any, plan: Plan) -> bool:
        """Tell whether a call that was asked for does not wait before its handler's gate."""
        gate = self._gates.get(plan)
        return gate is None or gate.has(work)

    def _begin(self, call: Call) -> None:
        caller, plan, event = call.caller, call.plan, call.event
        if event.key is not None and (plan.keeping is not None or plan.calling.sequence is not None):
            self.spawn(caller, self._with_state(call, event.key))
        elif plan.calling.is_async:
            self._tasks[self._running().create_task(self._await(call))] = caller
        else:
            self._go(call)

    def _go(self, call: Call) -> None:
        if call.plan.transactional:
            body = partial(self._in_transaction, call, contextvars.copy_context())
            call.caller.transact(call.work, call.plan, body, partial(self._tell, call))
        else:
            self._wait(call)

    def _in_transaction(self, call: Call, context: contextvars.Context, tx: OpenTx) -> Ended:
        """Call a handler, in the thread that has its transaction. Raises what it raises."""
        info = info_of(call.plan, call.event, call.caller.generation, self.within)
        began = self._clock.monotonic()
        how = context.copy().run(called, call, info, tx)
        how.took = int((self._clock.monotonic() - began) * SECOND)
        return how

    async def _with_state(self, call: Call, key: str) -> None:
        """Read the state first: what earlier events of the key have kept is there, written or not."""
        try:
            if call.plan.keeping is not None:
                call = call._replace(row=await call.caller.kept(key))
            if call.plan.calling.sequence is not None:
                call = call._replace(next=await call.caller.kept(call.plan.calling.sequence.key(key)))
        except BaseException as error:
            self._tell(call, Ended(error))
            return
        if call.plan.calling.is_async:
            await self._await(call)
        else:
            self._go(call)

    def _tell(self, call: Call, how: Ended) -> None:
        gate = self._gates.get(call.plan)
        if gate is not None and call.plan not in self._batches:
            gate.left(call.work, failed=how.error is not None)
        call.caller.ended(call.work, call.plan, how)

    def _wait(self, call: Call) -> None:
        if not self._waiting:
            self._running().call_soon(self._submit)
        self._waiting.append(call)

    def spawn(self, caller: Caller, work: Coroutine[Any, Any, None]) -> None:
        """Run something that ends with its caller."""
        task = self._running().create_task(work)
        self._tasks[task] = caller
        task.add_done_callback(self._forget)

    def abandon(self, caller: Caller) -> None:
        """Call off what has been begun for a caller; threads cannot be, and tell nobody."""
        self._waiting = [call for call in self._waiting if call.caller is not caller]
        for batches in self._batches.values():
            batches.forget(lambda call: call.caller is caller)
        for gate in self._gates.values():
            gate.forget(caller)
        for task, whose in list(self._tasks.items()):
            if whose is caller:
                task.cancel()
                self._forget(task)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _forget(self, task: asyncio.Task[Any] | None) -> None:
        if task is not None:
            self._tasks.pop(task, None)

    # -- on the loop

    async def _await(self, call: Call) -> None:
        """Call a handler; its task is forgotten here: a callback would cost every event a turn of the loop."""
        plan, event = call.plan, call.event
        info = info_of(plan, event, call.caller.generation, self.within)
        step_context.set(info)  # in the task's own copy of the context
        began = self._clock.monotonic()
        try:
            value = plan.calling.read(event)
            passed_over = admit(call, value)
            if passed_over is not None:
                how = passed_over
            else:
                reach = ask if call.tracing is None else ask_followed
                how = await reach(call, info, value)
        except BaseException as error:  # whatever a handler raises is its outcome
            if is_called_off():
                return  # nobody is there to hear it
            how = Ended(error)
        how.took = int((self._clock.monotonic() - began) * SECOND)
        self._forget(asyncio.current_task())
        self._tell(call, how)

    # -- many at once

    def _begin_batch(self, plan: Plan, calls: list[Call]) -> None:
        gate = self._gates.get(plan)
        begin = partial(self.spawn, calls[-1].caller, self._await_batch(plan, calls))
        if gate is None:
            begin()
        else:
            gate.enter(calls[-1].caller, calls[-1].work, begin)

    async def _await_batch(self, plan: Plan, calls: list[Call]) -> None:
        """Call a handler with many events; where that fails, each of them goes on alone."""
        ends = [Ended(filtered=True) for _ in calls]
        values: list[Any] = []
        wanted: list[int] = []
        for place, call in enumerate(calls):
            try:
                value = plan.calling.read(call.event)
                if plan.calling.wants([value]):
                    values.append(value)
                    wanted.append(place)
            except Exception as error:
                ends[place] = Ended(error)
        if wanted:
            last = calls[wanted[-1]]
            # Of many, no one could be tried again.
            info = replace(info_of(plan, last.event, last.caller.generation, None), batch=True)
            try:
                with followed(last, [calls[place].event for place in wanted[:-1]]) as traced:
                    how = await self._call_batch(traced, info, values)
            except BaseException as error:  # whatever a handler raises is its outcome
                if is_called_off():
                    return  # nobody is there to hear it
                for place in wanted:
                    ends[place] = Ended(error, among=len(wanted) > 1)
            else:
                for place in wanted:
                    ends[place] = Ended()
                ends[wanted[-1]] = how
        gate = self._gates.get(plan)
        if gate is not None:
            gate.left(calls[-1].work, failed=any(end.error is not None for end in ends))
        self._batches[plan].ended(calls)
        for call, end in zip(calls, ends, strict=True):
            call.caller.ended(call.work, plan, end)

    async def _call_batch(self, call: Call, info: StepInfo, values: list[Any]) -> Ended:
        plan = call.plan
        step_context.set(info)
        arguments = plan.calling.arguments(values)
        if plan.calling.is_async:
            result = await in_time(plan, info, plan.handler.function(*arguments))
            return said(call, info, values[-1], result)
        function = partial(contextvars.copy_context().run, plan.handler.function, *arguments)
        return said(call, info, values[-1], await _in_thread(self._threads, function))

    # -- in threads

    def _submit(self) -> None:
        """Hand the waiting calls to threads: quick ones many in a row, since each hop costs more than they do."""
        waiting, self._waiting = self._waiting, []
        while waiting:
            most = self._in_a_row(waiting[0].plan)
            calls, waiting = waiting[:most], waiting[most:]
            self._threads.submit(_Row(self._running(), self._clock, calls, self._heard, self.within))

    def _in_a_row(self, plan: Plan) -> int:
        takes = self._takes.get(plan)
        return 1 if takes is None else max(1, min(_AT_ONCE, int(_IN_A_ROW / max(takes, 1e-6))))

    def _heard(self, done: list[tuple[Call, Ended]]) -> None:
        for call, how in done:
            took = how.took / SECOND
            before = self._takes.get(call.plan, took)
            self._takes[call.plan] = max(took, _MEMORY * before + (1 - _MEMORY) * took)
            self._tell(call, how)


class _Row:
    """Some calls that one thread does one after the other."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        calls: list[Call],
        heard: Callable[[list[tuple[Call, Ended]]], None],
        within: object,
    ) -> None:
        self._within = within
        self._loop = loop
        self._clock = clock
        self._calls = calls
        self._heard = heard

    def __call__(self) -> None:
        done = [(call, self._do(call)) for call in self._calls]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            self._loop.call_soon_threadsafe(self._heard, done)

    def _do(self, call: Call) -> Ended:
        plan, event = call.plan, call.event
        info = info_of(plan, event, call.caller.generation, self._within)
        began = self._clock.monotonic()
        try:
            how = contextvars.copy_context().run(called, call, info)
        except BaseException as error:  # whatever a handler raises is its outcome
            how = Ended(error)
        how.took = int((self._clock.monotonic() - began) * SECOND)
        return how


async def _in_thread(threads: Spawner, function: Callable[[], Any]) -> Any:
    """Run a function in a thread, and await what it returns."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def job() -> None:
        try:
            tell = partial(answer.set_result, function())
        except BaseException as error:  # whatever a handler raises is its outcome
            tell = partial(answer.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            loop.call_soon_threadsafe(lambda: None if answer.done() else tell())

    threads.submit(job)
    return await answer
