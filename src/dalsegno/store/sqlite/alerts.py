"""What is read of alerts."""

from __future__ import annotations

from dalsegno.core.alerts import AlertRow
from dalsegno.store.rows import alert_of
from dalsegno.store.sqlite.cases import CaseReads


class AlertReads(CaseReads):
    """Implements ``store.alerts.Alerts``."""

    async def open_alerts(self, namespace: str) -> list[AlertRow]:
        return [alert_of(row) for row in await self._select("open_alerts", namespace)]

    async def untold_alerts(self, namespace: str, rule: str) -> list[AlertRow]:
        return [alert_of(row) for row in await self._select("untold_alerts", namespace, rule)]

    async def alerts(self, namespace: str, limit: int = 100) -> list[AlertRow]:
        return [alert_of(row) for row in await self._select("list_alerts", namespace, limit)]

    async def tallies(self, namespace: str, minute: int) -> dict[tuple[str, str], int]:
        rows = await self._select("read_tallies", namespace, minute)
        return {(name, subject): count for name, subject, count in rows}
