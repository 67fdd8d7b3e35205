"""A store that fails on purpose: a wrapper at the seam, one for each simulated process.

What can happen to a write: its process dies before it, or after it with nobody told; it stands still
before or after it until its lease is long over; the write lands and the reply is lost, so that the group
is written again; it does not land, and is written again; it takes long. What can happen to a read: it
takes long, or fails.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple, NoReturn, Protocol, cast

from dalsegno.core.commit import Claimed, Failed, Fence, Refused
from dalsegno.core.transact import Transacted
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreBusy, StoreUnreachable
from dalsegno.store.protocol import Store
from dalsegno.testing.appends import Appends
from dalsegno.testing.simloop import SECOND, Host, SimLoop


class Fault(StrEnum):
    """What befalls a write or a read."""

    BEFORE = "before"  # the process dies before the write
    AFTER = "after"  # the process dies after the write, and nobody was told
    LATE = "late"  # the write lands, and its reply is lost: acknowledged too late
    BUSY = "busy"  # the write does not land: somebody else holds the lock
    UNREACHABLE = "unreachable"  # the write, or read, does not happen: the store does not answer
    SLOW = "slow"  # it takes seconds
    FROZEN = "frozen"  # the process stands still before the write, and wakes when its lease is over
    DAZED = "dazed"  # the same after the write, before it hears of it


WRITE_CRASHES = (Fault.BEFORE, Fault.AFTER, Fault.LATE)
ZOMBIES = (Fault.FROZEN, Fault.DAZED)


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

    def read(self, host: Host, name: str) -> Fault | None:
        """Say what befalls a read of this host, named as in the store's protocol."""
        ...


class Outages:
    """While it is ``down`` the store answers nobody; the writes of hosts that are ``cut`` do not reach it."""

    def __init__(self) -> None:
        self.down = False
        self.cut: set[str] = set()

    def _unreachable(self, host: Host, *, writes: bool) -> bool:
        return self.down or (writes and host.name in self.cut)


class Exactly(Outages):
    """The faults at these writes and reads, by their number in this world, and no others."""

    def __init__(
        self, faults: Mapping[int, Fault] | None = None, reads: Mapping[int, Fault] | None = None
    ) -> None:
        super().__init__()
        self.faults = dict(faults or {})
        self.reads = dict(reads or {})
        self._read = 0

    def write(self, moment: Moment) -> Fault | None:
        if self._unreachable(moment.host, writes=True):
            return Fault.UNREACHABLE
        return self.faults.get(moment.number)

    def read(self, host: Host, name: str) -> Fault | None:
        self._read += 1
        return Fault.UNREACHABLE if self._unreachable(host, writes=False) else self.reads.get(self._read)

    def __repr__(self) -> str:
        told = [f"{number}:{fault}" for number, fault in self.faults.items()]
        told += [f"read {number}:{fault}" for number, fault in self.reads.items()]
        return ", ".join(told) or "no fault"


class Chances(Outages):
    """Each fault with its own chance per write, drawn by a generator, until ``calm`` says stop.

    What was drawn is kept in ``drawn``: played again exactly, it gives the same world.
    """

    def __init__(
        self, rng: Random, writes: Mapping[Fault, float], reads: Mapping[Fault, float] | None = None
    ) -> None:
        super().__init__()
        self._rng = rng
        self._writes = dict(writes)
        self._reads = dict(reads or {})
        self.calm = False
        self.drawn = Exactly()
        self._read = 0

    def write(self, moment: Moment) -> Fault | None:
        fault = self._draw(self._writes)
        if self._unreachable(moment.host, writes=True):
            return Fault.UNREACHABLE
        return self._note(self.drawn.faults, moment.number, fault)

    def read(self, host: Host, name: str) -> Fault | None:
        self._read += 1
        fault = self._draw(self._reads)
        if self._unreachable(host, writes=False):
            return Fault.UNREACHABLE
        return self._note(self.drawn.reads, self._read, fault)

    def _note(self, drawn: dict[int, Fault], number: int, fault: Fault | None) -> Fault | None:
        if fault is not None:
            drawn[number] = fault
        return fault

    def _draw(self, chances: Mapping[Fault, float]) -> Fault | None:
        drawn = self._rng.random()
        if self.calm:
            return None
        for fault, chance in chances.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None

    def __repr__(self) -> str:
        return f"drawn: {self.drawn!r}"


class Watcher(Protocol):
    """Who is told of every write that was made, before its writer hears of it."""

    def wrote(self, group: Sequence[Write], fence: Fence | None, verdicts: Sequence[Verdict]) -> None:
        """Hear of a write that was made."""
        ...


