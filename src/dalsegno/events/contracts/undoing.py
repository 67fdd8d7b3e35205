"""A failure is followed by what undoes what was done before it, or says that there is nothing to undo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dalsegno.events.contracts.ending import leading_to
from dalsegno.events.contracts.flow import Flow, named
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler


def left_standing(flow: Flow, settled: frozenset[str]) -> Iterator[Finding]:
    """Find failures that nobody undoes anything for, and what is left standing behind others."""
    told = {kind.name: kind.place for kind in flow.known.types.all.values() if kind.meant.failure}
    bare = {name for name in told if name in flow.taking and not _answered(flow.taking[name])}
    by_handler: dict[Handler, list[str]] = {}
    for name in sorted(bare):
        by_handler.setdefault(flow.taking[name][0], []).append(name)
    for handler, names in by_handler.items():
        yield _bare(handler, names, tuple(told[name] for name in names))
    undone = {
        kind.name: kind.place for h in flow.handlers if isinstance(h.compensates, tuple) for kind in h.takes
    }
    failures = {
        name: place
        for name, place in (undone | told).items()
        if any(isinstance(each.compensates, tuple) for each in flow.taking.get(name, []))
    }
    for done, handlers in _undoers(flow).items():
        forgotten = [name for name in failures if _is_forgotten(flow, name, done, handlers, settled)]
        if forgotten:
            yield _forgotten(forgotten, done, handlers[0], tuple(failures[name] for name in forgotten))


def _bare(handler: Handler, names: list[str], places: tuple[str, ...]) -> Finding:
    return Finding(
        Rule.NO_COMPENSATION,
        f"{_listed(names)} {'tells of a failure' if len(names) == 1 else 'tell of failures'}, "
        f"which {named(handler)} takes, and no handler of it compensates anything.",
        handler.place,
        "What was done before it is left standing.",
        f'Write on(compensates=…) above {handler.title}, or compensates="none" if nothing is to be undone.',
        places,
    )


def _forgotten(failures: list[str], done: str, undo: Handler, places: tuple[str, ...]) -> Finding:
    return Finding(
        Rule.NO_COMPENSATION,
        f"Behind {_listed(failures)}, nothing leads to {named(undo)}, which undoes {done}.",
        undo.place,
        f"Such a failure only comes after {done}, which is left standing.",
        f"Let {undo.title} take {_listed(failures)} too, or what follows.",
        places,
    )


def _listed(names: list[str]) -> str:
    return " and ".join(names)


def _undoers(flow: Flow) -> dict[str, list[Handler]]:
    """List who undoes what, by the name of the event that is undone."""
    found: dict[str, list[Handler]] = {}
    for handler in flow.handlers:
        for kind in handler.compensates if isinstance(handler.compensates, tuple) else ():
            found.setdefault(kind.name, []).append(handler)
    return found


def _answered(handlers: Iterable[Handler]) -> bool:
    return any(handler.compensates is not None for handler in handlers)


def _is_forgotten(
    flow: Flow, failure: str, done: str, undoers: list[Handler], settled: frozenset[str]
) -> bool:
    """Tell whether something surely was done before a failure, and is undone neither before nor behind it."""
    if done == failure or _possible(flow, failure, without=done):
        return False  # the failure may come without it
    if not _possible(flow, failure, spared=undoers):
        return False  # it is undone on each way to the failure
    ahead = frozenset(kind.name for handler in undoers for kind in handler.takes) | settled
    return failure not in leading_to(flow, ahead)


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
