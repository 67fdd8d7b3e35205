"""One run's code in memory, moved forward by journal entries and by nothing else.

``begin`` starts the code, ``deliver`` gives it one entry; each runs the code until it waits. What
the code wants meanwhile (steps, timers, children) is collected for the engine. There is no I/O
here, no clock and no thread: the same entries always give the same wants, which is what replay
rests on. Where journal and code disagree, ``deliver`` raises ``Diverged`` before anything happens.
"""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio import events
from collections.abc import Callable
from types import FrameType
from typing import Any

from msgspec.structs import replace

from dalsegno.core import failure
from dalsegno.core.entries import Delivery, Entry, Kind, Outcome, Timer
from dalsegno.core.fiber import Fiber
from dalsegno.core.ids import seeded
from dalsegno.core.limits import Limits
from dalsegno.core.loop import Alarm, Ready, RunLoop, RunTask, make_run_loop
from dalsegno.core.ops import Op, Request
from dalsegno.core.outbox import Outbox
from dalsegno.errors import Diverged, JournalFull, NotDecodable, PromiseNeverAwaited

UNWIND_TRIES = 100
_REFUSALS = 100  # how often code may swallow JournalFull
_STEP, _SIGNAL = Kind.STEP, Kind.SIGNAL  # asked for at each step; an enum's member is a slow read before 3.12
_ON_THE_WAY = (Kind.ATTEMPT, Kind.INTENT)  # entries that do not settle their step


