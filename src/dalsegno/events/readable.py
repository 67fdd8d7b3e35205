"""Which versions of an event a worker can read, and what becomes of those that it cannot.

An event is read as it was written, by converters, or, where its version is unknown here, as it is: if the
registered schemas say that a reader of the wanted version can. One that only other programs can read is left
to them: its reaction becomes a run whose version names the event's, so that nobody else claims it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dalsegno.core.reactions import reads_version
from dalsegno.core.schemas import SchemaRow
from dalsegno.events.registry import Types
from dalsegno.events.types import EventType
from dalsegno.store.protocol import Store

Stored = tuple[str, int]
"""The name and the version of a stored event."""


class Readable:
    """What the store's registry says of the versions that were met, each looked up once."""

    def __init__(self, types: Types, store: Store, namespace: str) -> None:
        self._types = types
        self._store = store
        self._namespace = namespace
        self._readers: dict[Stored, tuple[int, ...]] = {}
        self._open: set[Stored] = set()

    async def look(self, met: Iterable[Stored]) -> None:
        """See who can read what was met, before it is asked for."""
        for name, version in met:
            if (name, version) not in self._readers and self._concerns(name, version):
                await self._judge(name, version)

    def readers(self, stored: Stored) -> tuple[int, ...]:
        """List the registered versions whose readers can read an event as it is; none if it was not looked at."""
        return self._readers.get(stored, ())

    def reads(self, stored: Stored, wanted: EventType[object]) -> bool:
        """Tell whether an event can be read here as a type."""
        return self.converts(stored, wanted) or wanted.version in self.readers(stored)

    def converts(self, stored: Stored, wanted: EventType[object]) -> bool:
        """Tell whether this program's own code leads from the one to the other."""
        if stored[1] == 0 or stored == wanted.named:
            return True
        kind = self._types.of(*stored)
        return kind is not None and self._types.leads(kind, wanted)

    def foreign(self, stored: Stored, wanted: EventType[object]) -> bool:
        """Tell whether other programs can read an event, and this one has never heard of its version."""
        return not self.reads(stored, wanted) and stored in self._readers and self._types.of(*stored) is None

    def version_for(self, stored: Stored, wanted: EventType[object]) -> str | None:
        """Name the version of a run that only those may claim who read an event; None if all or none of them do."""
        shared = stored not in self._readers or stored in self._open
        concerns = self.foreign(stored, wanted) or (not shared and self.reads(stored, wanted))
        return reads_version(*stored) if concerns else None

    def versions(self, taken: Iterable[EventType[object]]) -> Sequence[str]:
        """List the versions of runs that this program may claim since it reads the events that they name."""
        met = [(kind, (kind.name, version)) for kind in taken for version in self._types.versions(kind.name)]
        found = [
            reads_version(*stored) for kind, stored in met if stored[1] > 1 and self.converts(stored, kind)
        ]
        return list(dict.fromkeys(found))

    def _concerns(self, name: str, version: int) -> bool:
        """Whether it is to be looked up: the first version of a type that has no others here needs it not."""
        return version > 1 or (version == 1 and self._types.versions(name) != (1,))

    async def _judge(self, name: str, version: int) -> None:
        rows = await self._store.schemas(self._namespace, name)
        versions = {row.version for row in rows}
        if version not in versions:
            return  # nobody has declared it, so far
        readers = self._readers[name, version] = readers_of(rows, version)
        if version == 1 or {other for other in versions if other < version}.issubset(readers):
            self._open.add((name, version))


def readers_of(rows: Sequence[SchemaRow], version: int) -> tuple[int, ...]:
    """List the other versions of an event type, of those that are registered, whose readers can read one as it is."""
    from dalsegno.events.registering import registered_of
    from dalsegno.events.schemas import compare

    writer = next((registered_of(row).data_side for row in rows if row.version == version), None)
    if writer is None:
        return ()
    # Whoever has an Avro schema reads by Avro's rules, which go by other names than the JSON on the log.
    sides = [registered_of(row).side for row in rows if row.version != version and row.format == "json"]
    return tuple(side.version for side in sides if not compare(side, writer))
