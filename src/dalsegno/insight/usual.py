"""By when what is owed usually comes, where nobody declares it: the p99 of past cases, kept for a minute.

One question reads the newest cases of a process that have ended, and their events, at once; never their journals,
and never the log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dalsegno.client.case_standing import CaseStanding, Owing
from dalsegno.client.case_times import Due, Split
from dalsegno.client.pace import Past, pace
from dalsegno.core.cases import ENDED, CaseRow
from dalsegno.core.clock import MINUTE, SECOND, to_datetime
from dalsegno.core.event import Event
from dalsegno.store.cases import CaseQuery, CaseTrail
from dalsegno.store.log import ReactionRow
from dalsegno.store.protocol import Store

CASES = 100  # that are looked at
EVENTS = 2_000  # of all of them together
KEPT = MINUTE  # how long an answer is kept

_NOTHING = Split(0, 0, 0, 0)
_Step = tuple[str, str, str | None]


@dataclass
class Usual:
    """Knows what the steps of processes usually take; keep one for as many questions as there are."""

    store: Store
    namespace: str
    _known: dict[str, tuple[int, Mapping[_Step, int]]] = field(default_factory=dict)

    async def due_at(self, process: str, after: str, by: str, type: str | None, at: int) -> int | None:
        """Say by when somebody who took an event (its type, and when it came) usually has emitted a type.

        With None for the type, by when the reaction has usually ended. None where fewer than 20 past cases
        had that step.
        """
        took = await self.within(process, after, by, type)
        return None if took is None else at + took

    async def within(self, process: str, after: str, by: str, type: str | None) -> int | None:
        """Say within how many microseconds of the event that is; arguments as for ``due_at``."""
        return (await self._steps(process)).get((after, by, type))

    async def moment(self, process: str, event: int, by: str, type: str) -> datetime | None:
        """Say the same of an event by its number, as a moment."""
        found = await self.store.event(event)
        if found is None:
            return None
        at = await self.due_at(process, found.type, by, type, found.at)
        return None if at is None else to_datetime(at)

    async def _steps(self, process: str) -> Mapping[_Step, int]:
        now = self.store.now()
        known = self._known.get(process)
        if known is None or not 0 <= now - known[0] < KEPT:
            known = self._known[process] = (now, await self._read(process))
        return known[1]

    async def _read(self, process: str) -> Mapping[_Step, int]:
        query = CaseQuery(namespace=self.namespace, processes=(process,), states=(ENDED,), limit=CASES)
        rows = await self.store.cases(query)
        if not rows:
            return {}
        left = await self.store.trail(self.namespace, [row.id for row in rows], limit=EVENTS)
        titles = await self._titles()
        told = pace(process, list(_apart(rows, left)), titles)
        steps = ((step.after, step.by, step.type) for step in told.steps)
        found = {step: told.usual(*step) for step in steps}
        return {step: round(took.p99 * SECOND) for step, took in found.items() if took is not None}

    async def _titles(self) -> dict[int, str]:
        return {
            handler.number: f"{service.name}.{handler.name}"
            for service in await self.store.services(self.namespace)
            for handler in await self.store.handlers(service.number)
        }


async def dues(usual: Usual, case: CaseStanding | None) -> tuple[Due, ...]:
    """Say by when what a case owes is to come, the soonest first."""
    found: list[Due] = []
    for owing in () if case is None else case.owed:
        if case is not None and owing.event is not None and owing.type is not None:
            for name in owing.gives:
                at = owing.due_at
                if at is None and case.process is not None:
                    at = await usual.moment(case.process, owing.event, owing.by, name)
                if at is not None:
                    declared, late = owing.due_at is not None, at < case.at
                    found.append(Due(owing.by, owing.event, owing.type, name, at, declared, late))
    return tuple(sorted(found, key=lambda due: (due.at, due.by, due.type)))


async def with_usual(usual: Usual, case: CaseStanding) -> CaseStanding:
    """Add to what a case owes by when it usually comes, where nobody declares it."""
    if case.process is None or not case.owed:
        return case
    owed = [await _expecting(usual, case.process, each) for each in case.owed]
    return replace(case, owed=tuple(owed))


async def _expecting(usual: Usual, process: str, each: Owing) -> Owing:
    """Take the longest of what may come of it; of what gives nothing, the end of the reaction."""
    if each.due_at is not None or each.event is None or each.type is None:
        return each
    names = each.gives or (None,)
    known = [await usual.within(process, each.type, each.by, name) for name in names]
    within = max((took for took in known if took is not None), default=None)
    event = None if within is None else await usual.store.event(each.event)
    if within is None or event is None:
        return each
    return replace(each, usual=within / SECOND, usual_at=to_datetime(event.at + within))


def _apart(rows: Iterable[CaseRow], left: CaseTrail) -> Iterable[Past]:
    """Give each case its part of what many have left; what one had before it was merged is not in it."""
    cases = {event.number: event.case_id for event in left.events}
    events: dict[str | None, list[Event]] = defaultdict(list)
    reactions: dict[str | None, list[ReactionRow]] = defaultdict(list)
    for event in left.events:
        events[event.case_id].append(event)
    for each in left.reactions:
        reactions[cases[each.event]].append(each)
    for row in rows:
        part = CaseTrail(tuple(events[row.id]), tuple(reactions[row.id]), left.runs, ())
        yield Past(row, part, _NOTHING)
