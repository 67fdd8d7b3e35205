"""``all_of(A, B) | C``: the ways in which something is complete, each a set of classes of events."""

from __future__ import annotations

from typing import Any

from dalsegno.errors import DefinitionError
from dalsegno.events.annotations import events_in
from dalsegno.events.types import EventType

_EXAMPLE = "For example: all_of(Billed, Notified), or all_of(Billed, Notified) | Rejected."


class Ways:
    """Sets of event types; complete as soon as every type of one set was there. Made by ``all_of``."""

    __slots__ = ("sets",)

    def __init__(self, sets: tuple[tuple[EventType[Any], ...], ...]) -> None:
        self.sets = sets

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All types that any way asks for."""
        return tuple(dict.fromkeys(kind for each in self.sets for kind in each))

    def __or__(self, other: Any) -> Ways:
        return Ways(_without_doubles((*self.sets, *ways_of(other, "|").sets)))

    def __ror__(self, other: Any) -> Ways:
        return Ways(_without_doubles((*ways_of(other, "|").sets, *self.sets)))

    def __str__(self) -> str:
        return " | ".join(
            each[0].name if len(each) == 1 else f"all_of({', '.join(kind.name for kind in each)})"
            for each in self.sets
        )

    def __repr__(self) -> str:
        return f"<ways {self}>"


def all_of(*classes: type[Any]) -> Ways:
    """Ask for an event of each of these classes. Raises DefinitionError."""
    types = tuple(kind for each in classes for kind in events_in(each, "all_of(…)"))
    if len(types) > len(classes):
        raise DefinitionError("all_of(…) takes classes, and no unions of them.", "", _EXAMPLE)
    if len(types) < 2 or len({each.name for each in types}) < len(types):
        raise DefinitionError(
            f"all_of({', '.join(kind.name for kind in types)}) does not name several different events.",
            "It joins one event of each.",
            _EXAMPLE,
        )
    return Ways((types,))


def ways_of(thing: Any, what: str) -> Ways:
    """Read a class, a union of classes or what ``all_of`` made. Raises DefinitionError, naming ``what``."""
    if isinstance(thing, Ways):
        return thing
    return Ways(tuple((kind,) for kind in events_in(thing, what)))


def _without_doubles(sets: tuple[tuple[EventType[Any], ...], ...]) -> tuple[tuple[EventType[Any], ...], ...]:
    return tuple({frozenset(each): each for each in sets}.values())
