"""Every event that somebody waits for has an emitter, every one that is emitted has somebody who handles it."""

from __future__ import annotations

from collections.abc import Iterator

from dalsegno.events.contracts.flow import Flow
from dalsegno.events.contracts.report import Finding, Rule


def unmet(flow: Flow) -> Iterator[Finding]:
    """Find events without an emitter, events without a handler, and those of which both is said."""
    for name, ends in flow.wanted.items():
        if name not in flow.emitters:
            first = ends[0]
            yield Finding(
                Rule.NO_EMITTER,
                f"{name} is emitted by nobody; {first.who} waits for it.",
                first.place,
                "No handler declares it, no workflow and no step emits it, so what hangs on it never happens.",
                f"Emit it, or write outside=True above {first.kind.cls.__qualname__} if another program does.",
                tuple(dict.fromkeys([first.kind.place, *(end.place for end in ends[1:])])),
            )
    alone = unhandled(flow)
    for name, ends in flow.emitters.items():
        if name in alone:
            first = ends[0]
            yield Finding(
                Rule.NO_HANDLER,
                f"{name} is handled by nobody; {first.who} emits it.",
                first.place,
                "It is written and read by no one here: what was to follow does not.",
                f"Handle it, or write nobody=True above {first.kind.cls.__qualname__} if that is meant.",
                tuple(dict.fromkeys([first.kind.place, *(end.place for end in ends[1:])])),
            )
    for name, ends in flow.takers.items():
        for kind in flow.kinds(name):
            if kind.meant.nobody:
                yield Finding(
                    Rule.UNDECLARED,
                    f"{kind.title} says nobody=True, and {ends[0].who} takes it.",
                    kind.place,
                    "Who relies on the declaration is told something untrue.",
                    "Leave out nobody=True.",
                    (ends[0].place,),
                )


def unhandled(flow: Flow) -> frozenset[str]:
    """Name the events that somebody emits and nobody handles; an end of a process needs no handler."""
    ending = {kind.name for process in flow.known.processes.values() for kind in process.ends.types}
    meant = {kind.name for kind in flow.known.types.all.values() if kind.meant.nobody}
    return frozenset(flow.emitters.keys() - flow.takers.keys() - ending - meant)
