"""No cycle of events without an exit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dalsegno.events.contracts.flow import Flow, outcomes
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler


def endless(flow: Flow) -> Iterator[tuple[Finding, frozenset[str]]]:
    """Find cycles that nothing leaves, each with the names of its events.

    An event is endless if some handler of it must, whatever it decides, give another endless one. What
    a handler may leave out (``A | None``, ``list[A]``, what its body emits, what a filter passes over) is
    an exit.
    """
    names = _endless(flow)
    while names:
        loop = _loop(flow, names)
        if not loop:
            return
        around = frozenset(name for name, _ in loop)
        first = loop[0][1]
        steps = " → ".join([*(f"{name} → {handler.title}" for name, handler in loop), loop[0][0]])
        yield (
            Finding(
                Rule.NO_EXIT,
                f"The cycle {steps} has no exit.",
                first.place,
                "Each event surely leads to the next, until the hop limit stops it with a dead letter.",
                "Let one of these handlers return something else, or nothing: -> A | Done, or A | None.",
                tuple(handler.place for _, handler in loop[1:]),
            ),
            around,
        )
        names = names - around


def _endless(flow: Flow) -> frozenset[str]:
    """Find the greatest set of events of which each surely leads to another of the set, and comes of one."""
    names = frozenset(flow.taking)
    while True:
        forcing = [handler for name in names for handler in flow.taking[name] if _forces(handler, names)]
        given = frozenset(kind.name for handler in forcing for kind in handler.follows.types)
        taken = frozenset(kind.name for handler in forcing for kind in handler.takes)
        left = names & given & taken
        if left == names:
            return names
        names = left


def _forces(handler: Handler, names: frozenset[str]) -> bool:
    """Tell whether each outcome of a handler holds one of these; a join goes round only if all it joins do."""
    if handler.options.where is not None or any(t.name not in names for t in handler.contract.joins):
        return False
    return all(outcome & names for outcome in outcomes(handler))


def _loop(flow: Flow, names: frozenset[str]) -> list[tuple[str, Handler]]:
    """Walk from event to event until one comes again; return the way around, from its smallest name on."""
    steps: Mapping[str, list[tuple[Handler, str]]] = {
        name: [
            (handler, follower)
            for handler in flow.taking[name]
            if _forces(handler, names)
            for follower in sorted(frozenset().union(*outcomes(handler)) & names)
        ]
        for name in names
    }
    for start in sorted(names):
        way: list[tuple[str, Handler]] = []
        came: dict[str, int] = {}
        name = start
        while name not in came and steps.get(name):
            came[name] = len(way)
            handler, follower = steps[name][0]
            way.append((name, handler))
            name = follower
        if name in came:
            loop = way[came[name] :]
            least = min(range(len(loop)), key=lambda index: loop[index][0])
            return loop[least:] + loop[:least]
    return []
