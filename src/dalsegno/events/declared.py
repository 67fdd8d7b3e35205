"""What follows an event, as its handler's return annotation declares it: a small closed set of values.

==================  =========  ====================================
``-> None``         Nothing    nothing follows
``-> A | B``        OneOf      exactly one of them
``-> tuple[A, B]``  AllOf      each of them
``-> A | None``     Maybe      it, or nothing
``-> list[A]``      Many       any number of them
==================  =========  ====================================
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Any, TypeAlias, get_args, get_origin

import msgspec

from dalsegno.core.paths import sentence
from dalsegno.errors import DefinitionError, UndeclaredEvent
from dalsegno.events.annotations import event_in, members, shown
from dalsegno.events.types import EventType

_FORMS = "Write -> A | B (exactly one), tuple[A, B] (both), A | None (maybe), list[A] (any number), or None."


class Nothing(msgspec.Struct, frozen=True):
    """Nothing follows."""

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All that may follow."""
        return ()

    def __str__(self) -> str:
        return "None"


class OneOf(msgspec.Struct, frozen=True):
    """Exactly one of these follows; most often there is but one."""

    types: tuple[EventType[Any], ...]

    def __str__(self) -> str:
        return " | ".join(kind.name for kind in self.types)


class Many(msgspec.Struct, frozen=True):
    """Any number of these follow, also none."""

    of: OneOf

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All that may follow."""
        return self.of.types

    def __str__(self) -> str:
        return f"list[{self.of}]"


class AllOf(msgspec.Struct, frozen=True):
    """Each part follows, in this order."""

    parts: tuple[OneOf | Maybe | Many, ...]

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All that may follow."""
        return tuple(dict.fromkeys(kind for part in self.parts for kind in part.types))

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.parts))}]"


class Maybe(msgspec.Struct, frozen=True):
    """Either this follows, or nothing."""

    of: OneOf | AllOf | Many

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All that may follow."""
        return self.of.types

    def __str__(self) -> str:
        return f"{self.of} | None"


Declared: TypeAlias = Nothing | OneOf | AllOf | Maybe | Many


def read_declared(hint: Any, what: str) -> Declared:
    """Read a return annotation. Raises DefinitionError, naming ``what`` it is the annotation of."""
    possible = [each for each in members(hint) if each is not NoneType]
    maybe = len(possible) < len(members(hint))
    if not possible:
        return Nothing()
    if all(isinstance(each, type) and not get_args(each) for each in possible):
        one = OneOf(tuple(dict.fromkeys(event_in(each, _says(what)) for each in possible)))
        return Maybe(one) if maybe else one
    if len(possible) > 1:
        raise _unreadable(hint, what)
    several = _several(possible[0], what)
    return Maybe(several) if maybe else several


def _several(hint: Any, what: str) -> AllOf | Many:
    origin, args = get_origin(hint), get_args(hint)
    if origin is list or (origin is tuple and len(args) == 2 and args[1] is Ellipsis):
        one = read_declared(args[0], what)
        if isinstance(one, OneOf):
            return Many(one)
    elif origin is tuple and len(args) > 1:
        return AllOf(tuple(_part(each, what) for each in args))
    raise _unreadable(hint, what)


def _part(hint: Any, what: str) -> OneOf | Maybe | Many:
    part = read_declared(hint, what)
    if isinstance(part, Nothing | AllOf) or (isinstance(part, Maybe) and not isinstance(part.of, OneOf)):
        raise _unreadable(hint, what)
    return part


def plainly(declared: Declared) -> dict[str, Any]:
    """Say a declaration as plain data: ``{"one_of": [["Paid", 1], ["Declined", 1]]}``."""
    match declared:
        case Nothing():
            return {"nothing": True}
        case OneOf(types):
            return {"one_of": [kind.named for kind in types]}
        case AllOf(parts):
            return {"all_of": [plainly(part) for part in parts]}
        case Maybe(of):
            return {"maybe": plainly(of)}
        case Many(of):
            return {"many": plainly(of)}


def following(declared: Declared, value: Any, what: str) -> list[tuple[EventType[Any], Any]]:
    """List the events in what a handler returned, in order. Raises UndeclaredEvent for anything else."""
    return list(_following(declared, value, declared, what))


def _following(
    part: Declared, value: Any, whole: Declared, what: str
) -> Iterator[tuple[EventType[Any], Any]]:
    match part:
        case Nothing() if value is None:
            return
        case Maybe() if value is None:
            return
        case Maybe(of):
            yield from _following(of, value, whole, what)
        case OneOf(types) if (found := _type_among(types, value)) is not None:
            yield found, value
        case AllOf(parts) if isinstance(value, tuple) and len(value) == len(parts):
            for each, item in zip(parts, value, strict=True):
                yield from _following(each, item, whole, what)
        case Many(of) if isinstance(value, list | tuple):
            for item in value:
                yield from _following(of, item, whole, what)
        case _:
            raise UndeclaredEvent(
                f"{sentence(what)} returned {_brief(value)}, and declares -> {whole}.",
                "What a handler declares is what others are built upon, so nothing of it was written.",
                "Return what the annotation says, or mend the annotation.",
            )


def _type_among(types: tuple[EventType[Any], ...], value: Any) -> EventType[Any] | None:
    return next((each for each in types if each.cls is type(value)), None)


def _says(what: str) -> str:
    return f"The return annotation of {what}"


def _brief(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f"an instance of {type(value).__name__}"


def _unreadable(hint: Any, what: str) -> DefinitionError:
    return DefinitionError(
        f"{_says(what)} is {shown(hint)}, which declares no events.",
        "The return annotation says what follows an event.",
        _FORMS,
    )
