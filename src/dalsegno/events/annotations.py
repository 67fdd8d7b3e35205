"""Annotations as people write them, resolved as soon as what they name is there.

Under ``from __future__ import annotations`` an annotation is text, and may name a class that comes
further down. What can be resolved where a decorator stands is checked there; the rest when the App
starts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from dalsegno.errors import DefinitionError
from dalsegno.events.types import EventType, event_type


class Annotations:
    """The annotations of one function, and the names that were in sight where it was decorated."""

    def __init__(self, function: Callable[..., Any], sight: Mapping[str, Any]) -> None:
        self._function = function
        self._sight = sight
        self._hints: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._resolve()

    @property
    def known(self) -> bool:
        """Whether they can be read by now."""
        return self._hints is not None or self._resolve()

    def read(self, what: str) -> dict[str, Any]:
        """Give them by parameter name, and "return". Raises DefinitionError, naming ``what`` they are of."""
        if not self.known:
            raise DefinitionError(
                f"The annotations of {what} cannot be read: {self._error}.",
                "They say which events it takes and what follows, so they must name what is there.",
                "Import or define the classes in the module of the function, and not for type checkers alone.",
            ) from self._error
        assert self._hints is not None
        return self._hints

    def _resolve(self) -> bool:
        try:
            self._hints = get_type_hints(self._function, localns=dict(self._sight), include_extras=False)
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            self._error = error
            return False
        self._sight = {}
        return True


def members(hint: Any) -> list[Any]:
    """List what a union may be, ``None`` as NoneType; anything else is its own only member."""
    hint = bare(hint)
    if get_origin(hint) not in (Union, UnionType):
        return [NoneType if hint is None else hint]
    return [each for part in get_args(hint) for each in members(part)]


def bare(hint: Any) -> Any:
    """Look through ``Annotated[…]`` and ``type X = …``, however nested."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif hasattr(hint, "__value__"):
            hint = hint.__value__
        else:
            return hint


def events_in(hint: Any, what: str) -> tuple[EventType[Any], ...]:
    """Read a class or a union of classes as event types. Raises DefinitionError, naming ``what`` says it."""
    return tuple(event_in(member, what) for member in members(hint))


def event_in(hint: Any, what: str) -> EventType[Any]:
    """Read a class as an event type. Raises DefinitionError, naming ``what`` says it."""
    if not isinstance(hint, type) or get_args(hint):
        raise DefinitionError(
            f"{what} names {shown(hint)}, which is no class of events.",
            "",
            "Write a class with @event above it, or several: A | B.",
        )
    try:
        return event_type(hint)
    except DefinitionError as error:
        raise DefinitionError(f"{what}: {error.what}", error.meaning, error.mend) from None


def shown(hint: Any) -> str:
    """Show an annotation as it is written."""
    if hint is NoneType or hint is None:
        return "None"
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(shown(part) for part in get_args(hint))
    if inspect.isclass(hint) and not get_args(hint):
        return hint.__qualname__
    origin, args = get_origin(hint), get_args(hint)
    if inspect.isclass(origin):
        return f"{origin.__name__}[{', '.join('...' if part is Ellipsis else shown(part) for part in args)}]"
    return str(hint).replace("typing.", "")
