"""Where what happens and what is declared part: drift, and edges along which nothing has come for long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from dalsegno.insight.flow.declared import Flow, Process
from dalsegno.insight.flow.trail import Happened, Trail


@dataclass(frozen=True, slots=True)
class Drift:
    """An event that is not as declared.

    ``why`` is unknown (nobody declares such an event), foreign (it belongs to no part of the process), or
    unannounced (nobody who takes the event that led to it gives it).
    """

    event: int
    type: str
    cause: int | None
    why: Literal["unknown", "foreign", "unannounced"]


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of the flow: after these types (one, or those of a join), somebody may emit a type."""

    after: tuple[str, ...]
    by: str
    type: str


@dataclass(frozen=True, slots=True)
class Dead:
    """An edge along which nothing came since ``last_at``; never, where that is None."""

    edge: Edge
    last_at: int | None


def drift(flow: Flow, process: str, trail: Trail) -> list[Drift]:
    """List the events of a case that are not as declared, in the order of the log."""
    part = flow.part(flow.processes[process])
    events = {event.number: event for event in trail.events}
    found = []
    for event in trail.events:
        why: Literal["unknown", "foreign", "unannounced"] | None = None
        if event.type not in flow.types:
            why = "unknown"
        elif event.type not in part:
            why = "foreign"
        elif event.cause in events and not _gives(flow, events[event.cause], event):
            why = "unannounced"
        if why is not None:
            found.append(Drift(event.number, event.type, event.cause, why))
    return found


def _gives(flow: Flow, cause: Happened, event: Happened) -> bool:
    """Tell whether somebody who takes an event gives another, or a workflow does."""
    takers = flow.takers.get(cause.type, ())
    return any(giver in takers or giver in flow.emitters for giver in flow.givers.get(event.type, ()))


def edges(flow: Flow, process: Process) -> Iterator[Edge]:
    """List the steps of a process, in the order in which it leads to them."""
    order = flow.order(process)
    for handler in flow.handlers:
        ways = [handler.takes] if handler.joins else [(name,) for name in handler.takes]
        for after in ways:
            if all(name in order for name in after):
                yield from (Edge(after, handler.title, name) for name in handler.gives)
    for emitter in flow.emitters:
        if not emitter.reacts and not order.keys().isdisjoint(emitter.gives):
            yield from (Edge((), emitter.name, name) for name in emitter.gives)


Seen = Mapping[tuple[str | None, str, str], int]
"""When a step was taken last: by the type of the event before it (None for a workflow's), who emitted, what."""


def dead_edges(flow: Flow, process: str, seen: Seen, *, since: int) -> list[Dead]:
    """List the steps that were not taken since a time, those that never were first."""
    found = []
    for edge in edges(flow, flow.processes[process]):
        before: Iterable[str | None] = edge.after or (None,)
        times = [at for name in before if (at := seen.get((name, edge.by, edge.type))) is not None]
        last_at = max(times, default=None)
        if last_at is None or last_at < since:
            found.append(Dead(edge, last_at))
    return sorted(found, key=lambda dead: (dead.last_at is not None, dead.last_at or 0))
