"""Memory and SQLite, given the same groups, answer alike and hold the same rows."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    Emitted,
    EndSession,
    Failed,
    Fence,
    OpenSession,
    Refused,
    Release,
    Rest,
    Retry,
    Send,
    Sent,
    SentHow,
    Start,
    Started,
)
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.reactions import Registered, Taken
from dalsegno.core.runs import COMPENSATING, DIVERGED, Run, Status
from dalsegno.core.schemas import SchemasKnown
from dalsegno.core.sourcing import Conflict, Projected
from dalsegno.core.transact import RolledBack, Transacted
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import RunQuery
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.conformance import SetClock, World
from tests.conformance.case_items import CASES
from tests.conformance.event_items import EventItems
from tests.conformance.transaction_items import TransactionItems
from tests.helpers.counts import Count

pytestmark = pytest.mark.promise("P2", "P3", "P4", "P5")

IDS = ("a", "A", "a%", "ä", "🧾")
WORKFLOWS = ("order", "refund")
LEASE = 100

succeeded: Counter[str] = Counter()


class Twins(EventItems, TransactionItems, RuleBasedStateMachine):
    """Writes each group to both stores and compares; a claim's answer says what may be committed next."""

    threaded = False

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = SetClock()
        path = str(Path(self.folder.name) / "twin.db")
        self.memory = World(MemoryStore(self.clock), self.clock)
        self.sqlite = World(SqliteStore(path, self.clock, threaded=self.threaded), self.clock)
        self.runner.run(self.sqlite.store.open())
        self.numbers = itertools.count(1)
        self.sessions: dict[int, int] = {}  # and how many commits each has counted
        self.last: tuple[list[Write], Fence] | None = None
        self.write([self.session(), self.session()], None)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.sqlite.store.close())
            self.runner.close()
            self.folder.cleanup()

    # -- what happens

    @rule(microseconds=st.sampled_from([1, 7, LEASE, 10 * LEASE]))
    def time_passes(self, microseconds: int) -> None:
        self.clock.advance(microseconds)

    @rule(seed=st.integers(0, 2**32))
    def a_few_groups_are_written(self, seed: int) -> None:
        # Drawn by a generator of our own: Hypothesis draws the simplest too often to get far.
        self.rng = Random(seed)
        for _ in range(self.rng.randint(4, 16)):
            if self.chance(12):
                self.write_both(*self.transactions(), self.late_fence())
            self.a_group_is_written()

    def a_group_is_written(self) -> None:
        common: list[Callable[[], Write]] = [
            self.commit,
            self.commit,
            self.commit,
            self.claim,
            self.send,
            self.start,
        ]
        rare: list[Callable[[], Write]] = [self.beat, self.release, self.retry, self.end_session]
        makers = self.rng.choices(common * 3 + rare + self.event_items(), k=self.rng.randint(1, 4))
        self.write([make() for make in makers], self.fence())

    @rule()
    def a_session_opens(self) -> None:
        self.write([self.session()], None)

    @rule()
    def a_reply_was_lost(self) -> None:
        if self.last is not None:
            self.write(*self.last)

    @rule(seed=st.integers(0, 2**32))
    def somebody_lists(self, seed: int) -> None:
        pick = Random(seed).choice
        query = RunQuery(
            namespace=pick(["default", "other"]),
            statuses=pick([(), ("running",), ("waiting", "failed")]),
            id_prefix=pick([None, "a", "A", "a%", ""]),
            reason=pick([None, "parked", "comp"]),
            before=pick([None, 5, 50]),
            limit=pick([0, 1, 2, 3]),
        )
        memory, sqlite = (self.runner.run(world.store.runs(query)) for world in (self.memory, self.sqlite))
        assert sqlite == memory

    @rule(seed=st.integers(0, 2**32))
    def somebody_looks_at_events(self, seed: int) -> None:
        self.rng = Random(seed)
        for read in self.event_reads():
            memory, sqlite = (self.runner.run(read(world.store)) for world in (self.memory, self.sqlite))
            assert sqlite == memory

    # -- items

    def session(self) -> OpenSession:
        number = next(self.numbers)
        self.sessions[number] = 0
        abilities = tuple((name, "1") for name in WORKFLOWS[: 1 + number % 2])
        return OpenSession(number, LEASE, number, 2, "ns", "boot", "host", "3.11", "twins", abilities)

    def some_session(self) -> int:
        """Mostly one of those that were opened last: they still live."""
        return self.rng.choice(sorted(self.sessions)[-2:] * 3 + sorted(self.sessions))

    def chance(self, one_in: int) -> bool:
        return self.rng.randrange(one_in) == 0

    def few(self) -> list[int]:
        return self.rng.sample(range(1, 5), self.rng.randrange(3))

    def owned(self) -> list[Run]:
        runs = self.runner.run(self.memory.store.runs(RunQuery(limit=1_000)))
        return [run for run in runs if run.session is not None]

    def start(self) -> Start:
        pick, owned = self.rng.choice, self.owned()
        number = owned[0].number if owned and self.chance(6) else next(self.numbers)
        return Start(
            number,
            pick(["default", "default", "other"]),
            pick(IDS),
            pick(WORKFLOWS),
            "1",
            input=pick([None, b"", b"\x00\xff"]),
            queue=pick(["default", "default", "slow"]),
            session=pick([None, *self.sessions]),
            case_id=pick([None, None, *CASES]),
        )

    def send(self) -> Send:
        pick, owned = self.rng.choice, self.owned()
        return Send(
            pick([Kind.SIGNAL, Kind.CANCEL, Kind.CHILD]),
            run=pick(owned).number if owned and self.chance(2) else None,
            namespace="default",
            run_id=pick(IDS),
            name="n",
            id=pick([None, "s", "S", "t"]),
            data=pick([None, b"", b"1"]),
            release=self.chance(2),
        )

    def commit(self) -> Write:
        owned, pick = self.owned(), self.rng.choice
        if not owned:
            return self.claim()
        run = pick(owned)
        return Commit(
            run=run.number,
            session=run.session or 0,
            turn=run.turn - 1 if self.chance(8) else run.turn,
            floor=self.clock.now() + pick([-5, 0, 5]),
            entries=self.entries(run),
            timers=tuple(Timer(op, self.rng.randrange(9), self.chance(2)) for op in self.few()),
            dropped=tuple(self.few()),
            consumed=tuple(self.few()),
            starts=(self.child(run),) if self.chance(3) else (),
            sends=(self.send(),) if self.chance(2) else (),
            rest=self.rest(run) if self.chance(3) else None,
            reason=pick([None, "", COMPENSATING]),
            notes=pick([None, b"n"]),
            clear_crashes=self.chance(2),
            **(self.of_events() if self.chance(2) else {}),
        )

    def entries(self, run: Run) -> tuple[Entry, ...]:
        journal = self.runner.run(self.memory.store.journal(run.number))
        at = len(journal) - (1 if journal and self.chance(8) else 0)
        outcomes = self.rng.choices(list(Outcome), k=self.rng.randrange(3))
        return tuple(
            Entry(at + n, Kind.STEP, n, "s", b"\x00", outcome, n, data=b"1")
            for n, outcome in enumerate(outcomes, 1)
        )

    def child(self, run: Run) -> Start:
        pick = self.rng.choice
        number = run.number if self.chance(6) else next(self.numbers)
        name = pick([f"{run.id}.1", f"{run.id}.1", *IDS])
        workflow = pick(["order", "order", "refund"])
        return Start(number, "default", name, workflow, "1", parent=run.number, parent_op=1)

    def rest(self, run: Run) -> Rest:
        pick = self.rng.choice
        status = pick([Status.WAITING, Status.WAITING, Status.WAITING, Status.COMPLETED, Status.FAILED])
        due = pick([None, self.clock.now(), self.clock.now() + LEASE])
        reason = pick([None, DIVERGED, COMPENSATING])
        return Rest(status, 0 if self.chance(3) else run.wakes, reason, due, b"n", b"o", 1, b"e")

    def claim(self) -> Claim:
        queue = self.rng.choice(["default", "default", "slow"])
        return Claim(
            self.some_session(), queue, self.rng.randrange(5), self.rng.randrange(3), suspect_after=1
        )

    def beat(self) -> Beat:
        runs = [run.number for run in self.owned()[:2]]
        attempts = tuple(LongAttempt(n, op, "s", 1, 1, op) for op, n in enumerate(runs))
        return Beat(self.some_session(), LEASE, self.rng.randrange(9), attempts)

    def end_session(self) -> EndSession:
        number = self.rng.choice(sorted(self.sessions))
        return EndSession(number, expired_only=not self.chance(3), goodbye=self.chance(4))

    def release(self) -> Release:
        return Release(self.rng.choice([1, 2, 500]), self.rng.choice([0, 1, 5]))

    def retry(self) -> Retry:
        return Retry("default", self.rng.choice(IDS), "kim", why=self.rng.choice(("", "mended")))

    def fence(self) -> Fence | None:
        session = self.some_session()
        ahead = 2 if self.chance(8) else 1
        return None if self.chance(3) else Fence(session, self.sessions[session] + ahead, LEASE)

    def late_fence(self) -> Fence | None:
        """Draw one that is not counted, as user code is written under."""
        session = self.some_session()
        return None if self.chance(2) else Fence(session, self.sessions[session], LEASE)

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
            if _succeeded(verdict):
                succeeded[type(item).__name__] += 1
            if isinstance(verdict, Conflict):
                succeeded["CONFLICT"] += 1
            if isinstance(verdict, Refused):
                succeeded[verdict.name] += 1
            if isinstance(verdict, RolledBack):
                succeeded["ROLLED_BACK"] += 1

    @invariant()
    def both_hold_the_same_rows(self) -> None:
        if hasattr(self, "runner"):
            memory, sqlite = (self.runner.run(world.snapshot()) for world in (self.memory, self.sqlite))
            assert sqlite == memory, _difference(memory, sqlite)
            for queue in ("default", "slow"):
                memory, sqlite = (
                    self.runner.run(world.store.next_due(queue)) for world in (self.memory, self.sqlite)
                )
                assert sqlite == memory
            memory, sqlite = (self.runner.run(world.store.due()) for world in (self.memory, self.sqlite))
            assert sorted(sqlite, key=repr) == sorted(memory, key=repr)


class ThreadedTwins(Twins):
    """The same with the threads that a worker has: groups are written in place where the lock is free."""

    threaded = True


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


ELSEWHERE = {"Watch", "Seen", "Tell", "Tally"}  # tests/conformance/test_alerts.py
VERBS = {item.__name__ for item in get_args(Write)} - ELSEWHERE
REFUSALS = {"ROLLED_BACK", "CONFLICT", "FENCED", "STALE", "MISSED", "NUMBER_TAKEN", "CHILD_EXISTS"}


@pytest.mark.parametrize(("machine", "examples"), [(Twins, 70), (ThreadedTwins, 8)])
def test_memory_and_sqlite_answer_alike_whatever_is_written(
    machine: type[Twins], examples: int, count: Count
) -> None:
    before = succeeded.total()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate, Phase.shrink] if not machine.threaded else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    count("writes compared", succeeded.total() - before)
    if machine is Twins:  # a run in which some verb never succeeded would prove little
        missing = (VERBS | REFUSALS) - {name for name, count in succeeded.items() if count}
        assert not missing, f"never happened: {missing}; what did: {dict(succeeded)}"
