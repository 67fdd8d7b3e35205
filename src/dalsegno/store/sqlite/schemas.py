"""What is read of the schemas of events."""

from __future__ import annotations

from dalsegno.core.schemas import SchemaRow
from dalsegno.store.rows import schema_of
from dalsegno.store.sqlite.sourcing import SourcingReads


class SchemaReads(SourcingReads):
    """Implements ``store.schemas.Schemas``."""

    async def schemas(self, namespace: str, type: str | None = None) -> list[SchemaRow]:
        if type is not None:
            return [schema_of(row) for row in self._point("read_schemas_of", namespace, type)]
        return [schema_of(row) for row in await self._select("read_schemas", namespace)]

    async def versions(self, namespace: str, type: str, after: int) -> dict[int, int]:
        return dict(await self._select("count_versions", namespace, type, after))
