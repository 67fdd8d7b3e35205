"""The frontier of a case: the declared flow and the observed trail, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dalsegno.insight.flow.debts import debts
from dalsegno.insight.flow.declared import Flow, Process
from dalsegno.insight.flow.openness import Open, what_is_open
from dalsegno.insight.flow.results import Awaited, Debtor, End, Frontier, Later, Owed
from dalsegno.insight.flow.trail import Trail


def frontier(flow: Flow, process: str, trail: Trail) -> Frontier:
    """Say what of a case is done, what is owed and by whom, what may come then, and what cannot come.

    Raises KeyError for a process that the flow has not.
    """
    return _Made(flow, flow.processes[process], trail).frontier()


class _Made:
    """One frontier while it is made."""

    def __init__(self, flow: Flow, process: Process, trail: Trail) -> None:
        self.flow = flow
        self.process = process
        self.trail = trail
        lookout = flow.lookout if trail.cancelled is None else flow.cancelled_lookout
        self.net = lookout.net
        self.open: Open = what_is_open(flow, process, self.net, trail)
        sources = [owing.source for owing in self.open.owing] + [source for source, _ in self.open.others]
        self.ahead = lookout.of(sources, self.open.gates)

    def frontier(self) -> Frontier:
        """Put it together."""
        there = self.trail.types
        owed = self._owed()
        brought = self._brought()
        answered = self.flow.answered
        awaited = [name for name in self._sorted(brought) if name not in owed and name not in answered]
        then = [name for name in self._sorted(self.ahead.types) if name not in owed and name not in awaited]
        part = self.flow.part(self.process)
        return Frontier(
            process=self.process.name,
            done=tuple(there),
            owed=tuple(
                Owed(name, tuple(by), name in self.ahead.certain, name in there) for name, by in owed.items()
            ),
            then=tuple(
                _in_turn(
                    [self._later(name, brought.get(name, ()), again=name in there) for name in then], owed
                )
            ),
            awaited=tuple(Awaited(name, brought[name]) for name in awaited),
            unreachable=tuple(self._sorted(part - there.keys() - self.ahead.types)),
            ends=tuple(self._ends()),
            debts=tuple(debts(self.flow, self.trail, self.ahead.types)),
            exact=self.ahead.exact,
        )

    def _sorted(self, names: Iterable[str]) -> list[str]:
        """Put types in the order in which the process leads to them."""
        order = self.flow.order(self.process)
        return sorted(names, key=lambda name: (order.get(name, len(order)), name))

    def _owed(self) -> dict[str, list[Debtor]]:
        found: dict[str, list[Debtor]] = {}
        for owing in self.open.owing:
            for name in self.net.types(owing.source.all):
                found.setdefault(name, []).append(owing.debtor)
        return {name: found[name] for name in self._sorted(found)}

    def _brought(self) -> dict[str, tuple[str, ...]]:
        """Find what others may bring, each with the workflows that would."""
        found: dict[str, tuple[str, ...]] = {}
        for source, workflow in self.open.others:
            for name in self.net.types(source.all):
                found[name] = found.get(name, ()) + (() if workflow is None else (workflow,))
        return found

    def _later(self, name: str, workflows: tuple[str, ...], *, again: bool) -> Later:
        by: dict[str, None] = dict.fromkeys(workflows)
        after: dict[str, None] = {}
        for handler, takes in self._leading(name):
            by[handler] = None
            after |= dict.fromkeys(takes)
        return Later(name, tuple(by), tuple(self._sorted(after)), name in self.ahead.certain, again)

    def _leading(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """List the handlers that may yet emit a type, each with what of its events may come."""
        for node, reacts in enumerate(self.net.reacts):
            if self.ahead.mask >> node & 1:
                for each in reacts:
                    if name in self.net.types(each.source.all):
                        yield each.handler.title, [self.net.names[node % len(self.net.names)]]
        for place, (handler, _, source) in enumerate(self.net.joins):
            if place in self.ahead.gates and name in self.net.types(source.all):
                yield handler.title, [each for each in handler.takes if each in self.ahead.types]

    def _ends(self) -> Iterator[End]:
        there = self.trail.types.keys()
        for place, end in enumerate(self.process.ends, len(self.net.joins)):
            if there >= set(end):
                yield End(end, "reached")
            else:
                yield End(end, "possible" if place in self.ahead.gates else "unreachable")


def _in_turn(later: list[Later], first: Iterable[str]) -> Iterator[Later]:
    """Put what may come in the order in which it may: what follows ``first`` before what follows that."""
    before = set(first)
    while later:
        now = [each for each in later if not before.isdisjoint(each.after)] or later
        yield from now
        before |= {each.type for each in now}
        later = [each for each in later if each.type not in before]
