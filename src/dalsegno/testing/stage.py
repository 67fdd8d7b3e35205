"""A simulated world that looks into steps and handlers: where ``explore`` and ``rehearse`` play.

To what a ``World`` has it adds the points inside bodies (before one, after it, at each call of a
``Service``), a process that stands still until another has taken over, a person who redrives what was
made to fail, and blocking verbs, so that whoever plays here needs no ``async``. Its clock jumps over
whatever nobody is awake in.
"""

from __future__ import annotations

import contextlib
import time
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, Self, TypeVar, cast
from unittest import mock

from dalsegno.client import AsyncClient
from dalsegno.core.clock import nap
from dalsegno.core.execution import current
from dalsegno.core.ids import seeded, steadied
from dalsegno.core.limits import Limits
from dalsegno.engine.calls import StepCall
from dalsegno.engine.context import StepInfo
from dalsegno.engine.definitions import StepDefinition
from dalsegno.engine.registry import Registry
from dalsegno.engine.runner import StepRunner
from dalsegno.errors import SideEffectInWorkflow
from dalsegno.events.known import Known
from dalsegno.store.log import DeadLetterQuery
from dalsegno.testing.deeds import Deeds, Doing, under_way
from dalsegno.testing.failing import Failing
from dalsegno.testing.faults import Fault, Moment
from dalsegno.testing.handled import watched
from dalsegno.testing.invariants import peek
from dalsegno.testing.naming import Names
from dalsegno.testing.plans import AT_ONCE, LATER, CrashPlan, Mishap
from dalsegno.testing.script import Place, Script, written
from dalsegno.testing.services import Gone, on_stage
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import SimThreads
from dalsegno.testing.simloop import SECOND, Host
from dalsegno.testing.undisturbed import as_it_was
from dalsegno.testing.watched import Body, WatchedRunner
from dalsegno.testing.world import Stuck, World

T = TypeVar("T")

_ALL = 1_000_000
_LEASE = 200_000
_STALL = 3 * SECOND  # far beyond the lease, and longer than a write can be slow
_TICK = 0.05  # seconds of virtual time between looks at whether everything rests
_SHUFFLE = 0.02  # seconds at most by which an answer is late in another order
_SETTING = Setting(
    lease=_LEASE,
    latency=0,
    rebirth=SECOND // 50,
    patience=600 * SECOND,
    limits=Limits(crashes=1_000, suspect=500),
)


