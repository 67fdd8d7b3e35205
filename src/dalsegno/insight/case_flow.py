"""What a store knows of processes and of a case, read as the flow and the trail that the frontier is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dalsegno.core.event import Event
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import DEAD_LETTER, Run
from dalsegno.insight.flow import Flow, Happened, Participant, Reacted, State, Trail
from dalsegno.insight.roster import Roster, read_roster
from dalsegno.store.cases import CaseTrail
from dalsegno.store.log import ReactionRow
from dalsegno.store.protocol import Store

_ENDED_AS = {
    ReactedAs.DONE: State.DONE,
    ReactedAs.STALE: State.DONE,
    ReactedAs.FILTERED: State.FILTERED,
    ReactedAs.CANCELLED: State.CANCELLED,
}


async def read_declared(store: Store, namespace: str) -> Flow:
    """Read the flow of all that is registered in a namespace: handlers, processes, workflows that emit."""
    return (await read_roster(store, namespace)).flow


async def read_case(store: Store, namespace: str, case: str) -> Trail:
    """Read the trail of a case, by any of its names, up to 10,000 events of it."""
    names = await store.case_names(namespace, case)
    left = await store.trail(namespace, names)
    return await trail_of(store, namespace, names, left, await read_roster(store, namespace))


async def trail_of(
    store: Store, namespace: str, names: Sequence[str], left: CaseTrail, roster: Roster
) -> Trail:
    """Read what a case of these names has left as its trail."""
    reactions = list(_reactions(left, roster.titles))
    reactions += await _passed(left.events, roster, {(each.event, each.handler) for each in reactions})
    cancelled = await store.cancelled_cases(namespace, names)
    return Trail(
        tuple(_happened(event) for event in left.events),
        tuple(reactions),
        tuple(_participants(left, roster.flow)),
        next((cancelled[name] for name in names if name in cancelled), None),
    )


def _happened(event: Event) -> Happened:
    return Happened(event.number, event.type, event.key, event.cause, event.at)


def _reactions(left: CaseTrail, titles: Mapping[int, str]) -> Iterator[Reacted]:
    """List what became of the reactions, each as the newest generation of its service has it."""
    runs = {run.number: run for run in left.runs}
    newest: dict[tuple[int, int], ReactionRow] = {}
    for row in left.reactions:
        known = newest.get((row.event, row.handler))
        if row.handler in titles and (known is None or known.generation < row.generation):
            newest[row.event, row.handler] = row
    for row in newest.values():
        state, at = _state(row, runs)
        yield Reacted(row.event, titles[row.handler], state, at)


def _state(row: ReactionRow, runs: dict[int, Run]) -> tuple[State, int]:
    """Say how a reaction stands, and since when; that of a run that is not kept any more has ended."""
    run = runs.get(row.run) if row.run is not None else None
    if row.outcome != ReactedAs.RUN:
        return _ENDED_AS[ReactedAs(row.outcome)], row.at
    if run is None or run.status.ended:
        return State.DONE, row.at if run is None or run.ended_at is None else run.ended_at
    return (State.DEAD_LETTER if run.reason == DEAD_LETTER else State.OPEN), run.changed_at


async def _passed(events: Iterable[Event], roster: Roster, known: set[tuple[int, str]]) -> list[Reacted]:
    """List what a service has passed without a reaction: its handler came later, or it was not meant."""
    found = []
    for event in events:
        for room in roster.takers.get(event.type, ()):
            if (event.number, room.title) in known:
                continue
            part = await roster.partition(room.service, event)
            meant = event.only in (None, room.service.name)
            if not meant or (part is not None and event.number <= part.position):
                found.append(Reacted(event.number, room.title, State.PASSED))
    return found


def _participants(left: CaseTrail, flow: Flow) -> Iterator[Participant]:
    """List the runs that are no reactions."""
    reactions = {row.run for row in left.reactions}
    for run in left.runs:
        if run.number not in reactions and run.workflow not in flow.by_title:
            yield Participant(run.workflow, not run.status.ended, run.id)
