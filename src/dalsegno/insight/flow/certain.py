"""What comes in every world: asked the other way round, whether there is a world without it.

A world without an event is found by the smallest outcomes, and where a join would have to bring it, by a
world in which one of the join's parts does not come either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dalsegno.insight.flow.net import Gate, Net, Source, bits, certain_of, union

MOST_TRIES = 500
"""Ways around events that are tried for one case; then they count as such that may stay away."""


class Certain(NamedTuple):
    """The types that come in every world, and whether all ways around others were tried."""

    types: set[str]
    exact: bool


def certain(net: Net, sources: Sequence[Source], gates: Sequence[Gate], possible: int) -> Certain:
    """Find what comes in every world. ``possible`` is what comes in some."""
    surely = _surely(net, sources, gates)
    found = net.types(surely)
    behind = union(net.spread(gate.source.all) for gate in gates)
    around = _Around(net, sources, gates)
    for name in sorted(net.types(possible & behind) - found):
        if not around.avoids(net.mask([name], free=True) | net.mask([name], free=False)):
            found.add(name)
    return Certain(found, around.left >= 0)


def _surely(net: Net, sources: Sequence[Source], gates: Sequence[Gate]) -> int:
    """Return what comes whatever is chosen, as far as that shows without looking at worlds."""
    surely = union(certain_of(source, net.must) for source in sources)
    left = list(gates)
    grown = True
    while grown:
        opened = [gate for gate in left if _opens(gate, surely)]
        left = [gate for gate in left if gate not in opened]
        surely |= union(certain_of(gate.source, net.must) for gate in opened)
        grown = bool(opened)
    return surely


def _opens(gate: Gate, mask: int) -> bool:
    return any(all(mask & gate.parts[part] for part in way) for way in gate.ways)


class _Around:
    """Looks for a world in which none of certain nodes comes."""

    def __init__(self, net: Net, sources: Sequence[Source], gates: Sequence[Gate]) -> None:
        self._net = net
        self._sources = sources
        self._gates = gates
        self.left = MOST_TRIES

    def avoids(self, mask: int) -> bool:
        """Tell whether there is one; also where it was not found out."""
        self.left -= 1
        if self.left < 0:
            return True
        safe = self._safe(mask)
        if not all(_some(source, safe) for source in self._sources):
            return False
        for gate in self._gates:
            if not _some(gate.source, safe) and _opens(gate, safe):
                way = next(way for way in gate.ways if all(safe & gate.parts[part] for part in way))
                return any(self.avoids(mask | gate.parts[part]) for part in way)
        return True

    def _safe(self, mask: int) -> int:
        """Return the nodes of which none of these need come, but by joins."""
        safe = ((1 << self._net.size) - 1) & ~mask
        grown = True
        while grown:
            before = safe
            for node in bits(safe):
                if not all(_some(reacts.source, safe) for reacts in self._net.reacts[node]):
                    safe &= ~(1 << node)
            grown = safe != before
        return safe


def _some(source: Source, safe: int) -> bool:
    """Tell whether a source has an outcome of safe nodes alone."""
    return any(not mask & ~safe for mask in source.least)
