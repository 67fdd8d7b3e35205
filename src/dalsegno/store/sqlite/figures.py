"""What is counted of the store as a whole, and the clock by which it is due or late."""

from __future__ import annotations

from collections.abc import Mapping

from dalsegno.core.clock import Clock
from dalsegno.store.figures import WaitingRuns
from dalsegno.store.queries import Query
from dalsegno.store.sqlite.file import StoreFile
from dalsegno.store.sqlite.schemas import SchemaReads


class FigureReads(SchemaReads):
    """Implements ``store.figures.Figures``."""

    def __init__(self, file: StoreFile, queries: Mapping[str, Query], clock: Clock) -> None:
        super().__init__(file, queries)
        self._clock = clock

    def now(self) -> int:
        return self._clock.now()

    def lease_now(self) -> int:
        return self._clock.boot()

    async def at_work(self, namespace: str) -> tuple[int, int]:
        ((pending,),) = await self._select("count_pending", namespace, self.now())
        ((running,),) = await self._select("count_running", namespace)
        return pending, running

    async def waiting(self, namespace: str) -> list[WaitingRuns]:
        return [
            WaitingRuns(workflow, parked, bool(asleep), count, since)
            for workflow, parked, asleep, count, since in await self._select(
                "count_waiting", namespace, self.now()
            )
        ]
