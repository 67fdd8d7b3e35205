"""Events begun carefully, where worker after worker has died: found is the one that kills, and no other is blamed.

From ``Limits.suspect`` deaths on without getting further, the events of a partition begin one at a time, each
after a note in the store which one it is; partitions go on side by side. What was under way so when a worker
died is accused, and begins with no other suspect of this worker beside it. Who goes on dying alone is parked
once ``Limits.crashes`` deaths are passed; whoever ends is cleared.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from dalsegno.core.commit import Committed
from dalsegno.core.limits import Limits
from dalsegno.core.reactions import CAREFUL_AFTER, Partition, React, ServiceRow
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.events.progress import Progress
from dalsegno.events.work import Work

_CAREFUL_FOR = 100  # events of a partition that begin one at a time, once one had to


class Care:
    """How careful one worker is, and which of its suspects are under way: side by side, or an accused one alone."""

    def __init__(self, limits: Limits) -> None:
        self._suspect_after = limits.suspect
        self._alone_at_most = max(1, limits.crashes - limits.suspect)
        self._within = 0
        self._alone = False
        self._accused = 0  # those that wait to be alone
        self._changed = asyncio.Event()

    def progress(self, one: Partition) -> Progress:
        """Say how to go on with a partition."""
        careful = one.crashes >= self._suspect_after or one.suspect is not None
        return Progress(one.partition, one.position, one.crashes, one.suspect, _CAREFUL_FOR if careful else 0)

    def is_proven(self, progress: Progress, event: int) -> bool:
        """Tell whether workers enough have died of an event while it was alone."""
        return progress.suspect == event and progress.crashes - CAREFUL_AFTER >= self._alone_at_most

    async def enter(self, *, alone: bool) -> None:
        """Wait until one may be under way, with other suspects of this worker or without; ``leave`` follows."""
        self._accused += alone
        try:
            while self._alone or (self._within if alone else self._accused):
                await self._changed.wait()
        finally:
            self._accused -= alone
            self._tell()
        self._within, self._alone = self._within + 1, alone

    def leave(self) -> None:
        """Be under way no more."""
        self._within, self._alone = self._within - 1, False
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Ways(NamedTuple):
    """What the careful path asks of its reader."""

    react: Callable[[Work], None]
    park: Callable[[Work], None]
    give_up: Callable[[Verdict], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    is_over: Callable[[], bool]


class Careful:
    """The events of one service that begin one at a time in their partition, in the order of the log."""

    def __init__(self, care: Care, row: ServiceRow, session: int, commits: CommitQueue, ways: Ways) -> None:
        self._care = care
        self._row = row
        self._session = session
        self._commits = commits
        self._ways = ways
        self._works: dict[int, list[tuple[int, Work]]] = {}  # heaps, by partition
        self._written = asyncio.Event()

    def begin(self, work: Work) -> None:
        """Begin an event once it is its turn."""
        partition = work.progress.partition
        works = self._works.get(partition)
        if works is None:
            works = self._works[partition] = []
            self._ways.spawn(self._one_at_a_time(partition, works))
        heapq.heappush(works, (work.event.number, work))

    def written(self) -> None:
        """Hear that what has ended by now is written."""
        self._written.set()
        self._written = asyncio.Event()

    async def _one_at_a_time(self, partition: int, works: list[tuple[int, Work]]) -> None:
        while works and not self._ways.is_over():
            _, work = heapq.heappop(works)
            if work.progress.careful:
                await self._begin(work)
            else:
                self._ways.react(work)
        del self._works[partition]

    async def _begin(self, work: Work) -> None:
        progress, number = work.progress, work.event.number
        if self._care.is_proven(progress, number):
            self._ways.park(work)
            await self._end(progress, number)
            return
        await self._care.enter(alone=progress.suspect == number)
        try:
            verdict = await self._note(progress.partition, number)
            if not isinstance(verdict, Committed):
                self._ways.give_up(verdict)
            elif not self._ways.is_over():
                self._ways.react(work)
                await self._end(progress, number)
        finally:
            self._care.leave()

    async def _note(self, partition: int, event: int) -> Verdict:
        """Write that an event is about to begin."""
        suspects = ((partition, event),)
        note = React(self._session, self._row.number, self._row.generation, suspects=suspects)
        return await self._commits.submit(note, patient=True)

    async def _end(self, progress: Progress, number: int) -> None:
        """Wait until an event is passed for good; the next one may be killed for another reason."""
        while not progress.is_written(number):
            await self._written.wait()
        progress.careful -= 1
