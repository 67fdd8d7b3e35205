"""A room to try workflows in: one App on one SQLite file, which may crash, and whose clock may be set on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dalsegno import App, AsyncClient, Limits
from dalsegno.app import Runtime, open_store
from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import EndSession
from dalsegno.core.durations import microseconds
from dalsegno.core.entries import Entry
from dalsegno.core.runs import Run
from dalsegno.engine.cache import Cache

PATIENCE = 60.0  # seconds; far more than anything takes, on a machine that does much else


class SettableClock(SystemClock):
    """The system's clocks, ahead of time by as much as it was set on."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0

    def set_on(self, duration: str) -> None:
        self.ahead += microseconds(duration)

    def now(self) -> int:
        return super().now() + self.ahead

    def boot(self) -> int:
        return super().boot() + self.ahead


class Room:
    """An App at work in this loop. ``crash`` ends it as a ``kill -9`` would, for all that the file can tell."""

    def __init__(
        self,
        folder: Path,
        *include: object,
        worker: bool = True,
        clock: SettableClock | None = None,
        limits: Limits | None = None,
        patience: float = 5.0,
        cache: int | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock or SettableClock()
        self.address = f"sqlite:///{folder / 'room.db'}"
        self._app = App("room", include=include, store=self.address, limits=limits, **options)
        self._options = replace(self._app.options, patience=patience)
        self._worker = worker
        self._cache = cache
        self._open = False
        self.client: AsyncClient

    async def __aenter__(self) -> Self:
        store = open_store(self.address, self.clock)
        self.runtime = Runtime(
            store,
            self._app.registry(),
            self._options,
            known=self._app.known(),
            worker=self._worker,
            clock=self.clock,
        )
        if self._cache is not None:
            self.runtime.engine._cache = Cache(self._cache)
        self.client = await self.runtime.open()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open = False
            await self.runtime.close()

    async def crash(self) -> None:
        """Stop in the middle of everything; another worker has noticed it already."""
        worker, engine, commits = self.runtime.worker, self.runtime.engine, self.runtime.commits
        assert worker is not None and worker._heart is not None
        self._open = False
        worker._stopping = True
        for part in (worker._heart, worker.claimer, worker.sweeper):
            part.stop()
        tasks = [*worker._tasks, commits._task]
        for task in tasks:
            assert task is not None
            task.cancel()
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)
        session, engine.session = engine.session, 0
        engine.drop_all()
        self.runtime._records.remove()
        await self.runtime.store.write([EndSession(session)])
        await self.runtime.store.close()

    async def row(self, id: str) -> Run:
        return await self.runtime.operations.row(id)

    async def has_entries(self, id: str, *kinds: str) -> None:
        """Wait until a run's journal has entries of exactly these kinds."""

        async def there() -> bool:
            return [entry.kind.name for entry in await self.journal(id)] == list(kinds)

        await eventually(there, f"the journal of {id} holds {', '.join(kinds)}")

    async def journal(self, id: str) -> list[Entry]:
        return await self.runtime.store.journal((await self.row(id)).number)

    async def reaches(self, id: str, *statuses: str) -> Run:
        """Wait until a run has one of these statuses."""

        async def there() -> Run | None:
            row = await self.runtime.store.find("default", id)
            return row if row is not None and row.status.value in statuses else None

        return await eventually(there, f"run {id} is {' or '.join(statuses)}")


async def eventually(found: Callable[[], Awaitable[Any] | Any], what: str) -> Any:
    """Look again and again until ``found`` finds something: ``until`` for code that may await."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE
    never = asyncio.Event()
    while True:
        value = found()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert loop.time() < ends, f"not within {PATIENCE:.0f} s: {what}"
        try:
            await asyncio.wait_for(never.wait(), 0.01)
        except TimeoutError:
            continue


class Gate:
    """Holds ``async def`` steps until it is opened, and counts who came; closed again in each life."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self._open = asyncio.Event()

    async def pass_(self, who: Any = None) -> None:
        self.came.append(who)
        await self._open.wait()

    def open(self) -> None:
        self._open.set()

    async def crowd(self, count: int) -> None:
        await eventually(lambda: len(self.came) >= count, f"{count} came to the gate")


def names(entries: Iterable[Entry]) -> list[str]:
    """Tell a journal by kind and name."""
    return [f"{entry.kind.name.lower()} {entry.name}".strip() for entry in entries]
