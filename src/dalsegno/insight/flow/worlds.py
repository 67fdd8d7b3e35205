"""What may still come: the worlds that a case may go on to, looked through as far as its gates need.

A **world**: each thing that is open ends with one of its outcomes; each event that comes of it is reacted
to by all who take it, with one of their outcomes, and so on. A type that comes several times is reacted to
several times: then any of these outcomes may follow, as often as needed. So loops end, and what may
repeat itself is never thought impossible. A join opens when an event of each part is there; an event to come
is taken to have the key of the round that lacks it.

More events never keep others from coming. So what may come by no join is a matter of reaching it; and
worlds are looked through only for the gates, each by itself, only along what leads to its parts, and only by the
largest outcomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dalsegno.insight.flow.net import Gate, Net, Out, Reacts, Source, bits, union

MOST_WORLDS = 500
"""Choices that are gone through for one gate; then it counts as one that may open."""

MOST_TOGETHER = 2_000
"""Choices that are gone through for all gates of one case."""


class Possible(NamedTuple):
    """What may come, which gates may open, and whether every world that matters was looked through."""

    mask: int
    open: frozenset[int]
    exact: bool


def possible(net: Net, sources: Iterable[Source], gates: Sequence[Gate]) -> Possible:
    """Find what may come of these sources, in some world."""
    sources = list(sources)
    base = net.spread(union(source.all for source in sources))
    hoped = _hoped(net, base, gates)
    opened: set[int] = set()
    exact, left = True, MOST_TOGETHER
    for goal in sorted(hoped):
        if goal not in opened:
            search = _Search(net, gates, hoped, goal)
            search.left = allowed = min(left, MOST_WORLDS)
            search.begin(sources)
            left -= allowed - search.left
            opened |= search.found
            if goal not in opened and search.left <= 0:
                opened.add(goal)
                exact = False
    mask = base | net.spread(union(gates[each].source.all for each in opened))
    return Possible(mask, frozenset(opened), exact)


def _hoped(net: Net, mask: int, gates: Sequence[Gate]) -> set[int]:
    """Find the gates that may open where nothing excludes anything else."""
    opened: set[int] = set()
    grown = True
    while grown:
        grown = False
        for place, gate in enumerate(gates):
            if place not in opened and _can_open(gate, mask):
                opened.add(place)
                mask |= net.spread(gate.source.all)
                grown = True
    return opened


def _can_open(gate: Gate, mask: int) -> bool:
    return any(all(mask & gate.parts[part] for part in way) for way in gate.ways)


class _World:
    """What has come so far in one world: ``once`` at all, ``often`` several times; what was reacted to it."""

    __slots__ = ("often", "once", "opened", "reacted")

    def __init__(self) -> None:
        self.once = self.often = 0
        self.reacted: dict[tuple[int, int], int] = {}  # by node and place there: 1 once, 2 often
        self.opened: dict[int, int] = {}

    def copy(self) -> _World:
        other = _World()
        other.once, other.often = self.once, self.often
        other.reacted, other.opened = dict(self.reacted), dict(self.opened)
        return other

    def emit(self, out: Out) -> None:
        self.often |= (self.once & out.mask) | out.often
        self.once |= out.mask

    def emit_often(self, mask: int) -> None:
        self.often |= mask
        self.once |= mask

    def times(self, gate: Gate) -> int:
        """Say how often a gate opens: 0, 1, or 2 for several times."""
        counts = [self._count(part) for part in gate.parts]
        ways = [way for way in gate.ways if all(counts[part] for part in way)]
        if not ways:
            return 0
        for place, way in enumerate(ways):
            again = ways[place + 1 :] + ([way] if gate.fresh and len(way) == len(gate.parts) else [])
            for other in again:
                if all(counts[part] >= 2 for part in set(way) & set(other)):
                    return 2
        return 1

    def _count(self, part: int) -> int:
        if self.often & part:
            return 2
        return min((self.once & part).bit_count(), 2)


class _Choice(NamedTuple):
    """Something that has several outcomes in a world that has not chosen yet."""

    outs: tuple[Out, ...]
    reacted: tuple[int, int] | None = None
    opened: int | None = None


class _Search:
    """Looks through worlds until a gate was seen open: its goal."""

    def __init__(self, net: Net, gates: Sequence[Gate], hoped: set[int], goal: int) -> None:
        self._net = net
        self._gates = gates
        self._goal = goal
        self._matters = union(gates[goal].parts)  # the nodes that lead to the goal
        self._ways = {goal}  # the gates on the way there
        self._widen(hoped)
        self._outs: dict[Source, tuple[Out, ...]] = {}
        self.found: set[int] = set()
        self.left = MOST_WORLDS

    def _widen(self, hoped: set[int]) -> None:
        size = -1
        while self._matters != size:
            size = self._matters
            for each in hoped - self._ways:
                if self._net.spread(self._gates[each].source.all) & self._matters:
                    self._ways.add(each)
                    self._matters |= union(self._gates[each].parts)
            self._matters |= union(
                1 << node for node, reach in enumerate(self._net.reach) if reach & self._matters
            )

    def begin(self, sources: list[Source]) -> None:
        """Look through the worlds that begin with what is open."""
        world = _World()
        choices: list[_Choice] = []
        for source, many in Counter(sources).items():
            outs = self._largest(source)
            if len(outs) == 1:
                for _ in range(min(many, 2)):
                    world.emit(outs[0])
            elif many >= 2 * len(outs):  # enough of them for everything to come several times
                world.emit_often(source.all & self._matters)
            else:
                choices += [_Choice(outs)] * many
        self._go_on(world, choices)

    def _go_on(self, world: _World, choices: list[_Choice]) -> None:
        """Follow a world until it has to choose, and go each way from there."""
        self._follow(world, choices)
        self.found |= world.opened.keys()
        if self.left <= 0 or self._goal in self.found or not self._promises(world, choices):
            return
        self.left -= 1
        choice, rest = choices[0], choices[1:]
        for out in choice.outs:
            other = world.copy()
            other.emit(out)
            self._go_on(other, list(rest))

    def _promises(self, world: _World, choices: list[_Choice]) -> bool:
        """Tell whether the goal may open in what this world may become."""
        if not choices:
            return False
        mask = self._net.spread(world.once | union(out.mask for choice in choices for out in choice.outs))
        return self._goal in _hoped(self._net, mask, self._gates)

    # -- one world, as far as it goes without a choice

    def _follow(self, world: _World, choices: list[_Choice]) -> None:
        before = (-1, -1)
        while before != (world.once, world.often):
            before = (world.once, world.often)
            for node in bits(world.once & self._matters):
                for place, reacts in enumerate(self._net.reacts[node]):
                    self._react(world, choices, reacts, (node, place))
            for each in self._ways:
                self._open(world, choices, each)

    def _react(self, world: _World, choices: list[_Choice], reacts: Reacts, which: tuple[int, int]) -> None:
        done = world.reacted.get(which, 0)
        if done < 2 and world.often >> reacts.node & 1:
            world.reacted[which] = 2
            world.emit_often(reacts.source.all & self._matters)
            choices[:] = [choice for choice in choices if choice.reacted != which]
        elif not done:
            self._emit(world, choices, _Choice(self._largest(reacts.source), reacted=which))
            world.reacted[which] = 1

    def _open(self, world: _World, choices: list[_Choice], each: int) -> None:
        gate, done = self._gates[each], world.opened.get(each, 0)
        times = world.times(gate) if done < 2 else done
        if times == 2 and done < 2:
            world.opened[each] = 2
            world.emit_often(gate.source.all & self._matters)
            choices[:] = [choice for choice in choices if choice.opened != each]
        elif times and not done:
            world.opened[each] = 1
            self._emit(world, choices, _Choice(self._largest(gate.source), opened=each))

    def _emit(self, world: _World, choices: list[_Choice], choice: _Choice) -> None:
        if len(choice.outs) == 1:
            world.emit(choice.outs[0])
        else:
            choices.append(choice)

    def _largest(self, source: Source) -> tuple[Out, ...]:
        """Return the outcomes of a source that matter: none that is part of another."""
        known = self._outs.get(source)
        if known is None:
            outs = {Out(out.mask & self._matters, out.often & self._matters) for out in source.most}
            known = tuple(sorted(one for one in outs if not any(_within(one, other) for other in outs)))
            self._outs[source] = known
        return known


def _within(one: Out, other: Out) -> bool:
    """Tell whether an outcome is part of another one."""
    return one != other and not one.mask & ~other.mask and not one.often & ~other.often
