"""What is counted of the store as a whole, and the clock by which it is due or late."""

from __future__ import annotations

from collections.abc import Mapping

from dalsegno.core.clock import Clock
from dalsegno.store.figures import CaseGroup, StalledRuns, WaitingRuns, by_workflow
from dalsegno.store.queries import Query
from dalsegno.store.sqlite.file import StoreFile
from dalsegno.store.sqlite.schemas import SchemaReads
from dalsegno.store.verbs.log import last_before


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

    async def stalled(self, namespace: str, before: int) -> list[StalledRuns]:
        names = ("waiting_since", "pending_since", "running_since")
        groups = [await self._select(name, namespace, before) for name in names]
        return by_workflow(StalledRuns(*row) for rows in groups for row in rows)

    async def late_cases(self, namespace: str) -> list[CaseGroup]:
        return [CaseGroup(*row) for row in await self._select("late_cases", namespace, self.now())]

    async def still_cases(self, namespace: str, before: int) -> list[CaseGroup]:
        position = self._ask(last_before(before))
        return [CaseGroup(*row) for row in await self._select("still_cases", namespace, before, position)]
