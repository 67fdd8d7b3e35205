"""What a store knows of processes and of a case, read as the flow and the trail that the frontier is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dalsegno.core.event import Event
from dalsegno.core.reactions import HandlerRow, ReactedAs, ServiceRow
from dalsegno.core.runs import DEAD_LETTER, Run
from dalsegno.insight.flow import Flow, Happened, Participant, Reacted, State, Trail, read_flow
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
    services = await store.services(namespace)
    handlers = [row for service in services for row in await store.handlers(service.number)]
    return read_flow(
        [row.declared for row in handlers if row.declared],
        [row.declared for row in await store.processes(namespace)],
        [row.declared for row in await store.emitters(namespace)],
    )


async def read_case(store: Store, namespace: str, case: str, flow: Flow) -> Trail:
    """Read the trail of a case, by any of its names, up to 10,000 events of it."""
    names = await store.case_names(namespace, case)
    return await trail_of(store, namespace, names, await store.trail(namespace, names), flow)


async def trail_of(store: Store, namespace: str, names: Sequence[str], left: CaseTrail, flow: Flow) -> Trail:
    """Read what a case of these names has left as its trail."""
    rooms = await _rooms(store, namespace, flow)
    reacted = {row.number: row for row in left.runs}
    reactions = list(_reactions(left, rooms, reacted))
    reactions += await _passed(
        store, flow, left.events, rooms, {(each.event, each.handler) for each in reactions}
    )
    cancelled = await store.cancelled_cases(namespace, names)
    return Trail(
        tuple(_happened(event) for event in left.events),
        tuple(reactions),
        tuple(_participants(left, flow)),
        next((cancelled[name] for name in names if name in cancelled), None),
    )


Room = tuple[ServiceRow, HandlerRow, str]
"""A handler with its service, and its full name."""


async def _rooms(store: Store, namespace: str, flow: Flow) -> list[Room]:
    """List the handlers that the flow knows."""
    found = []
    for service in await store.services(namespace):
        for row in await store.handlers(service.number):
            title = f"{service.name}.{row.name}"
            if title in flow.by_title:
                found.append((service, row, title))
    return found


def _happened(event: Event) -> Happened:
    return Happened(event.number, event.type, event.key, event.cause, event.at)


def _reactions(left: CaseTrail, rooms: Iterable[Room], runs: dict[int, Run]) -> Iterator[Reacted]:
    """List what became of the reactions, each as the newest generation of its service has it."""
    titles = {row.number: title for _, row, title in rooms}
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


async def _passed(
    store: Store, flow: Flow, events: Iterable[Event], rooms: Iterable[Room], known: set[tuple[int, str]]
) -> list[Reacted]:
    """List what a service has passed without a reaction: its handler came later, or it was not meant."""
    found = []
    for service, _, title in rooms:
        takes = flow.by_title[title].takes
        without = [event for event in events if event.type in takes and (event.number, title) not in known]
        if without:
            positions = {part.partition: part.position for part in await store.partitions(service.number)}
            for event in without:
                meant = event.only in (None, service.name)
                if not meant or event.number <= positions.get(event.partition(service.partitions), 0):
                    found.append(Reacted(event.number, title, State.PASSED))
    return found


def _participants(left: CaseTrail, flow: Flow) -> Iterator[Participant]:
    """List the runs that are no reactions."""
    reactions = {row.run for row in left.reactions}
    for run in left.runs:
        if run.number not in reactions and run.workflow not in flow.by_title:
            yield Participant(run.workflow, not run.status.ended, run.id)