class Execution:
    """A live run: its loop, the ops that its code made, and how far the journal was delivered.

    ``wants`` are ops that the engine has not begun, ``alarms`` the timers that are set,
    ``withdrawn`` ops whose promise the code cancelled after they had begun.
    """

    def __init__(
        self,
        number: int,
        run_id: str,
        *,
        is_async: bool,
        limits: Limits,
        depth: int = 0,
        case_id: str | None = None,
    ) -> None:
        self.number = number
        self.run_id = run_id
        self.limits = limits
        self.depth = depth
        self.case_id = case_id
        self.loop = make_run_loop(self)
        self.position = 0
        self.made = 0
        self.ops: dict[int, Op] = {}
        self.unheard: list[Op] = []
        self.wants: list[Op] = []
        self.withdrawn: list[Op] = []
        self.alarms: dict[int, Alarm] = {}
        self.receivers: list[Op] = []
        self.mailbox: list[Entry] = []
        self.reason: str | None = None
        self.outbox: Outbox | None = None
        self.versions: object = None  # what its App knows of the versions of events
        self.extra: bytes | None = None  # what is kept beside each event that it emits
        self.undone = (0, 0)  # compensations done, out of how many
        self.shielded = 0
        self.replaying = False
        self.cancel_requested = False
        self._key = f"{run_id}/{number:x}/"
        self._is_async = is_async
        self._main: RunTask[Any] | Fiber | None = None
        self._sweeping = False
        self._overrun: JournalFull | None = None
        self._random: random.Random | None = None

    # -- what the engine does with it

    def begin(self, body: Callable[[], Any], started_at: int) -> None:
        """Run the code from its first line until it waits.

        ``body`` is the workflow with its input bound: it returns a coroutine where the run is async.
        """
        self.loop.time_us = started_at
        if self._is_async:
            self._main = self.loop.spawn(body(), "main")
        else:
            self._main = Fiber(body, loop=self.loop)
        self._advance()

    def deliver(self, entry: Entry) -> None:
        """Give the code one entry and run it until it waits again.

        Raises ``Diverged``, with nothing delivered, when the code did not ask for this entry.
        """
        op = self._match(entry)
        self.position = entry.position
        self.loop.time_us = max(entry.at, self.loop.time_us)
        if op is not None:
            self._answer(op, entry)
        elif entry.kind is Kind.SIGNAL:
            self._post(entry)
        elif entry.kind is Kind.TIMER:
            self._fire(entry.op)
        else:
            self._cancel()
        self._advance()

    def _answer(self, op: Op, entry: Entry) -> None:
        """Give an op the entry that settles it, or one on the way there."""
        kind = entry.kind
        if kind is op.kind:
            del self.ops[op.number]
            op.begun = True
            op.settle(entry)
        elif kind is Kind.ATTEMPT:
            op.attempts, op.intent = entry.attempt, 0
            op.last_error = _told(entry.data)
            op.tried_at = op.tried_at or entry.at
            op.unknown = op.unknown or entry.outcome is Outcome.UNKNOWN
        else:
            op.intent = entry.attempt

    @property
    def ended(self) -> bool:
        """Whether the code has come to its end, stray tasks included."""
        main = self._main
        return main is not None and not self.loop.open_tasks and main.done()

    def outcome(self) -> Any:
        """Return what the code returned, or raise what it raised; only when it has ended."""
        assert self._main is not None
        if self._overrun is not None:
            raise self._overrun
        value = self._main.result()
        started = (*self.unheard, *self.ops.values())
        forgotten = [op for op in started if not op.waited_for and not op.cancelled()]
        if forgotten:
            forgotten.sort(key=lambda op: op.number)
            names = ", ".join(op.label for op in forgotten[:5])
            raise PromiseNeverAwaited(
                f"Run {self.run_id} returned while nobody had waited for {names}.",
                "What a run starts belongs to it; its outcome would be lost without a word.",
                "Write `await p` (or `p.result()` in def code), or cancel it: `p.cancel()`.",
                run_id=self.run_id,
            )
        return value

    @property
    def line(self) -> str:
        """File and line where the code stands, for messages."""
        frame = self._main.frame() if isinstance(self._main, Fiber) else _frame(self._main)
        return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "its end"

    def take_wants(self) -> list[Op]:
        """Hand over the ops that came since the last call and are still wanted."""
        wanted: list[Op] = []
        for op in self.wants:
            if op.settled is None and not op.done():
                op.begun = True
                wanted.append(op)
        self.wants.clear()
        return wanted

    def take_withdrawn(self, kind: Kind) -> list[Op]:
        """Hand over the ops of a kind that the code cancelled after they had begun, and nothing has settled."""
        taken = [op for op in self.withdrawn if op.kind is kind]
        self.withdrawn = [op for op in self.withdrawn if op.kind is not kind]
        return [op for op in taken if op.settled is None]

    def open_children(self) -> list[Op]:
        """Return the children that the code wants, or gave up on after they had begun, and that have not ended."""
        if not self.ops:
            return []
        children = [op for op in self.ops.values() if op.kind is Kind.CHILD]
        return [op for op in children if op.begun or not op.cancelled()]

    def open_emissions(self) -> list[Op]:
        """Return the emissions that the journal does not have yet."""
        return [op for op in self.ops.values() if op.kind is Kind.EMIT] if self.ops else []

    def check_timers(self, stored: list[Timer]) -> None:
        """Compare the stored timers with the ops that replay has made."""
        for timer in stored:
            op = self.ops.get(timer.op)
            if timer.op > self.made or (op is not None and not timer.retry):
                raise self._diverged(self.position, f"a timer (#{timer.op})", self._found(timer.op))

    def check_inbox(self, inbox: tuple[Delivery, ...]) -> None:
        """Compare the results of children that have come with the ops that replay has made."""
        for delivery in inbox:
            op = self.ops.get(delivery.op) if delivery.kind is Kind.CHILD else None
            if op is not None and (op.kind, op.name) != (Kind.CHILD, delivery.name):
                raise self.diverged_child(op, delivery.name)

    def diverged_child(self, op: Op, workflow: str) -> Diverged:
        """Make the error of an op that has started a child run of another workflow, or with another input."""
        found = "the same with another input" if op.name == workflow else op.label
        return self._diverged(self.position, f"child {workflow!r} (#{op.number})", found)

    # -- what verbs ask of it

    def open(self, kind: Kind, name: str, digest: bytes, request: Request, names: tuple[str, ...] = ()) -> Op:
        """Make the next op, or answer it at once where an early signal already did."""
        if self.loop.dead:
            return self._inert(kind, name, request)
        if self.cancel_requested and not self.shielded:
            self._still_cancelled()
        self._count()
        op = Op(self, self.made, kind, name, digest, request, names)
        self.ops[op.number] = op
        if kind is _SIGNAL:
            self._receive(op)
        else:
            self.wants.append(op)
        return op

    @property
    def rng(self) -> random.Random:
        """The run's own randomness: the same at each replay."""
        if self._random is None:
            self._random = seeded("run", self.number)
        return self._random

    def post(self) -> Outbox:
        """Return the run's outbox, which most runs never need."""
        if self.outbox is None:
            self.outbox = Outbox()
        return self.outbox

    def key_of(self, op: int) -> str:
        """Name an op for the services that it calls: the same before and after crashes, unique for ever.

        The run's number is in it because an id may be used again once its run was pruned.
        """
        return f"{self._key}{op}"

    def note_cancelled(self, op: Op) -> None:
        """Hear that the code cancelled an op's promise."""
        if op.kind is Kind.SIGNAL:
            self._stop_receiving(op)
        elif op.begun:
            self.withdrawn.append(op)

    def alarm_set(self, when: float, ready: Ready) -> Alarm:
        """Make a timer of the code's loop an op."""
        self._count()
        alarm = Alarm(self, self.made, when, self.loop.time_us, ready)
        self.alarms[alarm.op] = alarm
        return alarm

    def alarm_cancelled(self, alarm: Alarm) -> None:
        """Forget a timer that the code does not want any more."""
        self.alarms.pop(alarm.op, None)

    # -- inside

    def _count(self) -> None:
        """Number the next op, if there may be one more; what undoes a saga may always be."""
        self.made += 1
        if self.made > self.limits.ops and not self.shielded:
            full = JournalFull(
                f"Run {self.run_id} asked for operation {self.made}; a run may have {self.limits.ops}.",
                "Replaying a journal that long would take ever longer. Nothing of this operation was written.",
                "Let a loop of many rounds start a child run per batch, or end and start a new run.",
                run_id=self.run_id,
                limit=self.limits.ops,
            )
            if self.made > self.limits.ops + _REFUSALS:
                # The code swallows the error and asks again: such a turn would never end, nor any other.
                self._overrun = full
                raise asyncio.CancelledError(full.what)
            raise full

    def _advance(self) -> None:
        loop = self.loop
        loop.drain()
        main = self._main
        if loop.open_tasks and main is not None and main.done() and not self._sweeping:
            # As asyncio.run: what is still running when the main task ends is cancelled, and awaited.
            self._sweeping = True
            for task in list(loop.open_tasks.values()):
                task.cancel()
            loop.drain()

    def _match(self, entry: Entry) -> Op | None:
        """Find the op that ``entry`` answers; raise ``Diverged`` where the code made another one."""
        op = self.ops.get(entry.op)
        kind = entry.kind
        if op is not None and op.name == entry.name and op.digest == entry.digest:
            asked = op.kind
            if kind is asked is not _SIGNAL or (asked is _STEP and kind in _ON_THE_WAY):
                return op
        if entry.op == 0:
            return None
        if kind is Kind.TIMER:
            if entry.op > self.made or op is not None:
                raise self._diverged(entry.position, f"a timer (#{entry.op})", self._found(entry.op))
            return None
        if kind is Kind.SIGNAL:
            if entry.op > self.made or (op is not None and entry.name not in op.names):
                raise self._diverged(entry.position, f"a signal {entry.name!r}", self._found(entry.op))
            return None
        wanted = Kind.STEP if kind in _ON_THE_WAY else kind
        what = f"{wanted.name.lower()} {entry.name!r} (#{entry.op})"
        found = self._found(entry.op)
        if op is not None and op.kind is wanted and op.name == entry.name:
            what = f"{what} with input {entry.digest.hex()}"
            found = f"the same with input {op.digest.hex()}"
        raise self._diverged(entry.position, what, found)

    def _found(self, number: int) -> str:
        op = self.ops.get(number)
        if op is not None:
            return op.label
        if number in self.alarms:
            return f"a timer (#{number})"
        return self._so_far()

    def _so_far(self) -> str:
        end = "came to its end" if self.ended else "waits"
        return f"nothing of the kind: it {end} after {self.made} operations"

    def _diverged(self, position: int, expected: str, found: str) -> Diverged:
        return Diverged(
            f"Run {self.run_id}, entry {position}: the journal holds {expected}, the code now asks for {found}.",
            "The code changed while this run was alive, or it is not deterministic. Nothing was run or written.",
            "Bring back the old code under its own version=, or mend it and run "
            f"`dalsegno runs retry {self.run_id}`; docs/explanation/living-with-code-changes.md tells how.",
            run_id=self.run_id,
            entry=position,
            expected=expected,
            found=found,
        )

    def _cancel(self) -> None:
        self.cancel_requested = True
        if self._main is not None and not self.shielded:
            self._main.cancel()

    def _still_cancelled(self) -> None:
        """Raise the cancel again where the code swallowed it and goes on as if nothing was."""
        main = self._main
        # A TaskGroup whose child failed also cancels the task around it, and may leave it counted.
        if main is None or not self._in_main() or not main.cancelling():
            return
        handled = sys.exc_info()[1]
        while handled is not None:
            if isinstance(handled, asyncio.CancelledError):
                return  # the code is cleaning up: that is what it may do
            handled = handled.__context__
        raise asyncio.CancelledError(f"run {self.run_id} was cancelled")

    def _in_main(self) -> bool:
        if self._is_async:
            return asyncio.current_task(self.loop) is self._main
        return self.loop.fiber is self._main

    def _fire(self, number: int) -> None:
        alarm = self.alarms.pop(number, None)
        if alarm is not None:
            self.loop.fire(alarm)

    def _post(self, entry: Entry) -> None:
        """Give a signal to who asked for it, or to the next who waits for its name, or keep it."""
        waiting = [op for op in self.receivers if entry.name in op.names]
        taker = next((op for op in waiting if op.number == entry.op), waiting[0] if waiting else None)
        if taker is None:
            self.mailbox.append(entry)
        elif taker.number == entry.op:
            # Whether it could be read was written down when it was taken: not so any more is divergence.
            self._stop_receiving(taker)
            taker.settle(entry)
        else:
            self._hand(taker, entry)

    def _receive(self, op: Op) -> None:
        early = next((entry for entry in self.mailbox if entry.name in op.names), None)
        self.receivers.append(op)
        if early is not None:
            self.mailbox.remove(early)
            self._hand(op, early)

    def _hand(self, op: Op, entry: Entry) -> None:
        """Give an op a signal that was taken for another one, or before it was made."""
        self._stop_receiving(op)
        try:
            op.settle(replace(entry, outcome=Outcome.VALUE))
        except NotDecodable as error:  # the sender's mistake, not the code's: the code hears of it
            op.fail(error)

    def _stop_receiving(self, op: Op) -> None:
        self.receivers.remove(op)
        self.ops.pop(op.number, None)

    def _inert(self, kind: Kind, name: str, request: Request) -> Op:
        """In a dead execution a verb records nothing: ``def`` code stands still, a promise never comes."""
        if self.loop.fiber is not None:
            self.loop.fiber.suspend()
        return Op(self, 0, kind, name, b"", request)

    # -- the end

    def evict(self) -> None:
        """Drop the code wherever it stands; nothing that runs on the way out can record anything."""
        loop = self.loop
        if loop.dead:
            return
        loop.dead = True
        stopped = list(loop.open_tasks.values())
        fiber = self._main if isinstance(self._main, Fiber) and not self._main.done() else None
        if stopped or fiber is not None or loop.open_agens:
            self._unwind(stopped, fiber)
        self._let_go(stopped)

    def _unwind(self, tasks: list[RunTask[Any]], fiber: Fiber | None) -> None:
        """End the code wherever it stands: tasks, async generators and the fiber, in the order of their making."""
        outer = events._get_running_loop()
        events._set_running_loop(self.loop)
        try:
            for task in tasks:
                task.forget()
                _close(task.get_coro())
            for reference in list(self.loop.open_agens.values()):
                _abandon(reference())
            if fiber is not None:
                fiber.unwind(UNWIND_TRIES)
        finally:
            events._set_running_loop(outer)

    def _let_go(self, stopped: list[RunTask[Any]]) -> None:
        """Cut the circles: what is left of a run is freed at once, not by a collection that may not come."""
        for task in stopped:
            _unhook(task)
            _unhook(task.awaits())
        for op in self.ops.values():
            _unhook(op)
        self.loop.let_go()
        self._main = None
        for kept in (self.ops, self.unheard, self.alarms, self.wants, self.withdrawn, self.receivers):
            kept.clear()


def current() -> Execution | None:
    """Return the execution whose code is running right now, None outside workflow code."""
    loop = events._get_running_loop()
    return loop.keeper if type(loop) is RunLoop and isinstance(loop.keeper, Execution) else None


def _told(data: bytes | None) -> str:
    told = failure.decode(data) if data else None
    return "" if told is None else told.title[:500]


def _frame(task: asyncio.Task[Any] | None) -> FrameType | None:
    stack = task.get_stack(limit=1) if task is not None else []
    return stack[0] if stack else None


def _unhook(future: asyncio.Future[Any] | None) -> None:
    if future is not None:
        for callback, _ in list(future._callbacks or ()):
            future.remove_done_callback(callback)


def _close(coro: Any) -> None:
    for _ in range(UNWIND_TRIES):
        try:
            coro.close()
        except RuntimeError:  # it awaited on its way out: close it there too
            continue
        except BaseException:  # its own clean-up failed; it is being dropped
            return
        return


def _abandon(agen: Any) -> None:
    if agen is not None:
        try:
            agen.aclose().send(None)
        except BaseException:  # StopIteration at its end, or whatever its clean-up raised
            return
