"""How long cases take, asked of the store: a bounded number of past cases is read, never the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dalsegno.client import pace as told
from dalsegno.client.case_times import CaseTimes, Comparison, Forecast, Pace
from dalsegno.client.desk import Desk
from dalsegno.client.elapsed import split
from dalsegno.client.events import handlers_of
from dalsegno.client.pace import Past
from dalsegno.core.cases import ENDED, CaseRow
from dalsegno.core.clock import to_datetime
from dalsegno.core.entries import Entry
from dalsegno.errors import InvalidInput
from dalsegno.store.cases import CaseQuery, CaseTrail

LAST = 100  # past cases that are looked at
_MOST_CASES = 1_000
_EVENTS = 1_000  # of one case
_RUNS = 50  # of one case, whose journals are read
_ENTRIES = 1_000  # of one journal


class Timing:
    """What is asked of cases and time, at one desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def times(self, row: CaseRow) -> CaseTimes:
        """Say where a case's time went."""
        return (await self._read(row))[0]

    async def pace(self, process: str, last: int) -> Pace:
        """Say how long a process takes, by its last cases that ended."""
        past = await self.past(process, last)
        handlers = await handlers_of(self.desk) if past else {}
        titles = {number: f"{service}.{row.name}" for number, (service, row) in handlers.items()}
        return told.pace(process, past, titles)

    async def forecast(self, row: CaseRow, last: int) -> Forecast:
        """Say when a case is likely to end, by the last cases of its process that ended."""
        if row.ended_at is not None:
            end = to_datetime(row.ended_at)
            return Forecast(row.id, to_datetime(self.desk.store.now()), None, 0, end, end)
        past = await self.past(row.process, last)
        return told.forecast(row, await self._trail(row), past, self.desk.store.now())

    async def compare(self, first: CaseRow, second: CaseRow) -> Comparison:
        """Lay two cases side by side."""
        return told.compare(await self._read(first), await self._read(second))

    async def past(self, process: str, last: int) -> list[Past]:
        """Read the cases of a process that began last of those that have ended."""
        if not 0 < last <= _MOST_CASES:
            raise InvalidInput(
                f"last={last} is no number of past cases to look at.",
                "Each of them is read with all its events.",
                f"Give a number from 1 to {_MOST_CASES:,}.",
                value=last,
            )
        query = CaseQuery(namespace=self.desk.namespace, processes=(process,), states=(ENDED,), limit=last)
        found = []
        for row in await self.desk.store.cases(query):
            times, left = await self._read(row)
            found.append(Past(row, left, times.split))
        return found

    async def _read(self, row: CaseRow) -> tuple[CaseTimes, CaseTrail]:
        left = await self._trail(row)
        now = self.desk.store.now()
        until = now if row.ended_at is None else row.ended_at
        times = CaseTimes(
            case=row.id,
            process=row.process,
            state=row.state,
            started_at=to_datetime(row.started_at),
            ended_at=None if row.ended_at is None else to_datetime(row.ended_at),
            at=to_datetime(now),
            split=split(left, await self._journals(left), row.started_at, until),
        )
        return times, left

    async def _trail(self, row: CaseRow) -> CaseTrail:
        names = await self.desk.store.case_names(self.desk.namespace, row.id)
        return await self.desk.store.trail(self.desk.namespace, names, limit=_EVENTS)

    async def _journals(self, left: CaseTrail) -> Mapping[int, Sequence[Entry]]:
        return {
            run.number: await self.desk.store.journal(run.number, limit=_ENTRIES) for run in left.runs[:_RUNS]
        }
