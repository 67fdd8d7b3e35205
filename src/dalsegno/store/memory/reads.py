"""What is read of runs and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dalsegno.core.commit import Claim, Loaded, Session
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Ending, Run, ending_of
from dalsegno.store.memory.runs import RunVerbs
from dalsegno.store.memory.tables import Rows
from dalsegno.store.protocol import DueRuns, RunQuery, StoreFacts


class RunReads(RunVerbs):
    """The reading half of ``store.protocol.Store``, but for events."""

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        return {number: self._loaded(self._rows.get(number)) for number in numbers}

    def _loaded(self, rows: Rows | None) -> Loaded:
        if rows is None:
            return Loaded((), (), ())
        timers = sorted(rows.timers.values(), key=lambda timer: (timer.due_at, timer.op))
        return Loaded(tuple(rows.entries), tuple(rows.inbox.values()), tuple(timers))

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        return {number: self._loaded(self._rows.get(number)).inbox for number in numbers}

    async def find(self, namespace: str, run_id: str) -> Run | None:
        number = self._ids.get((namespace, run_id))
        return None if number is None else self._rows[number].run

    async def ending(self, namespace: str, run_id: str) -> Ending | None:
        run = await self.find(namespace, run_id)
        return None if run is None else ending_of(run)

    async def endings(self, numbers: Sequence[int]) -> list[Ending]:
        found = (self._rows[number].run for number in numbers if number in self._rows)
        return [ending_of(run) for run in found if run.status.ended]

    async def get(self, number: int) -> Run | None:
        rows = self._rows.get(number)
        return None if rows is None else rows.run

    async def runs(self, query: RunQuery) -> list[Run]:
        found = (rows.run for rows in self._rows.values())
        listed = sorted((run for run in found if _listed(run, query)), key=lambda run: -run.number)
        return listed[: query.limit]

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        rows = self._rows.get(number)
        return [] if rows is None else [e for e in rows.entries if e.position > after][:limit]

    async def timers(self, number: int) -> list[Timer]:
        return list(self._loaded(self._rows.get(number)).timers)

    async def attempts(self, number: int) -> list[LongAttempt]:
        rows = self._rows.get(number)
        reported = self._attempts.get(rows.run.session or 0, ()) if rows is not None else ()
        if number < 0:  # calls for an event
            reported = tuple(each for session in self._attempts.values() for each in session)
        mine = (attempt for attempt in reported if attempt.run == number)
        return sorted(mine, key=lambda attempt: (attempt.began_at, attempt.op))

    async def counts(self, namespace: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for rows in self._rows.values():
            if rows.run.namespace == namespace:
                counts[rows.run.status.value] = counts.get(rows.run.status.value, 0) + 1
        return counts

    async def sessions(self, *, live: bool = True) -> list[Session]:
        return [s for _, s in sorted(self._sessions.items()) if not live or s.fenced_at is None]

    async def abilities(self) -> set[tuple[str, str, int]]:
        return set(self._abilities)

    async def next_due(self, queue: str, after: int = 0) -> int | None:
        return min(
            (
                rows.run.due_at
                for rows in self._rows.values()
                if rows.run.due_at is not None
                and rows.run.due_at > after
                and rows.run.session is None
                and rows.queue == queue
            ),
            default=None,
        )

    async def due(self) -> list[DueRuns]:
        now = self.now()
        groups: dict[tuple[str, str, str], list[int]] = {}
        for rows in self._rows.values():
            run = rows.run
            if run.session is None and run.due_at is not None and run.due_at <= now:
                groups.setdefault((rows.queue, run.workflow, run.version), []).append(run.due_at)
        found = [DueRuns(*key, len(due), min(due)) for key, due in groups.items()]
        return sorted(found, key=lambda group: group.oldest)

    async def facts(self) -> StoreFacts:
        return StoreFacts(kind="memory", library="memory of this process")

    async def check(self) -> list[str]:
        return []

    def holder(self) -> int | None:
        return None

    async def anything_to_release(self) -> bool:
        ended = (s.number for s in self._sessions.values() if s.fenced_at is not None)
        return any(number not in self._released for number in ended)

    async def anything_due(self, session: int, queue: str) -> bool:
        wanted = Claim(session, queue, 1)
        return any(
            self._claimable(rows, wanted) or (rows.run.session == session and rows.run.due_at is not None)
            for rows in self._rows.values()
        )

    def change_mark(self) -> int:
        return self._mark


def _listed(run: Run, query: RunQuery) -> bool:
    return (
        run.namespace == query.namespace
        and (not query.statuses or run.status.value in query.statuses)
        and (query.workflow is None or run.workflow == query.workflow)
        and (query.id_prefix is None or run.id.startswith(query.id_prefix))
        and (query.reason is None or (run.reason or "").startswith(query.reason))
        and (query.case_id is None or run.case_id == query.case_id)
        and (query.parent is None or run.parent == query.parent)
        and (query.before is None or run.number < query.before)
    )
