"""What is counted of the store as a whole."""

from __future__ import annotations

from collections import defaultdict

from dalsegno.core.runs import Run, Status
from dalsegno.store.figures import WaitingRuns
from dalsegno.store.memory.tables import Tables


class FigureReads(Tables):
    """Implements ``store.figures.Figures``."""

    async def at_work(self, namespace: str) -> tuple[int, int]:
        now = self.now()
        runs = self._runs_of(namespace)
        pending = sum(
            run.status is Status.PENDING
            and run.session is None
            and run.due_at is not None
            and run.due_at <= now
            for run in runs
        )
        return pending, sum(run.session is not None for run in runs)

    async def waiting(self, namespace: str) -> list[WaitingRuns]:
        now = self.now()
        found: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
        for run in self._runs_of(namespace):
            if run.status is Status.WAITING:
                parked = (run.reason or "") if run.parked else ""
                found[run.workflow, parked, (run.due_at or 0) > now].append(run.changed_at)
        return [WaitingRuns(*alike, len(since), min(since)) for alike, since in sorted(found.items())]

    def _runs_of(self, namespace: str) -> list[Run]:
        return [rows.run for rows in self._rows.values() if rows.run.namespace == namespace]
