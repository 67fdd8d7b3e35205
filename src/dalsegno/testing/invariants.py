"""What must hold in the store after every write, whoever wrote it and whoever died.

A shadow keeps what the store said before; each write is judged by the difference. The promises of
``design.md`` that are seen here: an acknowledged start or signal stays (P1), entries are written once
(P3), a result never changes (P4), nothing comes from a fenced session or by the way of another turn
(P5), a committed step never runs again (P6), no timer fires early (P7). A breach is reported as
``Broken`` and names the promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import astuple

from dalsegno.core.commit import (
    Beat,
    Claimed,
    Commit,
    Committed,
    Done,
    EndSession,
    Fence,
    Send,
    Sent,
    SentHow,
    Verdict,
    Write,
)
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.runs import Run
from dalsegno.store.protocol import RunQuery, Store
from dalsegno.testing.effects import Effect

T = TypeVar("T")

Line = tuple[Any, ...]

_FROZEN = ("status", "reason", "output", "error", "ended_at", "turn")


class Broken(AssertionError):
    """A promise was broken; the message begins with its number."""


class Op(NamedTuple):
    """Which operation of which run an idempotency key names; ``undo`` is its compensation."""

    run: int
    number: int
    undo: bool

    @classmethod
    def of(cls, key: str) -> Op:
        """Read a key as ``Execution.key_of`` makes it."""
        parts = key.removesuffix("/undo").rsplit("/", 2)
        return cls(int(parts[1], 16), int(parts[2]), key.endswith("/undo"))


class Shadow:
    """What the store said of one run after the last write."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.journal: list[Line] = []
        self.entries: list[Entry] = []
        self.due: dict[int, int] = {}  # when each op's timer is due, as first written
        self.settled: set[int] = set()


