"""The machine that writes the same random groups to memory and to SQLite, and compares all that they hold."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from dalsegno.core.commit import (
    Claimed,
    Committed,
    Done,
    Emitted,
    Failed,
    Fence,
    Refused,
    Sent,
    SentHow,
    Started,
)
from dalsegno.core.reactions import Registered, Taken
from dalsegno.core.schemas import SchemasKnown
from dalsegno.core.sourcing import Conflict, Projected
from dalsegno.core.transact import RolledBack, Transacted
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.conformance import SetClock, World
from tests.conformance.event_items import EventItems
from tests.conformance.figure_reads import FigureQuestions
from tests.conformance.run_items import LEASE, RunItems
from tests.conformance.transaction_items import TransactionItems
from tests.conformance.witness import Witness

succeeded: Counter[str] = Counter()


def written() -> int:
    """Count what was written so far, each answer once."""
    return succeeded["writes"]


class Twins(EventItems, RunItems, TransactionItems, FigureQuestions, RuleBasedStateMachine):
    """Writes each group to both stores and compares; a claim's answer says what may be committed next."""

    threaded = False

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = SetClock()
        path = str(Path(self.folder.name) / "twin.db")
        self.memory = World(Witness(self.clock), self.clock)
        self.sqlite = World(SqliteStore(path, self.clock, threaded=self.threaded), self.clock)
        self.runner.run(self.sqlite.store.open())
        self.numbers = itertools.count(1)
        self.sessions = {}
        self.last: tuple[list[Write], Fence] | None = None
        self.write([self.session(), self.session()], None)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.sqlite.store.close())
            self.runner.close()
            self.folder.cleanup()

    # -- what happens

    @rule(seed=st.integers(0, 2**64), times=st.integers(1, 8))
    def things_happen(self, seed: int, times: int) -> None:
        # Drawn by a generator of our own: Hypothesis draws the simplest too often to get far.
        self.rng = Random(seed)
        often, rare = [self.a_group_is_written] * 11, [self.user_code_is_run, self.a_session_opens]
        rare += [self.a_reply_was_lost, self.somebody_looks]
        if len(self.runner.run(self.memory.store.sessions())) < 2:
            self.a_session_opens()
        for happens in self.rng.choices([*often, *rare, self.time_passes, self.time_passes], k=times):
            happens()

    def a_group_is_written(self) -> None:
        items = self.run_items() + self.event_items()
        makers = self.rng.choices(items, k=self.rng.randint(1, 4))
        self.write([make() for make in makers], self.fence())

    def user_code_is_run(self) -> None:
        self.write_both(*self.transactions(), self.late_fence())

    def a_session_opens(self) -> None:
        self.write([self.session()], None)

    def a_reply_was_lost(self) -> None:
        if self.last is not None:
            self.write(*self.last)

    def time_passes(self) -> None:
        self.clock.advance(self.rng.choice([1, 7, LEASE, 10 * LEASE]))

    def somebody_looks(self) -> None:
        for read in (*self.run_reads(), *self.event_reads(), *self.figure_reads()):
            memory, sqlite = (self.runner.run(_awaited(read, world)) for world in (self.memory, self.sqlite))
            assert sqlite == memory

    # -- and what must hold

    def write(self, items: list[Write], fence: Fence | None) -> None:
        self.write_both(items, items, fence)
        if fence is not None:
            self.last = (items, fence)

    def write_both(self, items: list[Write], twins: list[Write], fence: Fence | None) -> None:
        """Write a group to memory, and what is the same to SQLite."""
        memory, sqlite = (
            self.runner.run(world.write(*group, fence=fence))
            for world, group in ((self.memory, items), (self.sqlite, twins))
        )
        for item, told, wanted in zip(items, map(_comparable, sqlite), map(_comparable, memory), strict=True):
            assert told == wanted, (
                f"to {item}\nSQLite answered {told}\nand memory {wanted}, of {items}, {fence}"
            )
        self.note(items, memory)
        if fence is not None:
            (row,) = [
                session
                for session in self.runner.run(self.memory.store.sessions(live=False))
                if session.number == fence.session
            ]
            self.sessions[fence.session] = row.commits

    def note(self, items: list[Write], verdicts: list[Verdict]) -> None:
        for item, verdict in zip(items, verdicts, strict=True):
            succeeded["writes"] += 1
            if _succeeded(verdict):
                succeeded[type(item).__name__] += 1
            if isinstance(verdict, Conflict):
                succeeded["CONFLICT"] += 1
            if isinstance(verdict, Refused):
                succeeded.update([verdict.name, f"{type(item).__name__} {verdict.name}"])
            if verdict == Done(0):
                succeeded[f"{type(item).__name__} in vain"] += 1
            if isinstance(verdict, RolledBack):
                succeeded["ROLLED_BACK"] += 1

    @invariant()
    def both_hold_the_same_rows(self) -> None:
        if hasattr(self, "runner"):
            memory, sqlite = (self.runner.run(world.snapshot()) for world in (self.memory, self.sqlite))
            assert sqlite == memory, _difference(memory, sqlite)


class ThreadedTwins(Twins):
    """The same with the threads that a worker has: groups are written in place where the lock is free."""

    threaded = True


async def _awaited(read: Callable[[Any], Any], world: World) -> Any:
    return await read(world.store)


def _difference(memory: Any, sqlite: Any) -> str:
    """Tell the first row that differs, in full: the rows are too many to be shown."""
    pairs = itertools.zip_longest(memory, sqlite)
    one, other = next((one, other) for one, other in pairs if one != other)
    return f"memory holds\n{one}\nand SQLite\n{other}"


def _comparable(verdict: Verdict) -> object:
    if isinstance(verdict, Claimed):  # the order of news is nobody's promise
        return replace(verdict, news=tuple(sorted(verdict.news)))
    if isinstance(verdict, Transacted):
        return [_comparable(each) for each in verdict.verdicts]
    if isinstance(verdict, RolledBack):
        return repr(verdict.error)
    return "failed" if isinstance(verdict, Failed) else verdict


def _succeeded(verdict: Verdict) -> bool:
    match verdict:
        case Started(created=created):
            return created
        case Sent(how=how):
            return how is SentHow.ACCEPTED
        case Claimed(runs=runs):
            return bool(runs)
        case Done(count=count):
            return count > 0
        case SchemasKnown(registered=registered):
            return registered
        case Taken(partitions=partitions):
            return bool(partitions)
        case Emitted(numbers=numbers, repeated=repeated):
            return len(numbers) > repeated
    return isinstance(verdict, Committed | Registered | Projected | Transacted)
