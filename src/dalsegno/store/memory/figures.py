"""What is counted of the store as a whole."""

from __future__ import annotations

from collections import defaultdict

from dalsegno.core.runs import Run, Status
from dalsegno.store.figures import StalledRuns, WaitingRuns, by_workflow
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

    async def stalled(self, namespace: str, before: int) -> list[StalledRuns]:
        found = ((run, self._still_since(run, before)) for run in self._runs_of(namespace))
        return by_workflow(
            StalledRuns(run.workflow, 1, since, run.number) for run, since in found if since is not None
        )

    def _still_since(self, run: Run, before: int) -> int | None:
        """Return since when nothing has happened in a run; None where something has, or will by itself."""
        if run.session is not None:
            entries = self._rows[run.number].entries
            written = bool(entries) and entries[-1].at >= before
            return run.changed_at if run.changed_at < before and not written else None
        if run.status is Status.PENDING:
            return run.due_at if run.due_at is not None and run.due_at < before else None
        waits = run.status is Status.WAITING and not run.parked and run.changed_at < before
        return run.changed_at if waits and (run.due_at is None or run.due_at < before) else None

    def _runs_of(self, namespace: str) -> list[Run]:
        return [rows.run for rows in self._rows.values() if rows.run.namespace == namespace]
