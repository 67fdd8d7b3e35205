"""The only place where user side effects happen: one attempt of a step, on the loop or in a thread.

An attempt ends exactly once, with a value or with the exception that it raised, whatever that is:
``SystemExit`` out of a step's body is that step's failure, not the worker's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import Any, Protocol

from dalsegno.core.durations import text
from dalsegno.core.transact import OpenTx, inside
from dalsegno.engine.calls import StepCall
from dalsegno.engine.context import StepInfo, step_context
from dalsegno.errors import StepTimeout

Ended = Callable[[Any, Any, BaseException | None], None]
"""Hears how an attempt ended: whose it was, as told at its start, its value, its error."""


class Attempt(Protocol):
    """An attempt under way."""

    def cancel(self) -> None:
        """Ask it to end; it still answers once, when it really has ended."""
        ...

    def abandon(self) -> None:
        """Stop listening: it answers nothing any more."""
        ...


class Spawner(Protocol):
    """Where ``def`` steps run: threads, or in a simulation the loop itself."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job there, without blocking."""
        ...

    def given_up(self, change: int) -> None:
        """Count a job that nobody waits for any more (+1), or one of those that came back (-1)."""
        ...


class StepRunner:
    """Starts attempts; ``ended`` is called on the worker's loop."""

    def __init__(self, threads: Spawner) -> None:
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, call: StepCall, info: StepInfo, timeout: int | None, ended: Ended, whose: Any) -> Attempt:
        """Begin an attempt; ``timeout`` is in microseconds, ``whose`` comes back with its end."""
        if self._loop is None:  # asked for once: before Python 3.12 each asking is a system call
            self._loop = asyncio.get_running_loop()
        if call.step.is_async:
            return AsyncAttempt(self._loop, call, info, timeout, ended, whose)
        return ThreadAttempt(self._loop, call, info, timeout, ended, whose, self._threads)

    def transact(self, call: StepCall, info: StepInfo, tx: OpenTx) -> Any:
        """Run a body in a transaction, in the thread and the context that it is called in."""
        step_context.set(info)
        inside.set(tx)
        return call.step.function(tx, *call.args, **call.kwargs)


def timed_out(info: StepInfo, timeout: int) -> StepTimeout:
    """Make the error of an attempt that took too long."""
    return StepTimeout(
        f"Step {info.step} of run {info.run_id} took longer than {text(timeout)} (attempt {info.attempt}).",
        "Whether its effect happened is not known.",
        "Let the service tell by the idempotency key; raise timeout= if it is merely slow.",
        run_id=info.run_id,
        step=info.step,
        attempt=info.attempt,
    )


class AsyncAttempt:
    """An ``async def`` step as a task on the worker's loop."""

    __slots__ = ("_ended", "_task", "_whose")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        call: StepCall,
        info: StepInfo,
        timeout: int | None,
        ended: Ended,
        whose: Any,
    ) -> None:
        self._ended: Ended | None = ended
        self._whose = whose
        self._task = loop.create_task(self._run(call, info, timeout))

    async def _run(self, call: StepCall, info: StepInfo, timeout: int | None) -> None:
        value, error = None, None
        step_context.set(info)  # in the task's own copy of the context
        try:
            if timeout is None:
                value = await call.step.function(*call.args, **call.kwargs)
            else:
                value = await self._within(timeout, call, info)
        except BaseException as raised:  # whatever a step raises is its outcome
            error = raised
        if self._ended is not None:
            self._ended(self._whose, value, error)

    async def _within(self, timeout: int, call: StepCall, info: StepInfo) -> Any:
        limit = asyncio.timeout(timeout / 1_000_000)
        try:
            async with limit:
                return await call.step.function(*call.args, **call.kwargs)
        except TimeoutError:
            if limit.expired():
                raise timed_out(info, timeout) from None
            raise

    def cancel(self) -> None:
        self._task.cancel()

    def abandon(self) -> None:
        self._ended = None
        self._task.cancel()


class ThreadAttempt:
    """A ``def`` step in a thread. It cannot be interrupted: its timeout gives up on it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        call: StepCall,
        info: StepInfo,
        timeout: int | None,
        ended: Ended,
        whose: Any,
        threads: Spawner,
    ) -> None:
        self._ended: Ended | None = ended
        self._whose = whose
        self._threads = threads
        self._loop = loop
        self._began = False
        self._called_off = False
        self._gave_up = False
        self._alarm: asyncio.TimerHandle | None = None
        self._info, self._timeout, self._call = info, timeout, call
        self._context = contextvars.copy_context()
        self._context.run(step_context.set, info)
        threads.submit(self._job)

    def _job(self) -> None:
        self._began = True
        value, error = None, None
        try:
            if self._called_off:  # before a thread was free: its effect must not happen any more
                raise asyncio.CancelledError
            if self._timeout is not None:  # counted from when a thread has taken it up
                self._tell(self._arm)
            value = self._context.run(self._call.step.function, *self._call.args, **self._call.kwargs)
        except BaseException as raised:  # whatever a step raises is its outcome
            error = raised
        self._tell(self._done, value, error)

    def _tell(self, what: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            self._loop.call_soon_threadsafe(what, *args)

    def _arm(self) -> None:
        if self._ended is not None and self._timeout is not None:
            self._alarm = self._loop.call_later(self._timeout / 1_000_000, self._late)

    def _late(self) -> None:
        assert self._timeout is not None
        self._give_up()
        self._answer(None, timed_out(self._info, self._timeout))

    def _give_up(self) -> None:
        self._gave_up = True
        self._threads.given_up(1)

    def _done(self, value: Any, error: BaseException | None) -> None:
        if self._gave_up:
            self._threads.given_up(-1)
        self._answer(value, error)

    def _answer(self, value: Any, error: BaseException | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self._whose, value, error)

    def cancel(self) -> None:
        """A thread cannot be interrupted; once it has begun, it answers at its end or its timeout's."""
        self._called_off = True

    def abandon(self) -> None:
        self._called_off = True
        if self._began and self._ended is not None:
            self._give_up()
        if self._alarm is not None:
            self._alarm.cancel()
        self._ended = None