class Stage(World):
    """See the module. A context manager: the world is there as long as the ``with`` lasts."""

    def __init__(
        self,
        registry: Registry,
        plan: CrashPlan | None = None,
        *,
        known: Known | None = None,
        seed: int | str = 0,
        error: BaseException | None = None,
        setting: Setting = _SETTING,
    ) -> None:
        self.script = Script(plan or CrashPlan())
        order = self.script.plan.order
        self.known = known or Known()
        handlers = [each for service in self.known.services.values() for each in service.handlers.values()]
        self.titles = {handler.title for handler in handlers}
        self.handled = {handler.title for handler in handlers if handler.workflow is None}
        twin = watched(self.known, self)
        super().__init__(
            f"{seed}/{order}" if order else seed,
            registry,
            setting=setting,
            plan=_Writes(self),
            known=lambda _: twin,
        )
        self.names = Names(self.store, self.invariants)
        self.deeds = Deeds(self.clock.now)
        self.threads: dict[str, SimThreads] = {}
        self._chance = seeded("order", seed, order) if order else None
        self.failing = Failing(error)
        self._open_things = contextlib.ExitStack()
        self._really_sleep: Callable[[float], None] = vars(time)["sleep"]
        self._named = 0
        self._emitted: list[Callable[[AsyncClient], Coroutine[Any, Any, Any]]] = []

    def __enter__(self) -> Self:
        if events._get_running_loop() is not None:
            raise RuntimeError("a play has an event loop of its own: call this in a plain def test")
        with contextlib.ExitStack() as opened:
            opened.enter_context(as_it_was())
            opened.enter_context(steadied(seeded("stage", self.seed)))
            opened.enter_context(mock.patch("time.sleep", self._sleep))
            opened.callback(self.close)
            opened.callback(on_stage.reset, on_stage.set(self))
            self._ground = copy_context()
            self.loop.run(self._opening())
            self._open_things = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open_things.close()

    async def _opening(self) -> None:
        await self.store.open()
        self._begin("client")
        self._begin("worker1")

    # -- blocking verbs

    def emit(self, send: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> T:
        """Have the client emit something under an id, twice if that is the plan."""
        self._emitted.append(send)
        numbers = self.drive(self.ask(send))
        return self.drive(self.ask(send)) if self.script.plan.again == AT_ONCE else numbers

    @property
    def emits(self) -> bool:
        """Whether the scenario has emitted anything."""
        return bool(self._emitted)

    def emit_again(self) -> bool:
        """Emit all of it once more, if that is the plan; tell whether it is."""
        again = self.script.plan.again == LATER
        for send in self._emitted if again else ():
            self.drive(self.ask(send))
        return again

    def next_number(self) -> int:
        """Count what a scenario left without a name."""
        self._named += 1
        return self._named

    def drive(self, coro: Coroutine[Any, Any, T]) -> T:
        """Let the world turn until a coroutine has ended."""
        return self.loop.run(coro)

    def pass_time(self, microseconds: int) -> None:
        """Let time pass; what is due by then is done, unless a step takes longer."""
        self.drive(self._pass_time(self.clock.now() + microseconds))

    async def _pass_time(self, target: int) -> None:
        await self._turn(lambda: False, target)
        ends = self.loop.now_us + SECOND
        while self._idle() is None and self.loop.now_us < ends:
            await nap(_TICK)

    def until_ended(self, run_id: str, target: int | None = None) -> bool:
        """Let time pass until a run has ended; False when it has not by ``target``, or never will."""
        return self.drive(self._turn(lambda: self._has_ended(run_id), target))

    def come_to_rest(self) -> None:
        """Let time pass until nothing will happen any more; then let go of those that stand still."""
        self.drive(self._turn(lambda: False, None))
        self.drive(self.settle())
        self.check_loop()
        self.invariants.reacting.at_rest(self.invariants.chronicle.events)
        self.appends.check(self.invariants.shadows)

    async def _turn(self, done: Callable[[], bool], target: int | None) -> bool:
        """Turn until ``done``, or ``target``, or the end; skip what nobody is awake in."""
        patience = self.loop.now_us + self.setting.patience
        while not done():
            self.check_loop()
            await self._mend()
            now = self.clock.now()
            if target is not None and now >= target:
                return False
            wait = self._idle()
            if wait is not None:
                if wait < 0 and target is None:
                    return False
                left = [each for each in (wait, None if target is None else target - now) if each is not None]
                jump = min(each for each in left if each >= 0)
                if jump > SECOND:
                    self._fly(jump)
                    patience = self.loop.now_us + self.setting.patience
            if self.loop.now_us > patience:
                raise Stuck(self._at_work())
            await nap(_TICK)
        return True

    def _idle(self) -> int | None:
        """How long until something is due, -1 for never; None while somebody is at work."""
        if self._behind():
            return None
        soonest = -1
        now = self.clock.now()
        for run in self.runs():
            if run.status.ended:
                continue
            if run.session is not None:
                return None
            if run.due_at is not None:
                wait = max(0, run.due_at - now)
                soonest = wait if soonest < 0 else min(soonest, wait)
        return None if soonest == 0 else soonest

    def _at_work(self) -> str:
        """Say who has been at work for longer than anybody should be."""
        runs = ", ".join(run.id for run in self.runs() if run.session is not None) or (
            ", ".join(self._behind()[:1]) or "nothing"
        )
        return (
            f"{runs} has been at work for {self.setting.patience // SECOND} s of virtual time; if a step of it "
            "sleeps for so long, let it sleep for less here"
        )

    def _has_ended(self, run_id: str) -> bool:
        row = self.row(run_id)
        return row is not None and row.status.ended

    # -- mishaps

    def stall(self, host: Host) -> None:
        """Let a process stand still past its lease, and let another worker be there."""
        self.pause(host.name, _STALL / SECOND)
        name = f"worker{len([name for name in self.lives if name.startswith('worker')]) + 1}"
        if host.name.startswith("worker"):
            self._begin(name)

    def _runner(self, host: Host, threads: SimThreads) -> StepRunner:
        self.threads[str(host)] = threads
        return WatchedRunner(self, host, threads)

    def body(self, call: StepCall, info: StepInfo, host: Host) -> StepCall:
        """Come to a step's body: return the call with a body that knows its points."""
        doing = Doing(info.idempotency_key, info.run_id, info.step, info.attempt, host)
        number, mishap = 0, None
        if host.alive:
            what = f"{info.step} of {info.run_id}" + (f", attempt {info.attempt}" if info.attempt > 1 else "")
            fails = info.attempt == 1 and not call.undoes and self._is_saga(info)
            number, mishap = self.script.visit(Place.STEP, what, info.run_id, fails=fails)
        self._befall(doing, mishap)
        step = cast("StepDefinition", Body(self, call.step, doing, number))
        return StepCall(step, call.args, call.kwargs, call.key, call.scope, call.undoes)

    def before_handler(self, doing: Doing, title: str) -> int:
        """Come to a handler's body; return the number of its point."""
        number, mishap = 0, None
        if doing.host.alive:
            what = f"{title} of {self.names.event(int(doing.key.rpartition('/')[2]))}"
            what += f", attempt {doing.attempt}" if doing.attempt > 1 else ""
            number, mishap = self.script.visit(Place.HANDLER, what, doing.run_id, fails=doing.attempt == 1)
        self._befall(doing, mishap)
        return number

    def _befall(self, doing: Doing, mishap: Mishap | None) -> None:
        """Let happen what happens before a body."""
        self.failing.begin(doing, mishap)
        if mishap is Mishap.BEFORE:
            self.kill(doing.host)
        elif mishap is Mishap.ZOMBIE:
            self.stall(doing.host)

    def _is_saga(self, info: StepInfo) -> bool:
        return any(
            w.model == "saga" for (name, _), w in self.registry.workflows.items() if name == info.workflow
        )

    def enter_body(self, doing: Doing) -> None:
        """Begin a body; raise what it was told to raise instead."""
        under_way.set(doing)
        if not doing.host.alive:
            raise Gone
        self.failing.enter(doing)

    def leave_body(self, doing: Doing, number: int, call: tuple[Any, Any, Any]) -> float:
        """End a body that has returned; return how many seconds late its answer is to come."""
        self.deeds.body_done(doing, *call)
        self.after_call(doing, number)
        self.failing.leave(doing)
        return self._chance.random() * _SHUFFLE if self._chance is not None else 0.0

    def before_call(self, doing: Doing, name: str) -> int:
        """Come to a call of a service."""
        if not doing.host.alive:
            raise Gone
        fails = doing.kind == "handler" and doing.attempt == 1
        number, mishap = self.script.visit(Place.CALL, name, doing.run_id, fails=fails)
        if mishap is Mishap.BEFORE:
            self.kill(doing.host)
            raise Gone
        self.failing.begin(doing, mishap, name)
        self.failing.enter(doing, name)
        return number

    def after_call(self, doing: Doing, number: int, name: str = "") -> None:
        """Leave a call of a service, or a body."""
        if not doing.host.alive:
            raise Gone
        if self.script.mishap(number) is Mishap.AFTER:
            self.kill(doing.host)
            raise Gone
        if name:
            self.failing.leave(doing, name)

    async def _mend(self) -> None:
        """Redrive what has become a dead letter because it was made to fail, as a person would; it fails no more."""
        if not self.failing.runs:
            return
        for letter in peek(self.store.dead_letters(DeadLetterQuery(limit=_ALL))):
            if self.names.run(letter.run) in self.failing.runs:
                self.failing.end()
                await self.ask(partial(_redrive, letter.number))
                return

    def _sleep(self, seconds: float) -> None:
        """Stand in for ``time.sleep``: a step takes long in virtual time."""
        run, doing = current(), under_way.get()
        if run is not None:
            raise SideEffectInWorkflow(
                "Workflow code called time.sleep(), which blocks the worker and all its runs.",
                "And it would sleep again at each replay.",
                "Use dalsegno.sleep(), or asyncio.sleep() in async def code.",
                run_id=run.run_id,
            )
        if doing is None:  # a thread of the test's own, or the test itself
            self._really_sleep(seconds)
        elif events._get_running_loop() is None:  # in an async def step it would hold up the whole worker
            self.threads[str(doing.host)].takes(round(seconds * SECOND))


async def _redrive(number: int, client: AsyncClient) -> bool:
    return await client.dead_letters.redrive(number)


class _Writes:
    """The plan's share of the writes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def write(self, moment: Moment) -> Fault | None:
        what, run_id = written(moment.group, self._stage.names)
        if not what:
            return None
        _, mishap = self._stage.script.visit(
            Place.WRITE, what, run_id, of_worker=moment.host.name != "client"
        )
        if mishap is Mishap.ZOMBIE:
            self._stage.stall(moment.host)
            return Fault.SLOW  # it is awake again when that is over
        return _FAULTS.get(mishap) if mishap is not None else None

    def read(self, host: Host, name: str) -> Fault | None:
        return None

    def __repr__(self) -> str:
        return str(self._stage.script.plan)


_FAULTS = {Mishap.BEFORE: Fault.BEFORE, Mishap.AFTER: Fault.AFTER, Mishap.LATE: Fault.LATE}
