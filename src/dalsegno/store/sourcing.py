"""What a store must be able to read of what is folded from its log."""

from __future__ import annotations

from typing import Protocol

from dalsegno.core.reactions import KeptRow
from dalsegno.core.sourcing import ProjectionRow, SnapshotRow


class Sourcing(Protocol):
    """The part of a store that is about aggregates and read models; see ``store.protocol.Store``."""

    async def snapshot(self, namespace: str, name: str, key: str) -> SnapshotRow | None:
        """Read the snapshot of an aggregate."""
        ...

    async def projections(self, namespace: str) -> list[ProjectionRow]:
        """Read the generations of all read models, by name, the oldest first."""
        ...

    async def kept_page(self, service: int, prefix: str, after: str, limit: int) -> list[tuple[str, KeptRow]]:
        """Read the states of keys that begin so, in the order of the keys, behind one of them."""
        ...
