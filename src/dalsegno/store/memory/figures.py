"""What is counted of the store as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dalsegno.core.cases import OPEN, CaseRow
from dalsegno.core.runs import Run, Status
from dalsegno.store.figures import CaseGroup, StalledRuns, WaitingRuns, by_workflow
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

    async def late_cases(self, namespace: str) -> list[CaseGroup]:
        now = self.now()
        return _groups(
            (case, case.due_at) for case in self._open_cases(namespace) if (case.due_at or now) < now
        )

    async def still_cases(self, namespace: str, before: int) -> list[CaseGroup]:
        events = (event for event in self._events.values() if event.namespace == namespace)
        moved = {event.case_id for event in events if event.at >= before}
        moved |= {run.case_id for run in self._runs_of(namespace) if self._moves(run, before)}
        cases = (case for case in self._open_cases(namespace) if case.started_at < before)
        return _groups((case, case.started_at) for case in cases if case.id not in moved)

    def _moves(self, run: Run, before: int) -> bool:
        """Whether a run has moved since a moment, or will by itself."""
        entries = self._rows[run.number].entries
        times = (run.changed_at, run.due_at or 0, entries[-1].at if entries else 0)
        return not run.status.ended and max(times) >= before

    def _open_cases(self, namespace: str) -> list[CaseRow]:
        return [case for case in self._cases.values() if case.namespace == namespace and case.state == OPEN]

    def _runs_of(self, namespace: str) -> list[Run]:
        return [rows.run for rows in self._rows.values() if rows.run.namespace == namespace]


def _groups(cases: Iterable[tuple[CaseRow, int | None]]) -> list[CaseGroup]:
    found: dict[str, list[tuple[CaseRow, int]]] = defaultdict(list)
    for case, since in cases:
        found[case.process].append((case, since or 0))
    return [
        CaseGroup(process, len(alike), min(since for _, since in alike), min(case.id for case, _ in alike))
        for process, alike in sorted(found.items())
    ]
