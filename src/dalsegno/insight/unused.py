"""Steps of a process that nothing has taken for long: dead edges, looked for on the log by the types of events."""

from __future__ import annotations

from collections.abc import Iterable

from dalsegno.core.event import Event
from dalsegno.insight.flow import Dead, Edge, Flow, dead_edges, edges
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import Store

_NEWEST = 1_000  # events of one type that are looked at, the newest first
_CAUSES = 100  # of these, how many are followed back to the event that led to them


async def unused(store: Store, namespace: str, flow: Flow, process: str, *, since: int) -> list[Dead]:
    """List the steps of a process that were not taken since a time, among the newest 1,000 events of each type.

    Those of which none was seen come first. Raises KeyError for a process that the flow has not.
    """
    steps = list(edges(flow, flow.processes[process]))
    seen: dict[tuple[str | None, str, str], int] = {}
    for name in dict.fromkeys(step.type for step in steps):
        query = EventQuery(namespace=namespace, type=name, newest=True, limit=_NEWEST)
        ours = [event for event in await store.events(query) if event.id is None]
        for by in {event.source for event in ours}:
            ways = [step for step in steps if step.by == by and step.type == name]
            emitted = [event for event in ours if event.source == by]
            for step, at in (await _taken(store, ways, emitted)).items():
                seen[step.after[0] if step.after else None, step.by, step.type] = at
    return dead_edges(flow, process, seen, since=since)


async def _taken(store: Store, ways: list[Edge], emitted: Iterable[Event]) -> dict[Edge, int]:
    """Say when each of these ways to an event was taken last; the newest of what was emitted comes first."""
    found: dict[Edge, int] = {}
    for event in emitted if len(ways) < 2 else list(emitted)[:_CAUSES]:
        if len(found) == len(ways):
            break
        cause = await store.event(event.cause) if len(ways) > 1 and event.cause is not None else None
        for step in ways:
            if len(ways) == 1 or (cause is not None and cause.type in step.after):
                found.setdefault(step, event.at)
    return found
