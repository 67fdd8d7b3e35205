"""Cases, as a program asks them: which there are, where one stands, which are late; and an end to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec.structs import replace

from dalsegno.client.case_times import CaseTimes, Comparison, Dues, Forecast, Pace
from dalsegno.client.case_views import CaseInfo, CaseStory, case_info
from dalsegno.client.dead_letters import letter_info
from dalsegno.client.desk import Desk
from dalsegno.client.event_views import (
    ReactionInfo,
    StampInfo,
    info_of,
    reaction_info,
    stamp_info,
)
from dalsegno.client.events import handlers_of
from dalsegno.client.past import By, left_at, row_at
from dalsegno.client.run_views import run_info
from dalsegno.client.timing import LAST, Timing
from dalsegno.core.cases import FRONT_CONTROLLER, OPEN, STAMP, CaseRow, Process, process_of
from dalsegno.core.clock import from_datetime, to_datetime
from dalsegno.core.commit import Emit
from dalsegno.core.event import Event, NewEvent
from dalsegno.core.ids import check_id
from dalsegno.core.stamps import merged, read_stamp
from dalsegno.errors import CaseNotFound, InvalidInput, NotDecodable
from dalsegno.events.holding import Holding
from dalsegno.store.cases import CaseQuery, CaseTrail

if TYPE_CHECKING:
    from dalsegno.client.case_groups import CaseGroups, StuckCases
    from dalsegno.client.whereabouts import Looking

_EVENTS = 10_000  # of one case, that are read

UNTOLD = (
    "Its process records starts and ends only, so what lies between is not told: which events came, who "
    "reacts, what is owed, dead letters."
)

CaseInfos: TypeAlias = list[CaseInfo]
States: TypeAlias = str | Sequence[str]


class _Cancelling(msgspec.Struct):
    """As much of a process's declaration as is needed to cancel a case of it."""

    cancel: tuple[str, int] | None = None
    cancel_key: str | None = None


def _stamp_of(events: Sequence[Event]) -> StampInfo | None:
    """Put together what the events of a case carry."""
    texts = [event.stamp for event in events]
    known = merged(one for text in texts if text is not None and (one := read_stamp(text)) is not None)
    return None if known is None else stamp_info(known)


