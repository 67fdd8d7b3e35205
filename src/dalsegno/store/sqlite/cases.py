"""What is read of processes and their cases."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from dalsegno.core.cases import OPEN, STATES, Alias, CaseRow, EmitterRow, ProcessRow
from dalsegno.core.event import Event
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import Run
from dalsegno.store.cases import CaseQuery, CaseTrail
from dalsegno.store.log import ReactionRow
from dalsegno.store.rows import run_of
from dalsegno.store.sqlite.figures import FigureReads
from dalsegno.store.verbs.cases import names_of

_LAST = 2**62
_FEW = 200  # events and runs of a case that are read in place


class CaseReads(FigureReads):
    """Implements ``store.cases.Cases``."""

    async def processes(self, namespace: str) -> list[ProcessRow]:
        return [ProcessRow(*row) for row in self._point("read_processes", namespace)]

    async def emitters(self, namespace: str) -> list[EmitterRow]:
        return [EmitterRow(*row) for row in self._point("read_emitters", namespace)]

    async def case(self, namespace: str, id: str) -> CaseRow | None:
        rows = self._point("read_case", namespace, id)
        if not rows:
            merged = self._point("merged_into", namespace, id)
            rows = self._point("read_case", namespace, merged[0][0]) if merged else []
        return CaseRow(*rows[0]) if rows else None

    async def find_cases(self, namespace: str, value: str, limit: int = 10) -> list[CaseRow]:
        return [CaseRow(*row) for row in self._point("cases_by_value", namespace, value, limit)]

    async def cases(self, query: CaseQuery) -> list[CaseRow]:
        place: tuple[int, int | None] | None = None
        if query.before is not None:
            rows = self._point("place_of_case", query.before)
            if not rows:
                return []
            place = rows[0]
        if query.late_at is not None:
            return await self._late(query, place)
        return await self._read(lambda connection: self._newest(connection, query, place))

    async def _late(self, query: CaseQuery, place: tuple[int, int | None] | None) -> list[CaseRow]:
        if OPEN not in (query.states or STATES):
            return []
        at = -1 if place is None else place[1] or 0
        since, until = _span(query)
        found: list[CaseRow] = []
        for process in query.processes or (None,):
            asked = (
                query.namespace,
                process,
                since,
                until,
                query.late_at,
                at,
                query.before or 0,
                query.limit,
            )
            found += [CaseRow(*row) for row in await self._select("list_late_cases", *asked)]
        return sorted(found, key=lambda case: (case.due_at, case.number))[: query.limit]

    def _newest(
        self, connection: apsw.Connection, query: CaseQuery, place: tuple[int, int | None] | None
    ) -> list[CaseRow]:
        """Take the newest of each process and state, which the index has in that order, and of these the newest."""
        at, before = (_LAST, _LAST) if place is None else (place[0], query.before)
        names = query.processes or tuple(
            row[2] for row in self._rows(connection, "read_processes", query.namespace)
        )
        since, until = _span(query)
        until = min(until, at + 1)  # by this bound alone the index finds where the page begins
        found: list[CaseRow] = []
        for process in dict.fromkeys(names):
            for state in dict.fromkeys(query.states or STATES):
                asked = (query.namespace, state, process, since, until, at, before, query.limit)
                found += [CaseRow(*row) for row in self._rows(connection, "list_cases", *asked)]
        return sorted(found, key=lambda case: (-case.started_at, -case.number))[: query.limit]

    async def case_names(self, namespace: str, id: str) -> tuple[str, ...]:
        return tuple(self._ask(names_of(namespace, id)))

    async def case_aliases(self, namespace: str, id: str) -> list[Alias]:
        return [Alias(*row) for row in self._point("read_aliases", namespace, id)]

    async def trail(
        self, namespace: str, names: Sequence[str], after: int = 0, limit: int = 10_000
    ) -> CaseTrail:
        def read(connection: apsw.Connection) -> CaseTrail:
            connection.execute("BEGIN").fetchall()  # one moment
            try:
                return self._trail(connection, namespace, names, after, limit)
            finally:
                connection.execute("COMMIT").fetchall()

        ((size,),) = self._point("size_of_trail", _json(names), _FEW)
        return self._here(read) if size < _FEW else await self._read(read)

    def _trail(
        self, connection: apsw.Connection, namespace: str, names: Sequence[str], after: int, limit: int
    ) -> CaseTrail:
        ids = _json(names)
        rows = self._rows(connection, "trail_events", namespace, ids, after, limit)
        events = tuple(Event(*row) for row in rows)
        numbers = _json([event.number for event in events])
        reactions = tuple(ReactionRow(*row) for row in self._rows(connection, "trail_reactions", numbers))
        of_events = {event.run for event in events} | {row.run for row in reactions}
        asked = _json(sorted(number for number in of_events if number is not None))
        runs = tuple(run_of(row) for row in self._rows(connection, "trail_runs", namespace, ids, asked))
        return CaseTrail(events, reactions, runs, self._letters(connection, runs))

    def _letters(self, connection: apsw.Connection, runs: Sequence[Run]) -> tuple[DeadLetterRow, ...]:
        rows = self._rows(connection, "trail_dead_letters", _json([run.number for run in runs]))
        return tuple(DeadLetterRow(*row) for row in rows)


def _span(query: CaseQuery) -> tuple[int, int]:
    return query.since or 0, _LAST if query.until is None else query.until


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()
