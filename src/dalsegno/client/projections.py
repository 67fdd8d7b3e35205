"""Read models, as a program reads them: a row, many rows, as they are or as of any time, and how far they are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from dalsegno.client.desk import Desk
from dalsegno.core.clock import SECOND, nap
from dalsegno.core.durations import Duration, microseconds, text
from dalsegno.core.reactions import SteerService
from dalsegno.core.sourcing import BUILDING, SERVING, Project, Projected, ProjectionRow
from dalsegno.errors import HistoryForgotten, LimitReached, ProjectionNotFound, ResultTimeout
from dalsegno.events.loading import last_of
from dalsegno.events.projection import Folding, Projection

S = TypeVar("S")
AsOf: TypeAlias = int | datetime | None
"""A moment: the number of an event, an aware datetime, or None for now."""

Page: TypeAlias = list[tuple[str, S]]
"""Rows with their keys."""

_AT_ONCE = 512  # events read at once
_LOOK = 0.02  # seconds between looks whether it has come far enough
ROWS_MOST = 100_000
"""So many rows a fold may hold in memory while a read model is listed as of another time."""


@dataclass(frozen=True, slots=True)
class ProjectionInfo:
    """A read model: which generation serves, how far it has come, and whether another is being built.

    All events up to ``position`` are in it. ``stopped`` says why it goes no further, if it does not.
    ``building`` is the generation that is being built, which has come to ``built_to``.
    """

    name: str
    generation: int
    version: int
    position: int
    lag_events: int
    stopped: str
    building: int | None
    built_to: int | None


class AsyncProjectionHandle(Generic[S]):
    """One read model, in ``async def`` code."""

    def __init__(self, projection: Projection[S], desk: Desk) -> None:
        projection.check()
        self._projection = projection
        self._desk = desk
        self._folding = Folding(projection, desk.known.types, desk.namespace)

    async def get(self, key: str, *, as_of: AsOf = None) -> S | None:
        """Read the row of a key; None where there is none.

        With ``as_of``, the number of an event or an aware datetime, it is folded from the log as it was
        after that event, or at that time, and nothing is stored. Raises ProjectionNotFound where no worker
        has begun to build it, HistoryForgotten where the log does not reach back far enough.
        """
        if as_of is not None:
            return (await self._fold(as_of, lambda row: row == key)).get(key)
        _, kept = await self._steadily(lambda service: self._desk.store.kept(service, key))
        return None if kept is None or kept.data is None else self._folding.read(kept.data)

    async def list(
        self, *, prefix: str = "", after: str = "", limit: int = 100, as_of: AsOf = None
    ) -> Page[S]:
        """List rows by the order of their keys: those that begin with ``prefix``, behind the key ``after``.

        ``as_of`` is as for ``get``; so many rows as would not fit into memory are refused with LimitReached.
        """
        if as_of is not None:
            found = await self._fold(as_of, lambda row: row.startswith(prefix) and row > after)
            return sorted(found.items(), key=lambda item: item[0])[:limit]

        def page(service: int) -> Coroutine[Any, Any, Any]:
            return self._desk.store.kept_page(service, prefix, after, limit)

        _, rows = await self._steadily(page)
        return [(key, self._folding.read(kept.data or b"null")) for key, kept in rows]

    async def wait(self, number: int | None = None, *, timeout: Duration = "10s") -> int:
        """Wait until everything up to an event, by default the last one now, is in it; return its position.

        Raises ResultTimeout, and ProjectionNotFound where nobody has begun to build it by then.
        """
        wanted = (await self._desk.store.head()).last if number is None else number
        longest = microseconds(timeout, what="timeout")
        left = longest / SECOND
        while True:
            try:
                position = (await self.info()).position
            except ProjectionNotFound:  # a worker may be about to begin
                if left <= 0:
                    raise
                position = -1
            if position >= wanted:
                return position
            if left <= 0:
                raise ResultTimeout(
                    f"After {text(longest)} {self._projection.name} is at event {position}, not at {wanted}.",
                    "Whoever folds it is behind, has stopped, or is not there.",
                    "Look at info(): it says whether it has stopped, and why.",
                )
            await nap(_LOOK)
            left -= _LOOK

    async def info(self) -> ProjectionInfo:
        """Tell which generation serves, and how far it has come. Raises ProjectionNotFound."""
        store, rows = self._desk.store, await self._rows()
        serving = self._serving(rows)
        building = max((row.generation for row in rows if row.state == BUILDING), default=None)
        positions = {}
        for row in rows:
            if row.state in (SERVING, BUILDING):
                partitions = await store.partitions(row.service)
                positions[row.generation] = min((one.position for one in partitions), default=0)
        services = {row.number: row for row in await store.services(self._desk.namespace)}
        service, position = services[serving.service], positions[serving.generation]
        return ProjectionInfo(
            self._projection.name,
            serving.generation,
            serving.version,
            position,
            max(0, (await store.head()).last - position),
            "" if service.paused_at is None else service.paused_by or "paused",
            building,
            None if building is None else positions[building],
        )

    async def rebuild(self) -> int:
        """Build it anew from the whole log, and let that serve once it has caught up; return its generation.

        The present one serves, and goes on, until then. While one is being built no other is begun.
        """
        item = Project(self._desk.namespace, self._projection.name, self._projection.version, rebuild=True)
        answer = await self._desk.write(item)
        assert isinstance(answer, Projected)
        return max(row.generation for row in answer.rows)

    async def resume(self, *, sender: str = "") -> None:
        """Let it go on where it has stopped, once what stopped it is mended."""
        for row in await self._rows():
            if row.state in (SERVING, BUILDING):
                name = f"{row.name}#{row.generation}"
                await self._desk.write(SteerService(self._desk.namespace, name, by=sender, pause=False))

    # -- the generation that serves

    async def _rows(self) -> Sequence[ProjectionRow]:
        rows = await self._desk.store.projections(self._desk.namespace)
        return [row for row in rows if row.name == self._projection.name]

    def _serving(self, rows: Sequence[ProjectionRow]) -> ProjectionRow:
        for row in rows:
            if row.state == SERVING:
                return row
        raise ProjectionNotFound(
            f"Projection {self._projection.name} is not in the store {self._desk.store.address}.",
            "It is built by a worker that has its code.",
            "Start one: it is enough that the App knows the projection.",
        )

    async def _steadily(self, read: Callable[[int], Coroutine[Any, Any, Any]]) -> tuple[int, Any]:
        """Read of the generation that serves; again, where another one has been switched to meanwhile."""
        serving = self._serving(await self._rows())
        while True:
            found = await read(serving.service)
            now = self._serving(await self._rows())
            if now.service == serving.service:
                return now.service, found
            serving = now

    # -- as of another time

    async def _fold(self, as_of: AsOf, wanted: Callable[[str], bool]) -> dict[str, S]:
        """Fold the log up to a moment, and hold only the rows that are wanted."""
        store, rows, at = self._desk.store, dict[str, S](), 0
        assert as_of is not None
        until = await last_of(store, self._desk.namespace, as_of)
        while at < until:
            events = await store.read_log(at, _AT_ONCE)
            first = events[0].number if events else (await store.head()).first
            if first > at + 1:
                raise self._forgotten(first)
            for event in events:
                if event.number > until:
                    return rows
                for key, call in self._folding.calls(event):
                    if wanted(key):
                        _put(rows, key, call(rows.get(key)))
            if len(rows) > ROWS_MOST:
                raise self._too_many()
            if not events:
                break
            at = events[-1].number
            await nap(0)
        return rows

    def _forgotten(self, first: int) -> HistoryForgotten:
        return HistoryForgotten(
            f"Projection {self._projection.name} cannot be folded: the log begins with event {first}.",
            "Retention has removed what was before it.",
            "Read it as it is now, or keep events for as long as such questions are asked.",
            projection=self._projection.name,
            first=first,
        )

    def _too_many(self) -> LimitReached:
        return LimitReached(
            f"Projection {self._projection.name} had more than {ROWS_MOST:,} such rows then.",
            "They are folded in memory.",
            "Ask for a row, for those that begin with a prefix, or for those behind a key.",
        )

    def __repr__(self) -> str:
        return f"<handle of projection {self._projection.name}>"


class ProjectionHandle(Generic[S]):
    """One read model, in ``def`` code."""

    def __init__(
        self, handle: AsyncProjectionHandle[S], wait: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        self._handle = handle
        self._call = wait

    def get(self, key: str, *, as_of: AsOf = None) -> S | None:
        """Read the row of a key; None where there is none.

        With ``as_of``, the number of an event or an aware datetime, it is folded from the log as it was
        after that event, or at that time, and nothing is stored. Raises ProjectionNotFound where no worker
        has begun to build it, HistoryForgotten where the log does not reach back far enough.
        """
        row: S | None = self._call(self._handle.get(key, as_of=as_of))
        return row

    def list(self, *, prefix: str = "", after: str = "", limit: int = 100, as_of: AsOf = None) -> Page[S]:
        """List rows by the order of their keys: those that begin with ``prefix``, behind the key ``after``.

        ``as_of`` is as for ``get``; so many rows as would not fit into memory are refused with LimitReached.
        """
        rows: Page[S] = self._call(self._handle.list(prefix=prefix, after=after, limit=limit, as_of=as_of))
        return rows

    def wait(self, number: int | None = None, *, timeout: Duration = "10s") -> int:
        """Wait until everything up to an event, by default the last one now, is in it; return its position.

        Raises ResultTimeout, and ProjectionNotFound where nobody has begun to build it by then.
        """
        position: int = self._call(self._handle.wait(number, timeout=timeout))
        return position

    def info(self) -> ProjectionInfo:
        """Tell which generation serves, and how far it has come. Raises ProjectionNotFound."""
        info: ProjectionInfo = self._call(self._handle.info())
        return info

    def rebuild(self) -> int:
        """Build it anew from the whole log, and let that serve once it has caught up; return its generation.

        The present one serves, and goes on, until then. While one is being built no other is begun.
        """
        generation: int = self._call(self._handle.rebuild())
        return generation

    def resume(self, *, sender: str = "") -> None:
        """Let it go on where it has stopped, once what stopped it is mended."""
        self._call(self._handle.resume(sender=sender))

    def __repr__(self) -> str:
        return repr(self._handle)


def _put(rows: dict[str, S], key: str, state: S | None) -> None:
    if state is None:
        rows.pop(key, None)
    else:
        rows[key] = state
