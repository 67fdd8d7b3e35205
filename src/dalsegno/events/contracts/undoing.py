"""A failure is followed by what undoes what was done before it, or says that there is nothing to undo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dalsegno.events.contracts.ending import leading_to
from dalsegno.events.contracts.flow import Flow
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler


def left_standing(flow: Flow, settled: frozenset[str]) -> Iterator[Finding]:
    """Find failures that nobody undoes anything for, and what is left standing behind others."""
    undoers = _undoers(flow)
    failures = {kind.name: kind.place for kind in flow.known.types.all.values() if kind.meant.failure}
    bare = {name for name in failures if name in flow.taking and not _answered(flow.taking[name])}
    for name in bare:
        first = flow.taking[name][0]
        yield Finding(
            Rule.NO_COMPENSATION,
            f"{name} tells of a failure, and no handler of it compensates anything.",
            first.place,
            "What was done before it is left standing.",
            f'Write on(compensates=…) above {first.title}, or compensates="none" if nothing is to be undone.',
            (failures[name],),
        )
    taken = {
        kind.name: kind.place for h in flow.handlers if isinstance(h.compensates, tuple) for kind in h.takes
    }
    for name, place in ({**taken, **failures}).items():
        handlers = flow.taking.get(name, [])
        if name not in bare and any(isinstance(each.compensates, tuple) for each in handlers):
            yield from _forgotten(flow, name, place, undoers, settled)


def _undoers(flow: Flow) -> dict[str, list[Handler]]:
    """List who undoes what, by the name of the event that is undone."""
    found: dict[str, list[Handler]] = {}
    for handler in flow.handlers:
        for kind in handler.compensates if isinstance(handler.compensates, tuple) else ():
            found.setdefault(kind.name, []).append(handler)
    return found


def _answered(handlers: Iterable[Handler]) -> bool:
    return any(handler.compensates is not None for handler in handlers)


def _forgotten(
    flow: Flow, failure: str, place: str, undoers: dict[str, list[Handler]], settled: frozenset[str]
) -> Iterator[Finding]:
    """Find what surely was done before a failure, can be undone, and is not, neither before nor behind it."""
    for done, handlers in undoers.items():
        if done == failure or _possible(flow, failure, without=done):
            continue  # the failure may come without it
        if not _possible(flow, failure, spared=handlers):
            continue  # it is undone on each way to the failure
        ahead = frozenset(kind.name for handler in handlers for kind in handler.takes) | settled
        if failure not in leading_to(flow, ahead):
            undo = handlers[0]
            yield Finding(
                Rule.NO_COMPENSATION,
                f"Behind {failure}, nothing leads to {undo.what}, which undoes {done}.",
                place,
                f"{failure} only comes after {done}, which is left standing.",
                f"Let {undo.title} take {failure} too, or what follows it.",
                (undo.place,),
            )


def _possible(flow: Flow, wanted: str, *, without: str | None = None, spared: Iterable[Handler] = ()) -> bool:
    """Tell whether an event can come about if another never does, or if some handlers are not there."""
    absent = set(map(id, spared))
    found = set(flow.spontaneous) - {without}
    while wanted not in found:
        more = (
            {
                kind.name
                for handler in flow.handlers
                if id(handler) not in absent and _can_react(handler, found)
                for kind in handler.contract.gives
            }
            - found
            - {without}
        )
        if not more:
            return False
        found |= more
    return True


def _can_react(handler: Handler, found: set[str]) -> bool:
    joins = {kind.name for kind in handler.contract.joins}
    return joins <= found if joins else any(kind.name in found for kind in handler.takes)
