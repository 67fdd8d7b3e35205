"""A store that fails on purpose: a wrapper at the seam, one for each simulated process.

What can happen to a write: its process dies before it, or after it with nobody told; it lands and the
reply is lost, so that the group is written again; it does not land, and is written again; it takes
long. What can happen to a read: it takes long, or fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

from dalsegno.core.commit import Fence, Loaded, Session, Verdict, Write
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Run
from dalsegno.errors import StoreBusy, StoreUnreachable
from dalsegno.store.protocol import DueRuns, RunQuery, Store, StoreFacts
from dalsegno.testing.simloop import SECOND, Host, SimLoop

T = TypeVar("T")


class Fault(StrEnum):
    """What befalls a write or a read."""

    BEFORE = "before"  # the process dies before the write
    AFTER = "after"  # the process dies after the write, and nobody was told
    LATE = "late"  # the write lands, and its reply is lost: acknowledged too late
    BUSY = "busy"  # the write does not land: somebody else holds the lock
    UNREACHABLE = "unreachable"  # the write, or read, does not happen: the store does not answer
    SLOW = "slow"  # it takes seconds


WRITE_CRASHES = (Fault.BEFORE, Fault.AFTER, Fault.LATE)


class Moment(NamedTuple):
    """A write about to happen: the how manieth in this world, whose it is and what it holds."""

    number: int
    host: Host
    group: Sequence[Write]
    fence: Fence | None


class Plan(Protocol):
    """Which faults happen when."""

    def write(self, moment: Moment) -> Fault | None:
        """Say what befalls this write."""
        ...

    def read(self, host: Host) -> Fault | None:
        """Say what befalls a read of this host."""
        ...


class Exactly:
    """The faults at these writes, and no others."""

    def __init__(self, faults: Mapping[int, Fault] | None = None) -> None:
        self.faults = dict(faults or {})

    def write(self, moment: Moment) -> Fault | None:
        return self.faults.get(moment.number)

    def read(self, host: Host) -> Fault | None:
        return None

    def __repr__(self) -> str:
        return ", ".join(f"{number}:{fault}" for number, fault in self.faults.items()) or "no fault"


class Chances:
    """Each fault with its own chance per write, drawn by a generator, until ``calm`` says stop."""

    def __init__(
        self, rng: Random, writes: Mapping[Fault, float], reads: Mapping[Fault, float] | None = None
    ) -> None:
        self._rng = rng
        self._writes = dict(writes)
        self._reads = dict(reads or {})
        self.calm = False

    def write(self, moment: Moment) -> Fault | None:
        return self._draw(self._writes)

    def read(self, host: Host) -> Fault | None:
        return self._draw(self._reads)

    def _draw(self, chances: Mapping[Fault, float]) -> Fault | None:
        drawn = self._rng.random()
        if self.calm:
            return None
        for fault, chance in chances.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None


class Watcher(Protocol):
    """Who is told of every write that was made, before its writer hears of it."""

    def wrote(self, group: Sequence[Write], fence: Fence | None, verdicts: Sequence[Verdict]) -> None:
        """Hear of a write that was made."""
        ...


class Seam:
    """What the stores of all hosts of one world share: the store below, the count, the plan, who watches.

    ``latency`` is how many microseconds a write or read takes at most.
    """

    def __init__(
        self,
        loop: SimLoop,
        store: Store,
        plan: Plan,
        watcher: Watcher,
        *,
        latency: int = 1_000,
        on_crash: Callable[[Host], None],
        tell: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.store = store
        self.plan = plan
        self.watcher = watcher
        self.latency = latency
        self.on_crash = on_crash
        self.tell = tell
        self.writes = 0


class FaultyStore:
    """Implements ``store.protocol.Store`` for one host of a simulated world."""

    def __init__(self, seam: Seam, host: Host) -> None:
        self._seam = seam
        self._host = host

    @property
    def address(self) -> str:
        return self._seam.store.address

    def now(self) -> int:
        return self._seam.store.now()

    def lease_now(self) -> int:
        return self._seam.store.lease_now()

    def holder(self) -> int | None:
        return self._seam.store.holder()

    def change_mark(self) -> int:
        return self._seam.store.change_mark()

    async def open(self) -> None:
        await self._seam.store.open()

    async def close(self) -> None:
        return None  # the world closes it, once for all hosts

    # -- writing

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        seam = self._seam
        await self._take_time()
        seam.writes += 1
        number = seam.writes
        fault = seam.plan.write(Moment(number, self._host, group, fence))
        names = ", ".join(type(item).__name__ for item in group)
        seam.tell(f"write {number} of {self._host}: {names}{f' ! {fault}' if fault else ''}")
        if fault is Fault.SLOW:
            await self._take_long()
        if fault is Fault.BEFORE:
            await self._die()
        if fault in (Fault.BUSY, Fault.UNREACHABLE):
            self._fail(fault)
        verdicts = await seam.store.write(group, fence)
        seam.watcher.wrote(group, fence, verdicts)
        if fault is Fault.AFTER:
            await self._die()
        if fault is Fault.LATE:
            self._fail(fault)
        await self._take_time()
        return verdicts

    def _fail(self, fault: Fault) -> NoReturn:
        kind = StoreBusy if fault is Fault.BUSY else StoreUnreachable
        raise kind(f"The store was made to fail: {fault}.")

    async def _die(self) -> None:
        """End this host here and now: whoever waits for this never goes on."""
        self._seam.on_crash(self._host)
        await self._seam.loop.create_future()

    async def _take_time(self) -> None:
        if self._seam.latency:
            await self._nap(int(self._seam.loop.rng.random() * self._seam.latency))

    async def _take_long(self) -> None:
        await self._nap(int(self._seam.loop.rng.random() * 2 * SECOND))

    async def _nap(self, microseconds: int) -> None:
        over = self._seam.loop.create_future()
        alarm = self._seam.loop.call_later(microseconds / SECOND, _finish, over)
        try:
            await over
        finally:
            alarm.cancel()

    # -- reading

    async def _read(self, answer: Coroutine[Any, Any, T]) -> T:
        fault = self._seam.plan.read(self._host)
        try:
            await self._take_time()
            if fault is Fault.SLOW:
                await self._take_long()
            if fault is Fault.UNREACHABLE:
                self._seam.tell(f"read of {self._host} ! {fault}")
                self._fail(fault)
        except BaseException:
            answer.close()
            raise
        value = await answer
        await self._take_time()
        return value

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        return await self._read(self._seam.store.load(numbers))

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        return await self._read(self._seam.store.inbox(numbers))

    async def find(self, namespace: str, run_id: str) -> Run | None:
        return await self._read(self._seam.store.find(namespace, run_id))

    async def get(self, number: int) -> Run | None:
        return await self._read(self._seam.store.get(number))

    async def runs(self, query: RunQuery) -> list[Run]:
        return await self._read(self._seam.store.runs(query))

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        return await self._read(self._seam.store.journal(number, after, limit))

    async def timers(self, number: int) -> list[Timer]:
        return await self._read(self._seam.store.timers(number))

    async def attempts(self, number: int) -> list[LongAttempt]:
        return await self._read(self._seam.store.attempts(number))

    async def counts(self, namespace: str) -> dict[str, int]:
        return await self._read(self._seam.store.counts(namespace))

    async def sessions(self, *, live: bool = True) -> list[Session]:
        return await self._read(self._seam.store.sessions(live=live))

    async def abilities(self) -> set[tuple[str, str, int]]:
        return await self._read(self._seam.store.abilities())

    async def next_due(self, queue: str, after: int = 0) -> int | None:
        return await self._read(self._seam.store.next_due(queue, after))

    async def anything_due(self, session: int, queue: str) -> bool:
        return await self._read(self._seam.store.anything_due(session, queue))

    async def due(self) -> list[DueRuns]:
        return await self._read(self._seam.store.due())

    async def facts(self) -> StoreFacts:
        return await self._read(self._seam.store.facts())

    async def check(self) -> list[str]:
        return await self._read(self._seam.store.check())


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
