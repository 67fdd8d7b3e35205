"""What must hold in the store after every write, whoever wrote it and whoever died.

A shadow keeps what the store said before; each write is judged by the difference. Of the promises in
docs/explanation/guarantees.md these are seen here: an acknowledged start, signal or cancel stays (P1,
P2: ``acknowledged``), an event stays on the log as it was (P1: ``chronicle``), entries are written once
(P3), a result never changes (P4), nothing comes from a fenced session or by the way of another turn
(P5: ``ownership``), a committed step never runs again (P6: ``bodies``), no timer fires early, and a run
that waits is due by its earliest one (P7), a service passes no event without a reaction (P8:
``reacting``), the row of a case says what its events say (P8: ``caserows``), everything is bounded (P10).
A breach is reported as ``Broken`` and names the promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from dalsegno.core.commit import Commit, Committed, Fence, Send, Sent, SentHow
from dalsegno.core.entries import Delivery, Entry, Kind
from dalsegno.core.limits import Limits
from dalsegno.core.reactions import React
from dalsegno.core.runs import Run
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.definitions import StepDefinition
from dalsegno.store.protocol import RunQuery, Store
from dalsegno.testing.acknowledged import Acknowledged
from dalsegno.testing.bodies import Bodies
from dalsegno.testing.caserows import CaseRows
from dalsegno.testing.chronicle import Chronicle
from dalsegno.testing.effects import Effect
from dalsegno.testing.ownership import Ownership
from dalsegno.testing.reacting import Reacting
from dalsegno.testing.shadows import Broken, Op, Room, Shadow, line_of, lines_of, peek

__all__ = ["Broken", "Invariants", "Op", "Room", "Shadow", "peek"]

_FROZEN = ("status", "reason", "output", "error", "ended_at", "turn")


class Invariants:
    """Watches every write of a world. ``broken`` is called with the first breach."""

    def __init__(self, store: Store, room: Room, limits: Limits, *, broken: Callable[[Broken], None]) -> None:
        self._store = store
        self._room = room
        self._limits = limits
        self._broken = broken
        self.shadows: dict[int, Shadow] = {}
        self.checks = 0
        self.on_end: Callable[[Run], None] | None = None
        self.after: Callable[[], None] | None = None
        self.ownership = Ownership(self.breach, self.shadows)
        self.acknowledged = Acknowledged(self.breach, self.shadows, self._inbox)
        self.bodies = Bodies(self.breach, self.shadows, room, self.ownership)
        self.chronicle = Chronicle(self.breach, store)
        self.reacting = Reacting(self.breach, store, self.ownership.fenced)
        self.cases = CaseRows(self.breach, store)

    def breach(self, promise: str, what: str) -> None:
        """Report a breach."""
        self._broken(Broken(f"{promise}: {what}"))

    def heard(self, effect: Effect) -> None:
        """Judge a side effect: the beginning of an attempt's body."""
        self.bodies.heard(effect)

    def take_as_given(self, past: Sequence[Effect]) -> None:
        """Begin with what the store holds already and the effects before: for a world that goes on."""
        for run in peek(self._store.runs(RunQuery(limit=1_000_000))):
            shadow = self.shadows[run.number] = Shadow(run)
            shadow.entries = self._read(run.number)
            shadow.journal = lines_of(shadow.entries)
            shadow.settled = {entry.op for entry in shadow.entries if entry.kind is Kind.STEP}
            shadow.due = {timer.op: timer.due_at for timer in peek(self._store.timers(run.number))}
        for session in peek(self._store.sessions(live=False)):
            if session.fenced_at is not None:
                self.ownership.fenced.add(session.number)
        self.chronicle.take_as_given()
        self.reacting.take_as_given()
        for effect in past:
            self.bodies.remember(effect)

    def wrote(self, group: Sequence[Write], fence: Fence | None, verdicts: Sequence[Verdict]) -> None:
        """Judge a write by what it changed."""
        self.checks += 1
        rows = {run.number: run for run in peek(self._store.runs(RunQuery(limit=1_000_000)))}
        now = self._store.lease_now()
        sent: Counter[int] = Counter()
        joining = any(isinstance(item, React) and item.joined for item in group)
        for item, verdict in zip(group, verdicts, strict=True):
            self.ownership.judge(item, verdict, now)
            self.reacting.judge(item, verdict, fence)
            match item, verdict:
                case Commit(), Committed():
                    told = None if joining else sent[item.run]
                    self._committed(item, fence, rows[item.run], told)
                case Send(), Sent(how=SentHow.ACCEPTED, run=int(number)):
                    sent[number] += 1
        if fence is not None:
            self.ownership.held(fence, verdicts, now)
        touched = self.ownership.may_change(group, verdicts, {run.id: run.number for run in rows.values()})
        by_owner = {item.run for item in group if isinstance(item, Commit)}
        self.chronicle.wrote(group, verdicts)
        self.reacting.wrote(group, verdicts, rows, self.chronicle.events)
        self.cases.wrote(self.chronicle.events)
        for run in rows.values():
            moved = run.number in touched or self.ownership.may_follow(group, run)
            self._follow(run, touched=moved, committed=run.number in by_owner)
        for gone in self.shadows.keys() - rows.keys():
            self.breach("P1", f"{self.shadows[gone].run.id} is not there any more")
        self.acknowledged.look(rows)
        self._look_at_engines()
        if self.after is not None:
            self.after()

    def _committed(self, item: Commit, fence: Fence | None, row: Run, sent: int | None) -> None:
        """Judge an accepted commit: by its owner alone, unless it is one that had landed before."""
        shadow = self.shadows[item.run]
        lines = lines_of(self._read(item.run))
        for entry in item.entries:
            there = lines[entry.position - 1] if entry.position <= len(lines) else None
            if there is None or there[:-1] != line_of(entry)[:-1]:
                self.breach("P3", f"entry {entry.position} of {row.id} was committed as {entry}, is {there}")
        if len(lines) == len(shadow.journal) and _state(row) == _state(shadow.run):
            return
        self.ownership.committed(item, fence, row)
        if item.rest is not None and sent is not None and shadow.run.wakes + sent != item.rest.wakes:
            self.breach("P1", f"{row.id} came to rest with delivery {shadow.run.wakes + sent} unseen")

    # -- one run

    def _follow(self, run: Run, *, touched: bool, committed: bool) -> None:
        """Compare a run with its shadow, then move the shadow on."""
        shadow = self.shadows.get(run.number)
        if shadow is None:
            shadow = self.shadows[run.number] = Shadow(run)
        before, shadow.run = shadow.run, run
        if before != run and not touched:
            self.breach("P5", f"{run.id} changed in a write that says nothing of it: {before} to {run}")
        self.ownership.followed(before, run, committed=committed)
        if before.status.ended:
            for name in _FROZEN:
                if getattr(before, name) != getattr(run, name):
                    self.breach("P4", f"{name} of {run.id} changed after its end: {before} to {run}")
        elif run.status.ended and self.on_end is not None:
            self.on_end(run)
        self._follow_journal(shadow, ended=before.status.ended)
        self._follow_timers(shadow)
        if run.parked and run.due_at is not None and run.wakes > before.wakes:
            shadow.forgiven = run.crashes
        most = max(self._limits.crashes, shadow.forgiven)
        if run.crashes > most and not (run.parked or run.session is None):
            self.breach("P10", f"{run.id} has crashed its worker {run.crashes} times, and runs again")

    def _follow_timers(self, shadow: Shadow) -> None:
        run = shadow.run
        timers = peek(self._store.timers(run.number))
        for timer in timers:
            if not timer.retry and shadow.due.setdefault(timer.op, timer.due_at) != timer.due_at:
                self.breach("P7", f"timer {timer.op} of {run.id} was moved to {timer.due_at}")
            shadow.due[timer.op] = timer.due_at
        if run.status.ended:
            if timers or run.due_at is not None or run.session is not None:
                self.breach("P4", f"{run.id} has ended, and is still due or owned: {run}, {timers}")
        elif run.status.value == "waiting" and not run.parked and timers:
            earliest = min(timer.due_at for timer in timers)
            if run.due_at is None or run.due_at > earliest:
                self.breach("P7", f"{run.id} waits until {run.due_at}, and has a timer at {earliest}")

    def _follow_journal(self, shadow: Shadow, *, ended: bool) -> None:
        run, known = shadow.run, len(shadow.journal)
        entries = self._read(run.number)
        lines = lines_of(entries)
        if lines[:known] != shadow.journal:
            self.breach("P3", f"the journal of {run.id} changed: {shadow.journal} to {lines}")
        if ended and known < len(lines):
            self.breach("P3", f"the journal of {run.id} grew after its end")
        for position, entry in enumerate(entries[known:], known + 1):
            if entry.position != position:
                self.breach("P3", f"entry {entry.position} of {run.id} stands at {position}")
            if position > 1 and entry.at < entries[position - 2].at:
                self.breach("P3", f"time went back in {run.id} at entry {position}")
            self._judge_entry(shadow, entry)
        shadow.journal, shadow.entries = lines, entries

    def _judge_entry(self, shadow: Shadow, entry: Entry) -> None:
        run = shadow.run
        if entry.kind is Kind.TIMER:
            due = shadow.due.get(entry.op, 0)
            # Not by the time that the entry bears alone: that is never before its due time.
            at = min(entry.at, self._store.now() + self._room.set_back)
            if at < due:
                self.breach("P7", f"timer {entry.op} of {run.id} fired {due - at} µs early")
        if entry.kind is Kind.STEP:
            if entry.op in shadow.settled:
                self.breach("P6", f"step {entry.name} (#{entry.op}) of {run.id} was settled twice")
            shadow.settled.add(entry.op)
        if entry.kind in (Kind.STEP, Kind.ATTEMPT):
            step = self._room.registry.steps.get(entry.name)
            most = None if step is None else _attempts(step)
            if most is not None and entry.attempt > most:
                self.breach("P10", f"step {entry.name} of {run.id} was tried {entry.attempt} times")

    # -- what is in memory

    def _look_at_engines(self) -> None:
        """Live code knows nothing that is not durable, and suspects of killing their worker run alone."""
        for engine in self._room.engines():
            for live in engine.live.values():
                shadow = self.shadows.get(live.number)
                there = len(shadow.entries) if shadow is not None else -1
                if live.execution.position > there:
                    self.breach(
                        "P6",
                        f"code of {live.run.id} has seen {live.execution.position} entries of {there} durable",
                    )
            if engine.suspects > 1:
                self.breach("P10", f"{engine.suspects} suspects of killing their worker run side by side")

    def _read(self, number: int) -> list[Entry]:
        return peek(self._store.journal(number))

    def _inbox(self, number: int) -> Sequence[Delivery]:
        return peek(self._store.inbox([number]))[number]


def _attempts(step: StepDefinition) -> int | None:
    return step.options.retry.attempts if step.options.retry is not None else 1


def _state(run: Run) -> tuple[object, ...]:
    return run.session, run.turn, run.status