class Seam:
    """What the stores of all hosts of one world share: the store below, the count, the plan, who watches.

    ``latency`` is how many microseconds a write or read takes at most; ``appends`` hears what the hosts
    asked and were told.
    """

    def __init__(
        self,
        loop: SimLoop,
        store: Store,
        plan: Plan,
        watcher: Watcher,
        appends: Appends,
        *,
        latency: int = 1_000,
        on_crash: Callable[[Host], None],
        on_freeze: Callable[[Host], None],
        tell: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.store = store
        self.plan = plan
        self.watcher = watcher
        self.appends = appends
        self.latency = latency
        self.on_crash = on_crash
        self.on_freeze = on_freeze
        self.tell = tell
        self.writes = 0


class FaultyStore:
    """The store as one host of a simulated world sees it; make it with ``faulty``.

    What is no coroutine is handed on as it is, and every coroutine but ``write`` is a read.
    """

    def __init__(self, seam: Seam, host: Host) -> None:
        self._seam = seam
        self._host = host

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._seam.store, name)
        if inspect.iscoroutinefunction(member):
            member = functools.partial(self._read, member)
        setattr(self, name, member)  # looked up once: this is asked for thousands of times
        return member

    async def close(self) -> None:
        """Leave it open: the world closes it, once for all hosts."""

    # -- writing

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        """Write as the store does, but for what the plan says."""
        seam = self._seam
        await self._take_time()
        seam.writes += 1
        number = seam.writes
        fault = seam.plan.write(Moment(number, self._host, group, fence))
        self._tell(number, group, fault)
        if fault is Fault.SLOW:
            await self._take_long()
        if fault is Fault.FROZEN:
            await self._stand_still()
        if fault is Fault.BEFORE:
            await self._die()
        if fault in (Fault.BUSY, Fault.UNREACHABLE):
            self._fail(fault)
        seam.appends.appending(group)
        verdicts = answers = await seam.store.write(group, fence)
        if isinstance(verdicts[0] if verdicts else None, Transacted):  # what it holds is what was written
            (told,) = verdicts
            assert isinstance(told, Transacted)
            seam.appends.appending(told.items)
            group, verdicts = told.items, [*told.verdicts]
        for verdict in verdicts:
            if isinstance(verdict, Claimed) and verdict.runs:
                seam.tell(f"{self._host} has claimed {', '.join(run.id for run in verdict.runs)}")
            elif isinstance(verdict, Refused | Failed):
                seam.tell(f"{self._host} was told: {verdict}")
        seam.watcher.wrote(group, fence, verdicts)
        if fault is Fault.AFTER:
            await self._die()
        if fault is Fault.LATE:
            self._fail(fault)
        if fault is Fault.DAZED:
            await self._stand_still()
        await self._take_time()
        seam.appends.appended(group, verdicts)
        return answers

    def _tell(self, number: int, group: Sequence[Write], fault: Fault | None) -> None:
        names = ", ".join(type(item).__name__ for item in group)
        if fault:
            self._seam.tell(f"write {number} of {self._host}: {names} ! {fault}")
        elif names != "Beat":  # there are so many of them
            self._seam.tell(f"write {number} of {self._host}: {names}")

    def _fail(self, fault: Fault) -> NoReturn:
        kind = StoreBusy if fault is Fault.BUSY else StoreUnreachable
        raise kind(f"The store was made to fail: {fault}.")

    async def _die(self) -> None:
        """End this host here and now: whoever waits for this never goes on."""
        self._seam.on_crash(self._host)
        await self._seam.loop.create_future()

    async def _stand_still(self) -> None:
        """Freeze this host here and now; it goes on from here when it wakes."""
        self._seam.on_freeze(self._host)
        await self._nap(1)

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

    async def _read(self, member: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        fault = self._seam.plan.read(self._host, member.__name__)
        await self._take_time()
        if fault is Fault.SLOW:
            await self._take_long()
        if fault is Fault.UNREACHABLE:
            self._seam.tell(f"{member.__name__} of {self._host} ! {fault}")
            self._fail(fault)
        begun = self._seam.appends.tick()
        value = await member(*args, **kwargs)
        await self._take_time()
        if member.__name__ == "load":
            for number, loaded in value.items():
                self._seam.appends.read(number, begun, loaded.entries)
        return value


def faulty(seam: Seam, host: Host) -> Store:
    """Give the store below a seam as this host is to see it."""
    return cast("Store", FaultyStore(seam, host))


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
