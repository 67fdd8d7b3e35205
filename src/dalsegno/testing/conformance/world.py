"""What each case of the suite works with: a store, the clock that it was given, and a few short verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from itertools import count
from typing import Any, NamedTuple, NoReturn, TypeAlias

from dalsegno.core.clock import Clock
from dalsegno.core.commit import (
    Claim,
    Claimed,
    Commit,
    Fence,
    OpenSession,
    Rest,
    Retry,
    Send,
    Sent,
    Start,
    Started,
)
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.runs import Run, Status
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.cases import CaseQuery
from dalsegno.store.log import DeadLetterQuery
from dalsegno.store.protocol import RunQuery, Store

LEASE = 10_000_000
NAMESPACES = ("default", "other")
KEYS = ("k-1", "k-2", "k-3")  # of events, and of what services keep
MORNING = 1_750_000_000_000_000  # a wall clock reading, microseconds UTC


class StoreMisbehaves(AssertionError):
    """A store did something else than its contract says."""


class Capability(StrEnum):
    """What not every store can do; a case that needs it says so."""

    DURABLE = "keeps its rows while it is closed"


class SetClock:
    """A clock that moves only when it is told to."""

    def __init__(self, wall: int = MORNING, boot: int = 1_000_000_000) -> None:
        self.wall = wall
        self.since_boot = boot

    def advance(self, microseconds: int) -> None:
        """Let time pass."""
        self.wall += microseconds
        self.since_boot += microseconds

    def now(self) -> int:
        return self.wall

    def boot(self) -> int:
        return self.since_boot

    def monotonic(self) -> float:
        return self.since_boot / 1_000_000

    def boot_id(self) -> str:
        return "one boot"


MakeStore: TypeAlias = Callable[[Clock], Store]
"""Makes a new store without any rows, not opened yet."""


class World:
    """One store under test, opened; runs and sessions get numbers in the order of their making."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        self.store = store
        self.clock = clock
        self._numbers = count(1_000)

    def number(self) -> int:
        """Draw the next number for a run or a session."""
        return next(self._numbers)

    # -- writing

    async def write(self, *items: Write, fence: Fence | None = None) -> list[Verdict]:
        """Write a group."""
        return await self.store.write(items, fence)

    async def one(self, item: Write, fence: Fence | None = None) -> Verdict:
        """Write a group of one item."""
        (verdict,) = await self.store.write([item], fence)
        return verdict

    def a_start(self, id: str = "run", **fields: Any) -> Start:
        """Make the start of a run of the workflow "order"."""
        given: dict[str, Any] = {"namespace": "default", "workflow": "order", "version": "1", **fields}
        return Start(number=given.pop("number", None) or self.number(), id=id, **given)

    async def start(self, id: str = "run", **fields: Any) -> Run:
        """Start a run that is new."""
        verdict = await self.one(self.a_start(id, **fields))
        if not isinstance(verdict, Started) or not verdict.created:
            fail(f"starting {id!r} answered {verdict!r}")
        return verdict.run

    async def session(self, *abilities: tuple[str, str], lease: int = LEASE) -> int:
        """Open a session; without abilities it has the workflow "order" in version "1"."""
        number = self.number()
        who = OpenSession(number, lease, 1, 2, "ns", "one boot", "host", "3.11", "test", abilities or _ORDER)
        await self.one(who)
        return number

    async def claim(self, session: int, limit: int = 100, **fields: Any) -> Claimed:
        """Claim due runs of the queue "default"."""
        verdict = await self.one(Claim(session, fields.pop("queue", "default"), limit, **fields))
        if not isinstance(verdict, Claimed):
            fail(f"claiming answered {verdict!r}")
        return verdict

    async def claimed(self, id: str = "run", **fields: Any) -> Run:
        """Start a run and claim it with a session of its own."""
        started = await self.start(id, **fields)
        workflow, version = started.workflow, started.version
        claimed = await self.claim(
            await self.session((workflow, version)), queue=fields.get("queue", "default")
        )
        return next(run for run in claimed.runs if run.number == started.number)

    async def resting(self, id: str = "run", due_at: int | None = None, **fields: Any) -> Run:
        """Make a run that waits, and that nobody owns."""
        run = await self.claimed(id)
        rest = Rest(Status.WAITING, run.wakes, due_at=due_at, **fields)
        await self.one(a_commit(run, rest=rest))
        return await self.read(run)

    async def ended(self, id: str = "run", status: Status = Status.COMPLETED, **fields: Any) -> Run:
        """Make a run that has ended."""
        run = await self.claimed(id, **fields)
        await self.one(a_commit(run, rest=Rest(status, run.wakes, output=b'"done"')))
        return await self.read(run)

    async def signal(self, run: Run, id: str | None = None, **fields: Any) -> Sent:
        """Send a signal to a run."""
        verdict = await self.one(a_signal(run, id, **fields))
        if not isinstance(verdict, Sent):
            fail(f"signalling answered {verdict!r}")
        return verdict

    async def retry(
        self, sender: str = "kim", id: str = "run", data: bytes | None = None, why: str = ""
    ) -> Sent:
        """Have a person retry a run."""
        verdict = await self.one(Retry("default", id, sender, data, why))
        if not isinstance(verdict, Sent):
            fail(f"retrying answered {verdict!r}")
        return verdict

    # -- reading

    async def read(self, run: Run) -> Run:
        """Read a run that must be there."""
        found = await self.store.get(run.number)
        return found if found is not None else fail(f"run {run.id!r} is not there")

    async def snapshot(self) -> object:
        """Read everything there is, to see whether something has changed."""
        rows: list[object] = [await self.store.sessions(live=False), sorted(await self.store.abilities())]
        for namespace in NAMESPACES:
            for run in await self.store.runs(RunQuery(namespace=namespace, limit=1_000_000)):
                loaded = (await self.store.load([run.number]))[run.number]
                rows.append((run, loaded, await self.store.attempts(run.number)))
        return rows + await self._events()

    async def _events(self) -> list[object]:
        """Read the log, and what services and people have made of it."""
        read = self.store
        rows: list[object] = [await read.head(), await read.read_log(0, 1_000_000)]
        rows += [await read.reactions(number) for number in range((await read.head()).last + 1)]
        for namespace in NAMESPACES:
            for service in await read.services(namespace):
                rows += [service, await read.handlers(service.number), await read.partitions(service.number)]
                for lane in await read.lanes(service.number):
                    rows += [lane, await read.lane(service.number, lane.key)]
                rows += [(key, await read.kept(service.number, key)) for key in KEYS]
            letters = DeadLetterQuery(namespace=namespace, state=None, limit=1_000_000)
            rows += [await read.dead_letters(letters), await read.dead_letter_groups(namespace)]
            rows += await self._cases(namespace)
            rows += [await read.projections(namespace), await read.schemas(namespace)]
            rows += [await read.snapshot(namespace, "Order", key) for key in KEYS]
            rows += [await read.alerts(namespace), await read.tallies(namespace, 0)]
        return rows

    async def _cases(self, namespace: str) -> list[object]:
        """Read processes, and where their cases stand."""
        read = self.store
        rows: list[object] = [await read.processes(namespace), await read.emitters(namespace)]
        cases = await read.cases(CaseQuery(namespace=namespace, limit=1_000_000))
        for case in cases:
            names = await read.case_names(namespace, case.id)
            rows += [case, names, await read.case_aliases(namespace, case.id)]
        return [*rows, await read.cancelled_cases(namespace, (), 0)]


