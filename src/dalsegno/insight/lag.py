"""How far a service is behind the log."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno.core.clock import SECOND
from dalsegno.core.event import Head
from dalsegno.core.reactions import ServiceRow
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Lag:
    """How many events a service has not passed yet, and for how many seconds the first of them has been there."""

    service: str
    events: int
    seconds: float
    paused: bool


async def read_lags(store: Store, namespace: str) -> list[Lag]:
    """Read how far each service of a namespace is behind."""
    rows, head = await store.services(namespace), await store.head()
    return [await _lag(store, row, head) for row in rows]


async def _lag(store: Store, row: ServiceRow, head: Head) -> Lag:
    parts = await store.partitions(row.number)
    position = max(min((part.position for part in parts), default=head.last), head.first - 1)
    events, seconds = max(0, head.last - position), 0.0
    if events:
        first = await store.event(position + 1)
        seconds = 0.0 if first is None else max(0, store.now() - first.at) / SECOND
    return Lag(row.name, events, seconds, row.paused_at is not None)
