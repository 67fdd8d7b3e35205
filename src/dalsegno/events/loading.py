"""Aggregates loaded: the newest snapshot that is of use, and the events of the log after it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec

from dalsegno.core.clock import from_datetime
from dalsegno.core.commit import Done
from dalsegno.core.event import Event
from dalsegno.core.sourcing import Expect, Snapshot, SnapshotRow, Source
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import HistoryForgotten, NotDecodable
from dalsegno.events.aggregate import Aggregate, AggregateType, kind_of
from dalsegno.events.registry import Types
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

A = TypeVar("A", bound=Aggregate)

_AT_ONCE = 1_000  # events read at once
_ALL = 2**62


class Loaded(msgspec.Struct, Generic[A]):
    """An aggregate as the log has it; ``count`` is how many events are in it."""

    aggregate: A
    kind: AggregateType
    version: int
    count: int
    namespace: str

    @property
    def expect(self) -> Expect:
        """What must still hold when something is written that was decided by it."""
        return Expect(self.aggregate.id, self.kind.types, self.version, self.kind.name, self.namespace)


class Loading:
    """Loads the aggregates of one store, and has snapshots of them written."""

    def __init__(self, store: Store, commits: CommitQueue, types: Types, namespace: str) -> None:
        self._store = store
        self._commits = commits
        self._types = types
        self._namespace = namespace
        self._known: set[AggregateType] = set()

    async def load(self, cls: type[A], key: str, as_of: int | datetime | None = None) -> Loaded[A]:
        """Load an aggregate as it is, or was after an event or at a time.

        Raises HistoryForgotten where retention has removed what it is to be folded from, NotDecodable and
        NoConverter for events that the code cannot read, and what its ``apply`` methods raise.
        """
        kind = kind_of(cls)
        self._know(kind)
        until = _ALL if as_of is None else await last_of(self._store, self._namespace, as_of)
        while True:
            row = await self._store.snapshot(self._namespace, kind.name, key)
            loaded = await self._fold(cls, kind, key, row, until)
            # Events may have been removed while they were read; only a newer snapshot lets them go.
            if await self._store.snapshot(self._namespace, kind.name, key) == row:
                return loaded

    async def compact(self, cls: type[Aggregate]) -> int:
        """Write a snapshot of each aggregate that has events after its last one; return how many those were."""
        kind = kind_of(cls)
        self._know(kind)
        head = await self._store.head()
        written, at = 0, head.first - 1
        while at < head.last:
            events = await self._store.read_log(at, _AT_ONCE)
            keys = {e.key for e in events if e.namespace == self._namespace and e.type in kind.types}
            for key in sorted(key for key in keys if key is not None):
                written += await self._compact(cls, kind, key, max(e.number for e in events if e.key == key))
            at = events[-1].number if events else head.last
        return written

    async def _compact(self, cls: type[Aggregate], kind: AggregateType, key: str, last: int) -> int:
        row = await self._store.snapshot(self._namespace, kind.name, key)
        if row is not None and row.version >= last and row.shape == kind.shape:
            return 0
        loaded = await self.load(cls, key)
        done = await self._commits.submit(self._snapshot(loaded))
        assert isinstance(done, Done)
        return done.count

    def _know(self, kind: AggregateType) -> None:
        """Tell the store, once, which events it must not forget before a snapshot has them.

        Nothing waits for it: it is written before whatever is decided by what is read now.
        """
        kind.check()
        if kind not in self._known:
            self._known.add(kind)
            self._commits.put(Source(self._namespace, kind.name, kind.types), lambda _: None)

    async def _fold(
        self, cls: type[A], kind: AggregateType, key: str, row: SnapshotRow | None, until: int
    ) -> Loaded[A]:
        loaded = Loaded(cls(key), kind, 0, 0, self._namespace)
        snapshot = row if row is not None and row.version <= until else None
        if snapshot is not None and not _restored(loaded, snapshot):
            snapshot = None
        folded = known = 0
        async for event in self._events(kind, key, loaded.version):
            if event.number <= until:
                folded += 1
                self._apply(loaded, event)
            if row is None or event.number > row.version:
                if event.number > until:
                    break
            else:
                known += 1
        if snapshot is None and row is not None and known < row.count:
            raise self._forgotten(kind, key, row, await self._store.head(), known)
        loaded.aggregate.version = loaded.version
        if until == _ALL and (folded >= kind.every or (folded and row is not None and snapshot is None)):
            self._commits.put(self._snapshot(loaded), lambda _: None)
        return loaded

    def _apply(self, loaded: Loaded[Any], event: Event) -> None:
        wanted = loaded.kind.wanted(event.type, event.version)
        value = self._types.convert(event.type, bytes(event.data or b"null"), event.version, wanted)
        loaded.kind.apply(loaded.aggregate, value)
        loaded.version = event.number
        loaded.count += 1

    async def _events(self, kind: AggregateType, key: str, after: int) -> AsyncIterator[Event]:
        """Read its events, page by page, the oldest first."""
        query = EventQuery(namespace=self._namespace, key=key, after=after, limit=_AT_ONCE)
        while True:
            page = await self._store.events(query)
            for event in page:
                if event.type in kind.types:
                    yield event
            if len(page) < _AT_ONCE:
                return
            query = msgspec.structs.replace(query, after=page[-1].number)

    def _snapshot(self, loaded: Loaded[Any]) -> Snapshot:
        kind, aggregate = loaded.kind, loaded.aggregate
        return Snapshot(
            self._namespace,
            kind.name,
            aggregate.id,
            loaded.version,
            loaded.count,
            kind.shape,
            kind.save(aggregate),
        )

    def _forgotten(
        self, kind: AggregateType, key: str, row: SnapshotRow, head: Any, known: int
    ) -> HistoryForgotten:
        return HistoryForgotten(
            f"{kind.name} {key} came of {row.count} events up to number {row.version}; {known} of them are left.",
            "Retention has removed the others, since a snapshot had them. The snapshot is of no use here: "
            "it is later than what is asked for, or the code has the state in another form.",
            "Ask for a later version, or bring back snapshot_version= and the attributes that it was written with.",
            aggregate=kind.name,
            key=key,
            first=head.first,
        )


def _restored(loaded: Loaded[Any], row: SnapshotRow) -> bool:
    """Take over a snapshot, if the code still has the state in that form."""
    if row.shape != loaded.kind.shape:
        return False
    try:
        loaded.kind.restore(loaded.aggregate, row.data)
    except NotDecodable as error:
        log.warning("a snapshot is not used: %s", error.what)
        return False
    loaded.version, loaded.count = row.version, row.count
    return True


async def last_of(store: Store, namespace: str, as_of: int | datetime) -> int:
    """Return the number of the last event that belongs to a moment; the log is asked for a time."""
    if not isinstance(as_of, datetime):
        return as_of
    until = from_datetime(as_of + timedelta(microseconds=1))
    found = await store.events(EventQuery(namespace=namespace, until=until, newest=True, limit=1))
    return found[0].number if found else 0
