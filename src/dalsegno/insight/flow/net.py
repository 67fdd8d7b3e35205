"""A flow in the form in which worlds are looked through: sets of event types as the bits of an int.

In a cancelled case an event has one of two colours: it follows the cancelling, and everybody may react to
it, or it does not, and only what undoes may. So each type is two nodes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dalsegno.insight.flow.declared import Flow, Handler
from dalsegno.insight.flow.outcomes import Outcome, Outcomes


class Out(NamedTuple):
    """The nodes that one reaction emits, and those of them that may come several times."""

    mask: int
    often: int = 0


class Source(NamedTuple):
    """Something that emits: its largest outcomes, its smallest, and all that it may emit."""

    most: tuple[Out, ...]
    least: tuple[int, ...]
    all: int


class Reacts(NamedTuple):
    """A handler's reaction to one node."""

    handler: Handler
    node: int
    source: Source


class Gate(NamedTuple):
    """What opens once several events are there: a join, or one of a process's ends.

    ``parts`` are the nodes that each part may be. ``rounds`` have the places of the parts that a round
    under way lacks; a new round begins where it is ``fresh``.
    """

    parts: tuple[int, ...]
    source: Source
    rounds: tuple[tuple[int, ...], ...]
    fresh: bool

    @property
    def ways(self) -> tuple[tuple[int, ...], ...]:
        """The sets of parts, any of which opens it."""
        return (*self.rounds, tuple(range(len(self.parts)))) if self.fresh else self.rounds


NOTHING = Source((Out(0),), (0,), 0)


class Net:
    """Who reacts to what; ``reach`` and ``must`` are what may and what must come of a node, but by joins."""

    def __init__(self, flow: Flow, *, cancelled: bool) -> None:
        self.cancelled = cancelled
        self.names = sorted(flow.types)
        self._places = {name: place for place, name in enumerate(self.names)}
        self._barred = len(self.names)
        self.size = len(self.names) * (2 if cancelled else 1)
        self._sources: dict[tuple[str, bool, bool], Source] = {}
        self.reacts: list[list[Reacts]] = [[] for _ in range(self.size)]
        self.joins: list[tuple[Handler, tuple[int, ...], Source]] = []
        for handler in flow.handlers:
            self._place(handler)
        self.reach = self._reaches()
        self.must = self._musts()

    def mask(self, names: Iterable[str], *, free: bool = True) -> int:
        """Return the nodes of types; in a cancelled case ``free`` are those that follow the cancelling."""
        shift = 0 if free or not self.cancelled else self._barred
        made = 0
        for name in names:
            place = self._places.get(name)
            if place is not None:
                made |= 1 << (place + shift)
        return made

    def types(self, mask: int) -> set[str]:
        """Return the types of nodes, of either colour."""
        return {self.names[place % self._barred] for place in bits(mask)}

    def source(self, outcomes: Outcomes, *, free: bool = True) -> Source:
        """Make what emits such outcomes."""

        def out(each: Outcome) -> Out:
            return Out(self.mask(each.types, free=free), self.mask(each.often, free=free))

        most = tuple(map(out, outcomes.most))
        return Source(most, tuple(out(each).mask for each in outcomes.least), union(o.mask for o in most))

    def source_of(self, handler: Handler, *, free: bool, stuck: bool) -> Source:
        """Return what an open reaction emits; of one that is ``stuck`` it may be that nothing follows."""
        known = self._sources.get((handler.title, free, stuck))
        if known is None:
            outcomes = handler.outcomes.or_nothing() if stuck else handler.outcomes
            known = self._sources[handler.title, free, stuck] = self.source(outcomes, free=free)
        return known

    def spread(self, mask: int) -> int:
        """Return all that may come of these nodes, but by joins."""
        return union(self.reach[node] for node in bits(mask))

    # -- making it

    def _place(self, handler: Handler) -> None:
        free = self.source(handler.outcomes)
        if handler.joins:
            colours = (True, False) if self.cancelled and handler.goes_on else (True,)
            parts = tuple(union(self.mask([name], free=c) for c in colours) for name in handler.takes)
            self.joins.append((handler, parts, free))
            return
        for name in handler.takes:
            node = self._places[name]
            self.reacts[node].append(Reacts(handler, node, free))
            if self.cancelled and handler.goes_on:
                barred = self.source(handler.outcomes, free=False)
                self.reacts[node + self._barred].append(Reacts(handler, node + self._barred, barred))

    def _reaches(self) -> list[int]:
        reach = [1 << node for node in range(self.size)]
        direct = [union(each.source.all for each in reacts) for reacts in self.reacts]
        grown = True
        while grown:
            grown = False
            for node, mask in enumerate(direct):
                more = reach[node] | union(reach[each] for each in bits(mask))
                grown, reach[node] = grown or more != reach[node], more
        return reach

    def _musts(self) -> list[int]:
        must = [1 << node for node in range(self.size)]
        grown = True
        while grown:
            grown = False
            for node, reacts in enumerate(self.reacts):
                more = must[node]
                for each in reacts:
                    more |= certain_of(each.source, must)
                grown, must[node] = grown or more != must[node], more
        return must


def certain_of(source: Source, must: list[int]) -> int:
    """Return what comes of a source whichever outcome it has, where ``must`` comes of each node."""
    made = -1
    for mask in source.least:
        made &= union(must[node] for node in bits(mask))
    return made


def union(masks: Iterable[int]) -> int:
    """Put sets together."""
    made = 0
    for mask in masks:
        made |= mask
    return made


def bits(mask: int) -> Iterator[int]:
    """List the nodes of a set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
