"""What a store must be able to read of the schemas of events."""

from __future__ import annotations

from typing import Protocol

from dalsegno.core.schemas import SchemaRow


class Schemas(Protocol):
    """The part of a store that is about schemas; see ``store.protocol.Store``."""

    async def schemas(self, namespace: str, type: str | None = None) -> list[SchemaRow]:
        """Read the versions of one event type, or of all; by type, the lowest first."""
        ...

    async def versions(self, namespace: str, type: str, after: int) -> dict[int, int]:
        """Count the events of a type behind a number, by version."""
        ...
