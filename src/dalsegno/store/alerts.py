"""What a store must be able to read of alerts."""

from __future__ import annotations

from typing import Protocol

from dalsegno.core.alerts import AlertRow


class Alerts(Protocol):
    """The part of a store that is about alerts; see ``store.protocol.Store``."""

    async def open_alerts(self, namespace: str) -> list[AlertRow]:
        """Read the alerts that have not ended, the oldest first."""
        ...

    async def untold_alerts(self, namespace: str, rule: str) -> list[AlertRow]:
        """Read those alerts of a rule of which somebody may yet have to be told, the oldest first."""
        ...

    async def alerts(self, namespace: str, limit: int = 100) -> list[AlertRow]:
        """Read alerts, also those that have ended, the newest first."""
        ...

    async def tallies(self, namespace: str, minute: int) -> dict[tuple[str, str], int]:
        """Add up what all sessions have counted from a minute on, by name and subject."""
        ...
