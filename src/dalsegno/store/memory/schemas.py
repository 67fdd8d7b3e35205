"""Schemas of events: kept once, and only by whoever has judged them by all that there are."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from dalsegno.core.schemas import RegisterSchemas, SchemaRow, SchemasKnown
from dalsegno.store.memory.services import ServiceVerbs


class SchemaVerbs(ServiceVerbs):
    """What it means to register schemas; and what is read of them."""

    def _register_schemas(self, item: RegisterSchemas) -> SchemasKnown:
        types = {type_ for type_, _ in item.seen}
        count = Counter(row.type for row in self._schemas_of(item.namespace, types))
        seen = all(count[type_] == wanted for type_, wanted in item.seen)
        for one in item.schemas if seen else ():
            key = (item.namespace, one.type, one.version)
            self._schemas.setdefault(key, replace(one, registered_at=self.now()))
        return SchemasKnown(seen, tuple(self._schemas_of(item.namespace, types)))

    def _schemas_of(self, namespace: str, types: set[str] | None) -> list[SchemaRow]:
        return [
            row
            for key, row in sorted(self._schemas.items())
            if key[0] == namespace and (types is None or row.type in types)
        ]

    # -- reading

    async def schemas(self, namespace: str, type: str | None = None) -> list[SchemaRow]:
        return self._schemas_of(namespace, None if type is None else {type})

    async def versions(self, namespace: str, type: str, after: int) -> dict[int, int]:
        behind = (event for number, event in self._events.items() if number > after)
        found = Counter(
            event.version for event in behind if (event.namespace, event.type) == (namespace, type)
        )
        return dict(sorted(found.items()))
