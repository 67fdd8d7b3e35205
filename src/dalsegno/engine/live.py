"""A run in memory, owned by this worker: its execution, and what the store knows of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dalsegno.core.commit import Commit, Loaded, Send
from dalsegno.core.entries import Delivery, Entry, Kind, Outcome, Timer
from dalsegno.core.execution import Execution
from dalsegno.core.ops import Op
from dalsegno.core.runs import Run
from dalsegno.engine.calls import ReceiveCall
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.runner import Attempt


class UnderWay(msgspec.Struct):
    """An attempt of a step that has not ended, and when it began."""

    op: Op
    attempt: Attempt
    began_at: int


class LiveRun:
    """One run under way, or waiting in the cache.

    ``position`` and ``at`` are those of the last durable entry. ``answers`` are entries that wait to
    be committed; ``stored`` the timers that the store has; ``due`` when each set timer fires.
    """

    def __init__(self, run: Run, workflow: Workflow[object, object], execution: Execution) -> None:
        self.run = run
        self.number = run.number
        self.workflow = workflow
        self.execution = execution
        self.position = 0
        self.at = run.started_at or run.created_at
        self.wakes = run.wakes
        self.inbox: dict[int, Delivery] = {}
        self._taken: set[int] = set()
        self.stored: dict[int, Timer] = {}
        self.due: dict[int, int] = {}
        self.retries: dict[int, int] = {}
        self.waiting: dict[int, Op] = {}  # steps between two attempts, or held back
        self.attempts: dict[int, UnderWay] = {}
        self.let_in: set[Op] = set()  # steps under way whose gate counts them
        self.answers: list[Entry] = []
        self.unsent: list[Send] = []
        self.committing = False
        self.cold = True  # its code has not begun here
        self.replaying = False
        self.dropped = False
        self.broken: tuple[str, BaseException] | None = None  # why it is being parked
        self.warned = False
        self.shown = (run.reason, (0, 0))

    @property
    def turn(self) -> int:
        """The claim under which this worker holds it."""
        return self.run.turn

    # -- what came from the store

    def replay(self, loaded: Loaded | None) -> None:
        """Begin its code, and lead it through its journal, if there is one. Raises Diverged, NotDecodable."""
        execution = self.execution
        body = self.workflow.bind(self.run.input)  # an input that no longer fits is divergence, not a failure
        execution.replaying = bool(loaded and loaded.entries)
        execution.begin(body, self.at)
        if loaded is None:
            return
        self._take(loaded)
        for entry in loaded.entries:
            execution.deliver(entry)
            self.position, self.at = entry.position, entry.at
        execution.replaying = False
        execution.check_timers(list(loaded.timers))
        execution.check_inbox(loaded.inbox)

    def _take(self, loaded: Loaded) -> None:
        """Take inbox and timers as the store has them."""
        self.hear(loaded.inbox)
        self.stored = {timer.op: timer for timer in loaded.timers}
        self.retries = {timer.op: timer.due_at for timer in loaded.timers if timer.retry}

    def hear(self, inbox: tuple[Delivery, ...]) -> None:
        """Take what waits for the run; a read may be older than what was taken, or heard, meanwhile."""
        for delivery in inbox:
            if delivery.number not in self._taken:
                self.inbox[delivery.number] = delivery
        self.wakes = max([self.wakes, *self.inbox])

    def took(self, consumed: Sequence[int]) -> None:
        """Note that entries have taken these deliveries, durably."""
        self._taken.update(consumed)
        for number in consumed:
            self.inbox.pop(number, None)

    # -- a commit that was refused

    def want_again(self, commit: Commit) -> None:
        """Want the children again that a refused commit would have started."""
        ops = (self.execution.ops.get(start.parent_op) for start in commit.starts)
        self.execution.wants += [op for op in ops if op is not None]

    def take_back(self, commit: Commit, but: Sequence[Op]) -> None:
        """Take back what a refused commit held, but not some children.

        Arrivals come again by themselves.
        """
        again = {start.parent_op for start in commit.starts}
        again |= {delivery.op for delivery in self.inbox.values() if delivery.kind is Kind.CHILD}
        kept = (Kind.STEP, Kind.ATTEMPT)  # an attempt does not end again
        children = [entry for entry in commit.entries if entry.kind is Kind.CHILD and entry.op not in again]
        self.answers = [*(e for e in commit.entries if e.kind in kept), *children, *self.answers]
        self.unsent += commit.sends
        self.want_again(commit)
        emissions = (self.execution.ops.get(e.op) for e in commit.entries if e.kind is Kind.EMIT)
        self.execution.wants += [op for op in emissions if op is not None]
        self.execution.wants = [op for op in self.execution.wants if op not in but]

    # -- timers

    def follow_timers(self, now: int, *, resumed: bool) -> None:
        """Settle when each timer of the code is due.

        One that was never written starts afresh when the run is resumed: a run that waited two hours
        for a worker must not time out before its step was tried.
        """
        alarms = self.execution.alarms
        if not alarms and not self.due:
            return
        self.due = {op: due for op, due in self.due.items() if op in alarms}
        for op, alarm in alarms.items():
            if op in self.stored:
                self.due[op] = self.stored[op].due_at
            elif op not in self.due:
                late = max(0, now - alarm.made_us) if resumed else 0
                self.due[op] = alarm.when_us + late

    def new_timers(self) -> tuple[Timer, ...]:
        """Timers that the store does not have yet."""
        if not self.due and not self.retries:
            return ()
        timers = [Timer(op, due) for op, due in self.due.items() if op not in self.stored]
        for op, due in self.retries.items():
            if self.stored.get(op) != Timer(op, due, True):
                timers.append(Timer(op, due, True))
        return tuple(timers)

    def stale_timers(self) -> tuple[int, ...]:
        """Ops whose timer the store has and nobody waits for any more."""
        if not self.stored:
            return ()
        return tuple(op for op in self.stored if op not in self.due and op not in self.retries)

    def note_timers(self, set_: tuple[Timer, ...], dropped: tuple[int, ...]) -> None:
        """Note that these are written."""
        for op in dropped:
            self.stored.pop(op, None)
        self.stored |= {timer.op: timer for timer in set_}

    def next_due(self) -> int | None:
        """When the earliest timer or retry is due."""
        if not self.due and not self.retries:
            return None
        return min((*self.due.values(), *self.retries.values()))

    def at_the_end(self, emissions: Sequence[Op], held_until: int) -> None:
        """Wait for nothing of what the code has left behind, but with its last events if they are held."""
        self.due = {}
        self.waiting = {op.number: op for op in emissions} if held_until else {}
        self.retries = dict.fromkeys(self.waiting, held_until)

    # -- arrivals become entries

    def arrivals(self, now: int) -> tuple[list[Entry], list[int]]:
        """Turn deliveries and due timers into entries, and say which deliveries they consume.

        In the order of acceptance and due time; at the same time the signal wins. A signal becomes
        an entry only when somebody asks for it, a cancel always.
        """
        if not self.inbox and not self.due:
            return [], []
        found: list[tuple[int, int, Entry]] = []
        consumed: list[int] = []
        taken: set[int] = set()
        for number, delivery in sorted(self.inbox.items()):
            entry, done = self._arrival(delivery, taken)
            if done:
                consumed.append(number)
            if entry is not None:
                found.append((delivery.accepted_at, 0, entry))
        for op, due in self.due.items():
            if due <= now:
                found.append((due, 1, Entry(0, Kind.TIMER, op, at=due)))
        found.sort(key=lambda item: item[:2])
        return [entry for _, _, entry in found], consumed

    def floor(self, entries: Sequence[Entry]) -> int:
        """The earliest time that entries may bear: a wall clock that was set back makes no timer early."""
        if not self.due:
            return self.at
        return max(self.at, *(entry.at for entry in entries)) if entries else self.at

    def _arrival(self, delivery: Delivery, taken: set[int]) -> tuple[Entry | None, bool]:
        """Return the entry that a delivery becomes now, if any, and whether it is used up."""
        match delivery.kind:
            case Kind.SIGNAL:
                op = self._receiver(delivery.name, taken)
                if op is None:
                    return None, False
                taken.add(op.number)
                entry = _entry_of(delivery, op.number, delivery.name, op.digest)
                if isinstance(op.request, ReceiveCall) and not op.request.reads(entry):
                    entry.outcome = Outcome.ERROR  # the sender's mistake: the code hears of it
                return entry, True
            case Kind.CANCEL:
                return _entry_of(delivery, 0, "", b""), True
            case Kind.HOLD:
                held = self._held(taken)  # none, where a person asked twice
                if held is None:
                    return None, True
                taken.add(held.number)
                return _entry_of(delivery, held.number, held.name, b""), True
            case _:
                child = self.execution.ops.get(delivery.op)
                if child is None or child.kind is not delivery.kind:
                    return None, True
                return _entry_of(delivery, child.number, child.name, child.digest), True

    def _receiver(self, name: str, taken: set[int]) -> Op | None:
        for op in self.execution.receivers:
            if name in op.names and op.number not in taken:
                return op
        return None

    def _held(self, taken: set[int]) -> Op | None:
        holds = (op for op in self.execution.ops.values() if op.kind is Kind.HOLD)
        return next((op for op in holds if op.number not in taken), None)

    def holds(self) -> bool:
        """Whether the code has parked itself until a person acts."""
        return any(op.kind is Kind.HOLD for op in self.execution.ops.values())


def _entry_of(delivery: Delivery, op: int, name: str, digest: bytes) -> Entry:
    return Entry(
        0,
        delivery.kind,
        op,
        name,
        digest,
        delivery.outcome if delivery.kind is not Kind.SIGNAL else Outcome.VALUE,
        0,
        delivery.source,
        delivery.codec,
        delivery.data,
    )
