"""What lies ahead of whatever is open, found once: many cases of a process stand at the same place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dalsegno.insight.flow.certain import certain
from dalsegno.insight.flow.net import Gate, Net, Source
from dalsegno.insight.flow.worlds import possible

MOST_KEPT = 2_000
"""Places of which it is kept what lies ahead; then it is begun anew."""

Place = tuple[tuple[Source, ...], tuple[Gate, ...]]


class Ahead(NamedTuple):
    """The nodes that may come, their types, the types that surely come, the places of the gates that may open.

    ``exact`` is False where there were too many worlds.
    """

    mask: int
    types: frozenset[str]
    certain: frozenset[str]
    gates: frozenset[int]
    exact: bool


class Lookout:
    """Tells what lies ahead in one net, and keeps that."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self._kept: dict[Place, Ahead] = {}

    def of(self, sources: Iterable[Source], gates: tuple[Gate, ...]) -> Ahead:
        """Say what may come of these, in some world or in all. The first gates are the joins of the net."""
        place = (tuple(sorted(sources)), gates)
        known = self._kept.get(place)
        if known is None:
            if len(self._kept) >= MOST_KEPT:
                self.forget()
            known = self._kept[place] = self._look(*place)
        return known

    def forget(self) -> None:
        """Forget what was found."""
        self._kept.clear()

    def _look(self, sources: tuple[Source, ...], gates: tuple[Gate, ...]) -> Ahead:
        found = possible(self.net, sources, gates)
        joins = [gates[place] for place in sorted(found.open) if place < len(self.net.joins)]
        surely = certain(self.net, tuple(dict.fromkeys(sources)), joins, found.mask)
        return Ahead(
            found.mask,
            frozenset(self.net.types(found.mask)),
            frozenset(surely.types),
            found.open,
            found.exact and surely.exact,
        )