class AsyncCases:
    """Cases, in ``async def`` code."""

    def __init__(self, desk: Desk, sight: Callable[[], Looking] | None = None) -> None:
        self.desk = desk
        self._sight = sight

    # -- looking

    async def list(
        self,
        process: str | None = None,
        *,
        state: States = (),
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> CaseInfos:
        """List cases, those that began last first.

        ``state`` is open, ended or cancelled, or several of these; ``since`` and ``until`` are times of
        the beginning; below ``before``, the number of the last one seen, is the next page.
        """
        return await self._listed(
            CaseQuery(
                namespace=self.desk.namespace,
                processes=() if process is None else (process,),
                states=(state,) if isinstance(state, str) else tuple(state),
                since=None if since is None else from_datetime(since),
                until=None if until is None else from_datetime(until),
                before=before,
                limit=limit,
            )
        )

    async def late(
        self, process: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> CaseInfos:
        """List the cases that are open and past their time, the longest past first; ``before`` pages on."""
        return await self._listed(
            CaseQuery(
                namespace=self.desk.namespace,
                processes=() if process is None else (process,),
                late_at=self.desk.store.now(),
                before=before,
                limit=limit,
            )
        )

    async def find(self, value: str, *, limit: int = 10) -> CaseInfos:
        """Find cases by their name, their key or another key, the newest first."""
        rows = await self.desk.store.find_cases(self.desk.namespace, value, limit)
        return [case_info(row, self.desk.store.now()) for row in rows]

    async def get(self, case: str) -> CaseInfo:
        """Read a case by its name, or by a key that no other has; raise ``CaseNotFound``."""
        return case_info(await self.row(case), self.desk.store.now())

    async def show(self, case: str, *, at: datetime | None = None, by: By = "accepted") -> CaseStory:
        """Read a case with all that it has left in the store; raise ``CaseNotFound``.

        With ``at`` it is as it was then: by what the store had accepted, or ``by="happened"`` by the events'
        own times, in the order in which they happened; CaseNotFound is raised where it had not begun.
        """
        store, namespace, row = self.desk.store, self.desk.namespace, await self.row(case)
        names = await store.case_names(namespace, row.id)
        keys: dict[str, tuple[str, ...]] = {}
        for alias in await store.case_aliases(namespace, row.id):
            keys[alias.name] = (*keys.get(alias.name, ()), alias.value)
        if row.tracking == FRONT_CONTROLLER:
            trail = await self._ends_of(row)
        else:
            trail = await store.trail(namespace, names, limit=_EVENTS + 1)
        now, partial = store.now(), len(trail.events) > _EVENTS
        if at is not None:
            now = from_datetime(at)
            row = await self._row_at(row, trail, now, by)
            trail = left_at(trail, now, by)
        titles = await handlers_of(self.desk) if trail.dead_letters else {}
        runs = {run.number: run for run in trail.runs}
        return CaseStory(
            case=case_info(row, now),
            names=names[1:],
            keys=keys,
            events=tuple(info_of(event) for event in trail.events[:_EVENTS]),
            reactions=await self._reactions(trail),
            runs=tuple(run_info(run) for run in trail.runs),
            dead_letters=tuple(
                letter_info(letter, titles[letter.handler], runs[letter.run].id)
                for letter in trail.dead_letters
            ),
            partial=partial,
            stamp=_stamp_of(trail.events) if row.tracking == STAMP else None,
            untold=UNTOLD if row.tracking == FRONT_CONTROLLER else "",
        )

    async def stuck(self, process: str | None = None, *, limit: int = 1_000) -> StuckCases:
        """List the cases of which nothing moves until somebody acts, of up to ``limit`` that are looked at.

        Beside open ones these are those over of which something is a dead letter or parked.
        """
        return await self._looking.stuck(process, limit)

    async def why(self, process: str | None = None, *, late: bool = False, limit: int = 1_000) -> CaseGroups:
        """Group up to ``limit`` open cases, or only those that are ``late``, by the reason that binds."""
        return await self._looking.why(process, limit, late=late)

    @property
    def _looking(self) -> Looking:
        assert self._sight is not None  # the client of an App gives it
        return self._sight()

    # -- time

    async def times(self, case: str) -> CaseTimes:
        """Say where a case's time went: running, retrying, queued, waiting; raise ``CaseNotFound``."""
        return await Timing(self.desk).times(await self.row(case))

    async def due(self, case: str) -> Dues:
        """Say by when what a case owes now is to come, the soonest first: as declared, else as past cases had it.

        What neither is declared nor was seen in 20 past cases is left out. Raises CaseNotFound.
        """
        return await self._looking.dues((await self.row(case)).id)

    async def pace(self, process: str, *, last: int = LAST) -> Pace:
        """Say how long a process and its steps take: p50, p95, p99 of its ``last`` cases that ended.

        These are read, at most 1,000 of them, and nothing else. Raises InvalidInput.
        """
        return await Timing(self.desk).pace(process, last)

    async def forecast(self, case: str, *, last: int = LAST) -> Forecast:
        """Say when a case is likely to end, by the ``last`` of its process that ended; raise ``CaseNotFound``."""
        return await Timing(self.desk).forecast(await self.row(case), last)

    async def compare(self, first: str, second: str) -> Comparison:
        """Lay two cases side by side: say, one that is stuck and one that is not; raise ``CaseNotFound``."""
        return await Timing(self.desk).compare(await self.row(first), await self.row(second))

    # -- cancelling

    async def cancel(self, case: str, data: Mapping[str, Any] | None = None, *, by: str = "") -> bool:
        """Cancel a case: put the event on the log that its process declares for it, which calls its runs off.

        The event gets the case's key, and ``data`` for what else it has. False for a case that is over.
        Raises CaseNotFound, and InvalidInput where no event can be made of that.
        """
        if by:
            check_id(by, "name of who says so")
        row = await self.row(case)
        if row.state != OPEN:
            return False
        event = await self._cancelling(row, dict(data or {}))
        await self.desk.write(Emit((replace(event, sender=by),)))
        return True

    async def _cancelling(self, row: CaseRow, data: dict[str, Any]) -> NewEvent:
        rows = await self.desk.store.processes(self.desk.namespace)
        told = next((one.declared for one in rows if one.name == row.process), b"{}")
        declared = msgspec.json.decode(told, type=_Cancelling)
        if declared.cancel is None:
            raise InvalidInput(
                f"Case {row.id} cannot be cancelled: process {row.process} declares no cancel= event.",
                "Nobody would know what to undo.",
                f"Write Process({row.process!r}, …, cancel=…), or cancel its runs.",
                value=row.id,
            )
        if declared.cancel_key is not None and row.key is not None:
            data.setdefault(declared.cancel_key, row.key)
        name, version = declared.cancel
        event = NewEvent(
            type=name,
            namespace=self.desk.namespace,
            version=version,
            id=f"cancel {row.id}",
            key=row.key,
            case_id=row.id,
            data=msgspec.json.encode(data),
            cancels=True,
        )
        self._check(event)
        await Holding(self.desk.store, self.desk.namespace).hold(event)
        return event

    def _check(self, event: NewEvent) -> None:
        """Hold the event to its class, where this process knows it."""
        kind = self.desk.known.types.of(event.type, event.version)
        if kind is None:
            return
        try:
            kind.decode(event.data or b"null")
        except NotDecodable as error:
            raise InvalidInput(
                f"The data does not fit {kind.title}: {error.__cause__ or error.what}",
                "Nothing was cancelled.",
                "Give data= what the event has besides its key.",
                value=event.data,
            ) from error

    # -- parts

    async def row(self, case: str) -> CaseRow:
        """Read the row of a case by its name, or by a key that no other has; raise ``CaseNotFound``."""
        store, namespace = self.desk.store, self.desk.namespace
        found = await store.case(namespace, case)
        if found is not None:
            return found
        others = await store.find_cases(namespace, case)
        if len(others) == 1:
            return others[0]
        several = ", ".join(row.id for row in others)
        raise CaseNotFound(
            f"{case!r} is a key of {len(others)} cases: {several}."
            if others
            else f"There is no case {case!r} in {store.address}.",
            "Which one is meant cannot be told." if others else "No event has begun it there, nor has a run.",
            "Name one of them." if others else "`dalsegno cases list` shows what there is.",
            case_id=case,
        )

    async def _ends_of(self, row: CaseRow) -> CaseTrail:
        """Read only how a case began and ended: two events, found by their numbers."""
        numbers = dict.fromkeys((row.began_event, row.end_event))
        found = [await self.desk.store.event(number) for number in numbers if number is not None]
        return CaseTrail(tuple(event for event in found if event is not None), (), (), ())

    async def _row_at(self, row: CaseRow, trail: CaseTrail, at: int, by: By) -> CaseRow:
        found = row_at(row, await self._process(row.process), trail, at, by)
        if found is None:
            raise CaseNotFound(
                f"Case {row.id} had not begun at {to_datetime(at).isoformat()}.",
                f"It began at {to_datetime(row.started_at).isoformat()}.",
                "Ask for a later time.",
                case_id=row.id,
            )
        return found

    async def _process(self, name: str) -> Process | None:
        rows = await self.desk.store.processes(self.desk.namespace)
        return next((process_of(row) for row in rows if row.name == name), None)

    async def _listed(self, query: CaseQuery) -> CaseInfos:
        now = self.desk.store.now()
        return [case_info(row, now) for row in await self.desk.store.cases(query)]

    async def _reactions(self, trail: CaseTrail) -> Mapping[int, tuple[ReactionInfo, ...]]:
        titles = await handlers_of(self.desk) if trail.reactions else {}
        runs = {run.number: run for run in trail.runs}
        for row in trail.reactions:
            if row.run is not None and row.run not in runs:
                run = await self.desk.store.get(row.run)
                runs |= {} if run is None else {row.run: run}
        found: dict[int, tuple[ReactionInfo, ...]] = {}
        for row in trail.reactions:
            if row.handler in titles:
                run = None if row.run is None else runs.get(row.run)
                made = reaction_info(row, titles[row.handler], run)
                found[row.event] = (*found.get(row.event, ()), made)
        return found