class Invariants:
    """Watches every write of a world. ``broken`` is called with the first breach."""

    def __init__(
        self,
        store: Store,
        *,
        broken: Callable[[Broken], None],
        session_of: Callable[[str], int],
        just_woke: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._broken = broken
        self._session_of = session_of
        self._just_woke = just_woke
        self.shadows: dict[int, Shadow] = {}
        self.fenced: set[int] = set()
        self._signals: list[tuple[str, bytes]] = []
        self._starts: list[str] = []
        self._calls: dict[str, tuple[str, bytes]] = {}
        self._bodies: Counter[tuple[str, int, int]] = Counter()
        self.checks = 0

    def breach(self, promise: str, what: str) -> None:
        """Report a breach."""
        self._broken(Broken(f"{promise}: {what}"))

    # -- what was acknowledged

    def started(self, run_id: str) -> None:
        """Hear that a start was acknowledged to its caller."""
        self._starts.append(run_id)

    def signalled(self, run_id: str, data: bytes) -> None:
        """Hear that a signal was acknowledged; its payload must be its own in this world."""
        self._signals.append((run_id, data))

    # -- after a write

    def wrote(self, group: Sequence[Write], fence: Fence | None, verdicts: Sequence[Verdict]) -> None:
        """Judge a write by what it changed."""
        self.checks += 1
        rows = {run.number: run for run in peek(self._store.runs(RunQuery(limit=1_000_000)))}
        sent: Counter[int] = Counter()
        for item, verdict in zip(group, verdicts, strict=True):
            match item, verdict:
                case Commit(), Committed():
                    self._committed(item, fence, rows[item.run], sent[item.run])
                case Send(), Sent(how=SentHow.ACCEPTED, run=int(number)):
                    sent[number] += 1
                case EndSession(), Done(count=1):
                    self.fenced.add(item.number)
                case Beat(), Done() if item.session in self.fenced:
                    self.breach("P5", f"session {item.session} was fenced, and its heartbeat accepted")
                case _, Claimed():
                    self._claimed(verdict)
        for run in rows.values():
            self._follow(run)
        self._look_for_acknowledged(rows)

    def _committed(self, item: Commit, fence: Fence | None, row: Run, sent: int) -> None:
        """Judge an accepted commit: by its owner alone, unless it is one that had landed before."""
        shadow = self.shadows[item.run]
        lines = _lines(self._read(item.run))
        for entry in item.entries:
            there = lines[entry.position - 1] if entry.position <= len(lines) else None
            if there is None or there[:-1] != _line(entry)[:-1]:
                self.breach("P3", f"entry {entry.position} of {row.id} was committed as {entry}, is {there}")
        if len(lines) == len(shadow.journal) and _state(row) == _state(shadow.run):
            return
        owner = (shadow.run.session, shadow.run.turn)
        if owner != (item.session, item.turn):
            self.breach("P5", f"{row.id} belongs to {owner}, and {(item.session, item.turn)} wrote")
        if item.session in self.fenced or fence is None or fence.session != item.session:
            self.breach("P5", f"fenced session {item.session} wrote to {row.id} under {fence}")
        if item.rest is not None and shadow.run.wakes + sent != item.rest.wakes:
            self.breach("P1", f"{row.id} came to rest with delivery {shadow.run.wakes + sent} unseen")

    def _claimed(self, verdict: Claimed) -> None:
        for run in verdict.runs:
            shadow = self.shadows.get(run.number)
            if run.session in self.fenced:
                self.breach("P5", f"fenced session {run.session} claimed {run.id}")
            if shadow is not None and shadow.run.session not in (None, run.session, *self.fenced):
                self.breach("P5", f"{run.id} was claimed from under {shadow.run.session}")

    def _follow(self, run: Run) -> None:
        """Compare a run with its shadow, then move the shadow on."""
        shadow = self.shadows.get(run.number)
        if shadow is None:
            shadow = self.shadows[run.number] = Shadow(run)
        before, shadow.run = shadow.run, run
        if run.turn < before.turn or run.wakes < before.wakes:
            self.breach("P5", f"turn or wakes of {run.id} went back: {before} to {run}")
        if run.session is not None and run.session != before.session and run.turn <= before.turn:
            self.breach("P5", f"{run.id} has a new owner in the same turn {run.turn}")
        if before.status.ended:
            for name in _FROZEN:
                if getattr(before, name) != getattr(run, name):
                    self.breach("P4", f"{name} of {run.id} changed after its end: {before} to {run}")
        self._follow_journal(shadow, ended=before.status.ended)
        for timer in peek(self._store.timers(run.number)):
            if not timer.retry and shadow.due.setdefault(timer.op, timer.due_at) != timer.due_at:
                self.breach("P7", f"timer {timer.op} of {run.id} was moved to {timer.due_at}")
            shadow.due[timer.op] = timer.due_at

    def _follow_journal(self, shadow: Shadow, *, ended: bool) -> None:
        run, known = shadow.run, len(shadow.journal)
        entries = self._read(run.number)
        lines = _lines(entries)
        if lines[:known] != shadow.journal:
            self.breach("P3", f"the journal of {run.id} changed: {shadow.journal} to {lines}")
        if ended and known < len(lines):
            self.breach("P3", f"the journal of {run.id} grew after its end")
        for position, entry in enumerate(entries[known:], known + 1):
            if entry.position != position:
                self.breach("P3", f"entry {entry.position} of {run.id} stands at {position}")
            if position > 1 and entry.at < entries[position - 2].at:
                self.breach("P3", f"time went back in {run.id} at entry {position}")
            if entry.kind is Kind.TIMER and entry.at < shadow.due.get(entry.op, 0):
                early = shadow.due[entry.op] - entry.at
                self.breach("P7", f"timer {entry.op} of {run.id} fired {early} µs early")
            if entry.kind is Kind.STEP:
                if entry.op in shadow.settled:
                    self.breach("P6", f"step {entry.name} (#{entry.op}) of {run.id} was settled twice")
                shadow.settled.add(entry.op)
        shadow.journal, shadow.entries = lines, entries

    def _look_for_acknowledged(self, rows: dict[int, Run]) -> None:
        ids = {run.id: run for run in rows.values()}
        for run_id in self._starts:
            if run_id not in ids:
                self.breach("P1", f"the start of {run_id} was acknowledged, and it is not there")
        for run_id, data in self._signals:
            number = ids[run_id].number
            taken = sum(e.kind is Kind.SIGNAL and e.data == data for e in self.shadows[number].entries)
            kept = sum(d.data == data for d in peek(self._store.inbox([number]))[number])
            if taken + kept != 1:
                self.breach("P1", f"signal {data!r} to {run_id}: {taken} times taken, {kept} times kept")

    def _read(self, number: int) -> list[Entry]:
        return peek(self._store.journal(number))

    # -- side effects

    def heard(self, effect: Effect) -> None:
        """Judge a side effect: the beginning of an attempt's body."""
        op = Op.of(effect.key)
        call = (effect.step, effect.input)
        if self._calls.setdefault(effect.key, call) != call:
            self.breach("P6", f"key {effect.key} named {self._calls[effect.key]}, and now {call}")
        shadow = self.shadows[op.run]
        session = self._session_of(effect.by)
        # An attempt that had begun when its process was stopped goes on when that wakes: nobody can help it.
        straggler = self._just_woke(effect.by)
        if not straggler and not op.undo and op.number in shadow.settled:
            self.breach("P6", f"{effect.step} of {effect.run_id} ran again after its entry: {effect}")
        if not straggler and session in self.fenced:
            self.breach("P5", f"{effect.step} of {effect.run_id} was begun by fenced session {session}")
        if effect.attempt > 1 and effect.at < shadow.due.get(op.number, 0):
            self.breach("P7", f"attempt {effect.attempt} of {effect.step} came before its time")
        self._bodies[effect.key, effect.attempt, session] += 1
        allowed = 1
        if op.undo:  # a person's retry is the same undo to its service
            allowed += sum(entry.kind is Kind.HOLD for entry in shadow.entries)
        if self._bodies[effect.key, effect.attempt, session] > allowed:
            self.breach("P6", f"attempt {effect.attempt} of {effect.key} began twice in session {session}")


def peek(answer: Coroutine[Any, Any, T]) -> T:
    """Take the answer of a coroutine that has nothing to wait for."""
    try:
        answer.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    answer.close()
    raise TypeError("this store waits for something outside the simulation")


def _state(run: Run) -> tuple[Any, ...]:
    return run.session, run.turn, run.status


def _line(entry: Entry) -> Line:
    return astuple(entry)


def _lines(entries: Sequence[Entry]) -> list[Line]:
    return [_line(entry) for entry in entries]