_ORDER = (("order", "1"),)


def a_commit(run: Run, *entries: Entry, **fields: Any) -> Commit:
    """Make a commit of a claimed run by the session that owns it."""
    assert run.session is not None
    return Commit(
        **{
            "run": run.number,
            "session": run.session,
            "turn": run.turn,
            "floor": 0,
            "entries": entries,
            **fields,
        }
    )


def a_signal(run: Run, id: str | None = None, **fields: Any) -> Send:
    """Make a signal for a run, by its number."""
    return Send(Kind.SIGNAL, run=run.number, id=id, **{"name": "Paid", "data": b"1", **fields})


def a_step(position: int, **fields: Any) -> Entry:
    """Make the entry of a step that returned."""
    given: dict[str, Any] = {"op": position, "name": "charge", "digest": b"\x01\x02", "attempt": 1, **fields}
    return Entry(position, Kind.STEP, **given)


def expect(found: object, wanted: object, what: str) -> None:
    """Raise StoreMisbehaves unless the store answered what it must; ``what`` names the question."""
    if found != wanted:
        fail(f"{what}: {found!r} instead of {wanted!r}")


def fail(what: str) -> NoReturn:
    """Raise StoreMisbehaves."""
    raise StoreMisbehaves(what)


class Case(NamedTuple):
    """One thing that a store must do: the docstring of ``check`` is the sentence."""

    check: Callable[[World], Awaitable[None]]
    needs: Capability | None = None

    @property
    def chapter(self) -> str:
        """The chapter that tells it."""
        return self.check.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        """Chapter and name, as in ``creating.an_id_names_one_run``."""
        return f"{self.chapter}.{getattr(self.check, '__name__', '?')}"

    @property
    def sentence(self) -> str:
        """What it is that a store must do."""
        return (self.check.__doc__ or "").strip()
