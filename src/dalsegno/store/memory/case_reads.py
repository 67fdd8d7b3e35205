"""What is read of processes and their cases."""

from __future__ import annotations

from collections.abc import Sequence

from dalsegno.core.cases import OPEN, STATES, Alias, CaseRow, EmitterRow, ProcessRow
from dalsegno.store.cases import CaseQuery, CaseTrail
from dalsegno.store.memory.cases import CaseVerbs


class CaseReads(CaseVerbs):
    """Implements ``store.cases.Cases``."""

    async def processes(self, namespace: str) -> list[ProcessRow]:
        rows = (row for row in self._processes.values() if row.namespace == namespace)
        return sorted(rows, key=lambda row: row.number)

    async def emitters(self, namespace: str) -> list[EmitterRow]:
        return [row for name, row in sorted(self._emitters.items()) if name[0] == namespace]

    async def case(self, namespace: str, id: str) -> CaseRow | None:
        return self._cases.get(self._survivor((namespace, id)))

    async def find_cases(self, namespace: str, value: str, limit: int = 10) -> list[CaseRow]:
        ids = {value, self._survivor((namespace, value))[1]}
        ids |= {
            case_id
            for (where, alias), (case_id, _) in self._aliases.items()
            if (where, alias.value) == (namespace, value)
        }
        found = [
            case
            for case in self._cases.values()
            if case.namespace == namespace and (case.id in ids or case.key == value)
        ]
        return sorted(found, key=lambda case: -case.number)[:limit]

    async def cases(self, query: CaseQuery) -> list[CaseRow]:
        late = query.late_at is not None
        found = [case for case in self._cases.values() if _listed(case, query)]
        found.sort(key=_lateness if late else _newness)
        if query.before is not None:
            last = next((case for case in self._cases.values() if case.number == query.before), None)
            if last is None:
                return []
            key = _lateness if late else _newness
            found = [case for case in found if key(case) > key(last)]
        return found[: query.limit]

    async def case_names(self, namespace: str, id: str) -> tuple[str, ...]:
        return tuple(name for _, name in self._names(self._survivor((namespace, id))))

    async def case_aliases(self, namespace: str, id: str) -> list[Alias]:
        wanted = (namespace, id)
        return sorted(
            alias for (where, alias), (case_id, _) in self._aliases.items() if (where, case_id) == wanted
        )

    async def trail(
        self, namespace: str, names: Sequence[str], after: int = 0, limit: int = 10_000
    ) -> CaseTrail:
        events = [
            event
            for number, event in self._events.items()
            if number > after and event.namespace == namespace and event.case_id in names
        ][:limit]
        numbers = {event.number for event in events}
        reactions = [row for _, row in sorted(self._reactions.items()) if row.event in numbers]
        of_events = {event.run for event in events} | {row.run for row in reactions}
        runs = [
            rows.run
            for number, rows in sorted(self._rows.items())
            if number in of_events or (rows.run.namespace == namespace and rows.run.case_id in names)
        ]
        whose = {run.number for run in runs}
        letters = sorted(
            (row for run, row in self._dead_letters.items() if run in whose), key=lambda row: row.number
        )
        return CaseTrail(tuple(events), tuple(reactions), tuple(runs), tuple(letters))


def _listed(case: CaseRow, query: CaseQuery) -> bool:
    late = query.late_at is None or (
        case.state == OPEN and case.due_at is not None and case.due_at <= query.late_at
    )
    return (
        late
        and case.namespace == query.namespace
        and case.process in (query.processes or (case.process,))
        and case.state in (query.states or STATES)
        and (query.since is None or case.started_at >= query.since)
        and (query.until is None or case.started_at < query.until)
    )


def _newness(case: CaseRow) -> tuple[int, int]:
    return -case.started_at, -case.number


def _lateness(case: CaseRow) -> tuple[int, int]:
    return case.due_at or 0, case.number
