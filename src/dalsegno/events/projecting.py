"""The read models of one worker: begun, given to whoever folds them, switched, and cleared when they are gone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

from dalsegno.core.clock import nap
from dalsegno.core.commit import Done
from dalsegno.core.notes import LongAttempt
from dalsegno.core.reactions import Taken, TakePartitions
from dalsegno.core.sourcing import BUILDING, GONE, SERVING, Clear, Project, ProjectionRow
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import StoreError
from dalsegno.events.folder import Folder
from dalsegno.events.projection import Folding, Projection
from dalsegno.events.registry import Types
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_ROUND = 0.5  # seconds between looks at what people ask for, and at what nobody folds
_CLEARED_AT_ONCE = 20  # pieces of a generation that is gone, in one round


class Projecting:
    """All read models that one worker's code has."""

    def __init__(
        self,
        projections: Iterable[Projection[Any]],
        types: Types,
        store: Store,
        commits: CommitQueue,
        *,
        namespace: str,
    ) -> None:
        self._projections = {projection.name: projection for projection in projections}
        self._foldings = {
            name: Folding(projection, types, namespace) for name, projection in self._projections.items()
        }
        self._store = store
        self._commits = commits
        self._namespace = namespace
        self._session = 0
        self._begun = False
        self._stopping = False
        self._folders: dict[int, Folder] = {}  # by service
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, session: int) -> None:
        """Begin to fold in a new session."""
        self._session, self._begun = session, False
        if self._projections:
            self._spawn(self._run(session), "dalsegno-projections")

    def drop(self) -> None:
        """Let go of everything: the session is over, others go on."""
        self._session = 0
        for folder in self._folders.values():
            folder.stop()
        self._folders = {}
        for task in self._tasks:
            task.cancel()
        self._tasks = set()

    def stop(self) -> None:
        """Begin nothing more; what is being written is written."""
        self._stopping = True
        for folder in self._folders.values():
            folder.stop()

    @property
    def busy(self) -> bool:
        """Whether anything is being written."""
        return any(folder.writing for folder in self._folders.values())

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Nothing that anybody waits for."""
        return ()

    def nudge(self) -> None:
        """Hear that there are new events."""
        for folder in self._folders.values():
            folder.nudge()

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, session: int) -> None:
        while not self._stopping and self._session == session:
            try:
                if not self._begun:
                    await self._begin()
                await self._look(session)
            except StoreError as error:
                log.warning("projections wait: %s", error.what)
            await nap(_ROUND)

    async def _begin(self) -> None:
        """See to it that each one is there in this code's version, or is being built."""
        for projection in self._projections.values():
            data = json.dumps(projection.declaration()).encode()
            await self._commits.submit(
                Project(self._namespace, projection.name, projection.version, data=data)
            )
        self._begun = True

    async def _look(self, session: int) -> None:
        rows = [
            row for row in await self._store.projections(self._namespace) if row.name in self._projections
        ]
        services = {row.number: row for row in await self._store.services(self._namespace)}
        mine: set[int] = set()
        for row in rows:
            if row.state == GONE:
                await self._clear(row)
            elif row.state in (SERVING, BUILDING) and row.version == self._projections[row.name].version:
                mine.add(row.service)
                await self._keep_folding(row, services[row.service], session)
        for service in self._folders.keys() - mine:
            self._folders.pop(service).stop()

    async def _keep_folding(self, row: ProjectionRow, service: Any, session: int) -> None:
        folder = self._folders.get(row.service)
        if folder is None or folder.over or folder.service.generation != service.generation:
            if folder is not None:
                folder.stop()
            projection = self._projections[row.name]
            folding = self._foldings[row.name]
            folder = Folder(projection, row, service, folding, self._store, self._commits, session)
            self._folders[row.service] = folder
            self._spawn(folder.run(), f"dalsegno-{service.name}")
        folder.row = row
        if folder.paused and service.paused_at is None:
            folder.resume()
        elif service.paused_at is not None:
            folder.paused = True
        if not folder.owned:
            taken = await self._commits.submit(
                TakePartitions(session, row.service, 1, recall=True), patient=True
            )
            if isinstance(taken, Taken) and taken.partitions:
                folder.own(taken.partitions[0])

    async def _clear(self, row: ProjectionRow) -> None:
        """Remove the rows of a generation that is gone, in pieces that nobody has to wait for."""
        for _ in range(_CLEARED_AT_ONCE):
            done = await self._commits.submit(Clear(row.namespace, row.name, row.generation), patient=True)
            if not isinstance(done, Done) or not done.count:
                return
