"""What may follow one reaction: the outcomes of a declaration, as far as they tell worlds apart.

More events never keep another event from coming. So what is possible is found among the largest
outcomes, and what is certain among the smallest; those between need not be looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

MOST_ALTERNATIVES = 1024
"""A declaration with more alternatives is taken to allow anything: all of its events, or none."""


class Outcome(NamedTuple):
    """The types of the events that one reaction emits; ``often`` are those that may come several times."""

    types: frozenset[str]
    often: frozenset[str] = frozenset()


NOTHING = Outcome(frozenset())


class Outcomes(NamedTuple):
    """The largest and the smallest outcomes of a reaction."""

    most: tuple[Outcome, ...] = (NOTHING,)
    least: tuple[Outcome, ...] = (NOTHING,)

    @property
    def types(self) -> frozenset[str]:
        """All that may follow."""
        return frozenset().union(*(each.types for each in self.most))

    def besides(self, extras: Iterable[str]) -> Outcomes:
        """Add events that may come besides, each or not."""
        more = Outcome(frozenset(extras))
        return Outcomes(tuple(_sum((each, more)) for each in self.most), self.least)

    def or_nothing(self) -> Outcomes:
        """Say that it may also be that nothing follows."""
        return Outcomes(self.most, (NOTHING,))


def read_outcomes(declared: Mapping[str, Any]) -> Outcomes:
    """Read what follows, as a handler's declaration says it: ``{"one_of": [["Paid", 1], ["Declined", 1]]}``."""
    if "one_of" in declared:
        each = tuple(Outcome(frozenset({name})) for name in _names(declared["one_of"]))
        return Outcomes(each, each)
    if "maybe" in declared:
        return read_outcomes(declared["maybe"]).or_nothing()
    if "many" in declared:
        names = frozenset(_names(declared["many"]))
        return Outcomes((Outcome(names, names),))
    if "all_of" in declared:
        return _product([read_outcomes(part) for part in declared["all_of"]])
    return Outcomes()


def shown(declared: Mapping[str, Any]) -> str:
    """Say what follows as its annotation does: ``Paid | Declined``, ``tuple[A, B]``, ``A | None``, ``list[A]``."""
    if "one_of" in declared:
        return " | ".join(_names(declared["one_of"]))
    if "maybe" in declared:
        return f"{shown(declared['maybe'])} | None"
    if "many" in declared:
        return f"list[{' | '.join(_names(declared['many']))}]"
    if "all_of" in declared:
        return f"tuple[{', '.join(shown(part) for part in declared['all_of'])}]"
    return "None"


def subsets(names: Iterable[str]) -> Outcomes:
    """Say that any of these may follow, in any company, or none."""
    return Outcomes().besides(names)


def _names(types: Iterable[tuple[str, int]] | Mapping[str, Any]) -> list[str]:
    """List the names of ``[name, version]`` pairs; several versions of an event are one."""
    pairs = types["one_of"] if isinstance(types, Mapping) else types
    return list(dict.fromkeys(name for name, _ in pairs))


def _product(parts: list[Outcomes]) -> Outcomes:
    everything = _sum(each for part in parts for each in part.most)
    return Outcomes(
        _together([part.most for part in parts], everything),
        _together([part.least for part in parts], NOTHING),
    )


def _together(parts: list[tuple[Outcome, ...]], beyond: Outcome) -> tuple[Outcome, ...]:
    """Put one of each part together, in each way; ``beyond`` stands for too many ways."""
    made = tuple(itertools.islice(itertools.product(*parts), MOST_ALTERNATIVES + 1))
    if len(made) > MOST_ALTERNATIVES:
        return (beyond,)
    return tuple(dict.fromkeys(_sum(each) for each in made))


def _sum(parts: Iterable[Outcome]) -> Outcome:
    """Add outcomes up; a type that two of them have comes several times."""
    types: frozenset[str] = frozenset()
    often: frozenset[str] = frozenset()
    for each in parts:
        often |= each.often | (types & each.types)
        types |= each.types
    return Outcome(types, often)
