"""One generation of a read model at work: reads the log, folds, and writes rows with its position, in one commit.

A fold is a pure function, so there is nothing to retry and nothing to park: an event that it cannot
digest stops it, with the reason where people see it, and what was folded before is kept. Each row knows
the last event that is in it, so that no event is folded into it twice, however often it is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any

import msgspec

from dalsegno.core.clock import nap
from dalsegno.core.commit import Committed, Kept
from dalsegno.core.event import Event
from dalsegno.core.reactions import CAREFUL_AFTER, KeptRow, Partition, React, ServiceRow, SteerService
from dalsegno.core.runs import KILLS_ITS_WORKER
from dalsegno.core.sourcing import BUILDING, ProjectionRow, Serve
from dalsegno.core.writes import Write
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import StoreError
from dalsegno.events.projection import Folding, Projection
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_BATCH = 512  # events read at once, and rows written in one commit, at most a few more
_A_TURN = 64  # events folded before others on the loop have their turn
_ROWS = 10_000  # rows that are remembered between batches
_LOOK = 0.05  # seconds between looks at the change mark
_IDLE = 0.5  # seconds after which it writes how far it has come though nothing was for it
_FAR = 256  # events after which it does so in any case
_DEATHS = 3  # of workers that were at one event and nothing else, after which it is begun no more


class Row(msgspec.Struct):
    """A row while a batch is folded; ``mark`` is the last event that the store has in it."""

    state: Any
    mark: int
    changed: int = 0


class Folder:
    """Folds one generation, while a session owns it. Everything happens on the worker's loop."""

    def __init__(
        self,
        projection: Projection[Any],
        row: ProjectionRow,
        service: ServiceRow,
        folding: Folding[Any],
        store: Store,
        commits: CommitQueue,
        session: int,
    ) -> None:
        self.row = row
        self.service = service
        self.owned = False
        self.paused = service.paused_at is not None
        self.over = False
        self.writing = False
        self.position = 0
        self._name = projection.name
        self._folding = folding
        self._store = store
        self._commits = commits
        self._session = session
        self._cursor = 0
        self._moved = False
        self._careful = False
        self._suspect: tuple[int, int] | None = None
        self._rows: OrderedDict[str, KeptRow | None] = OrderedDict()
        self._nudged = asyncio.Event()

    def own(self, partition: Partition) -> None:
        """Begin to fold, after the position of whoever had it before."""
        self.owned = True
        self.position = self._cursor = partition.position
        self._careful = partition.crashes >= CAREFUL_AFTER
        if self._careful and partition.suspect is not None:
            self._suspect = partition.suspect, partition.crashes - CAREFUL_AFTER + 1
        self.nudge()

    def resume(self) -> None:
        """Go on, from where the store says: a person may have moved it meanwhile."""
        self._moved, self.paused = True, False
        self.nudge()

    def nudge(self) -> None:
        """Hear that there may be news."""
        self._nudged.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self.over = True
        self.nudge()

    async def run(self) -> None:
        """Read and fold until stopped."""
        while not self.over:
            self._nudged.clear()
            try:
                mark = self._store.change_mark()
                if self._moved and self.owned:
                    await self._look_where()
                if not self.owned or self.paused or not await self._go_on():
                    await self._wait(mark)
            except StoreError as error:
                log.warning("projection %s waits: %s", self._name, error.what)
                await nap(1.0)

    async def _look_where(self) -> None:
        self._moved = False
        self._rows.clear()
        (partition,) = await self._store.partitions(self.service.number)
        self.owned = partition.session == self._session
        self.position = self._cursor = partition.position

    async def _wait(self, mark: int) -> None:
        waited = 0.0
        while not self._nudged.is_set() and waited < _IDLE and mark == self._store.change_mark():
            waited += _LOOK
            try:
                await asyncio.wait_for(self._nudged.wait(), _LOOK)
            except TimeoutError:
                continue
        if self.owned and not self.over and (self._cursor > self.position or self.row.state == BUILDING):
            await self._write({})

    async def _go_on(self) -> bool:
        """Fold the next events; return whether to go on at once."""
        events = await self._store.read_log(self._cursor, 1 if self._careful else _BATCH)
        if self.over:
            return False
        head = await self._store.head()
        first = events[0].number if events else head.first
        if first > self._cursor + 1:  # along the log no number is left out
            await self._stop_here(f"the events {self._cursor + 1} to {first - 1} are not on the log any more")
            return False
        if not events:
            return False
        if self._careful and not await self._begin_carefully(events[0].number):
            return False
        trouble = await self._fold(events)
        if trouble is not None:
            await self._stop_here(trouble)
        return trouble is None

    async def _fold(self, events: list[Event]) -> str | None:
        """Fold events, and write what came of it; tell what kept it from going on, if anything did."""
        batch: dict[str, Row] = {}
        for count, event in enumerate(events):
            try:
                await self._fold_one(event, batch)
            except StoreError:
                raise
            except Exception as error:  # whatever a fold raises stops it
                log.exception("projection %s cannot fold event %d", self._name, event.number)
                self._cursor = events[0].number - 1
                if count:  # once more without it: what it has half changed is not to be written
                    await self._fold(events[:count])
                return f"event {event.number}: {type(error).__name__}: {error}"[:500]
            self._cursor = event.number
            if count % _A_TURN == _A_TURN - 1:
                await nap(0)
        changed = {key: row for key, row in batch.items() if row.changed}
        if changed or self._cursor - self.position >= _FAR or self._careful:
            return await self._write(changed)
        return None

    async def _fold_one(self, event: Event, batch: dict[str, Row]) -> None:
        for key, call in self._folding.calls(event):
            row = batch.get(key)
            if row is None:
                row = batch[key] = await self._read(key)
            if event.number > row.mark:
                row.state = call(row.state)
                row.changed = event.number

    async def _read(self, key: str) -> Row:
        if key in self._rows:
            self._rows.move_to_end(key)
            kept = self._rows[key]
        else:
            kept = await self._store.kept(self.service.number, key)
        if kept is None or kept.data is None:
            return Row(None, 0)
        return Row(self._folding.read(kept.data), kept.event)

    async def _write(self, changed: dict[str, Row]) -> str | None:
        """Write rows and position; tell what of it cannot be written."""
        service = self.service.number
        try:
            kept = tuple(
                Kept(
                    service,
                    key,
                    row.changed,
                    None if row.state is None else self._folding.write(key, row.state),
                )
                for key, row in changed.items()
            )
        except Exception as error:
            self._cursor = self.position  # nothing of the batch was written
            return f"after event {self.position}: {type(error).__name__}: {error}"[:500]
        moved = ((0, self._cursor),)
        react = React(self._session, service, self.service.generation, positions=moved, kept=kept)
        items: list[Write] = [react]
        if self.row.state == BUILDING:
            items.append(Serve(self.row.namespace, self.row.name, self.row.generation))
        self.writing = True
        try:
            verdict, *_ = await asyncio.gather(*(self._commits.submit(item, patient=True) for item in items))
        finally:
            self.writing = False
        if not isinstance(verdict, Committed):
            log.warning("projection %s moved on without this worker (%s)", self._name, verdict)
            self.stop()
            return None
        self.position, self._careful, self._suspect = self._cursor, False, None
        self._remember(kept)
        return None

    def _remember(self, kept: tuple[Kept, ...]) -> None:
        for one in kept:
            gone = one.data is None
            self._rows[one.key] = None if gone else KeptRow(one.codec, one.data, one.rank, one.event, 0)
            self._rows.move_to_end(one.key)
        while len(self._rows) > _ROWS:
            self._rows.popitem(last=False)

    async def _begin_carefully(self, event: int) -> bool:
        """Note which event is begun, where worker after worker has died; tell whether to begin it at all."""
        if self._suspect is not None and self._suspect[0] == event and self._suspect[1] >= _DEATHS:
            await self._stop_here(f"event {event}: {KILLS_ITS_WORKER}")
            return False
        service, generation = self.service.number, self.service.generation
        note = React(self._session, service, generation, suspects=((0, event),))
        return isinstance(await self._commits.submit(note, patient=True), Committed)

    async def _stop_here(self, why: str) -> None:
        """Stop until a person resumes it, or a new version is built; the reason is kept."""
        log.error("projection %s stops: %s", self._name, why)
        self.paused = True
        steer = SteerService(self.row.namespace, self.service.name, by=why, pause=True)
        await self._commits.submit(steer, patient=True)
