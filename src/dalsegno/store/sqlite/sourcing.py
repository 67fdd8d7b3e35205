"""What is read of aggregates and read models."""

from __future__ import annotations

from dalsegno.core.ids import MAX_ID
from dalsegno.core.reactions import KeptRow
from dalsegno.core.sourcing import ProjectionRow, SnapshotRow
from dalsegno.store.protocol import beyond
from dalsegno.store.sqlite.log import LogReads

_LAST = chr(0x10FFFF) * (MAX_ID + 1)  # no key lies behind it


class SourcingReads(LogReads):
    """Implements ``store.sourcing.Sourcing``."""

    async def snapshot(self, namespace: str, name: str, key: str) -> SnapshotRow | None:
        rows = self._point("read_snapshot", namespace, name, key)
        return SnapshotRow(*rows[0]) if rows else None

    async def projections(self, namespace: str) -> list[ProjectionRow]:
        return [ProjectionRow(*row) for row in self._point("read_projections", namespace)]

    async def kept_page(self, service: int, prefix: str, after: str, limit: int) -> list[tuple[str, KeptRow]]:
        end = (beyond(prefix) if prefix else None) or _LAST
        rows = await self._select("kept_page", service, prefix, after, end, limit)
        return [(row[0], KeptRow(*row[1:])) for row in rows]
