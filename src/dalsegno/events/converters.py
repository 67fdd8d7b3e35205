"""``@upcast`` and ``@downcast``: plain functions from one version of an event to another."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

from dalsegno.errors import DefinitionError
from dalsegno.events.annotations import Annotations, event_in
from dalsegno.events.places import in_sight, place_of
from dalsegno.events.types import EventType

A = TypeVar("A")
B = TypeVar("B")

Direction: TypeAlias = Literal["upcast", "downcast"]


class Converter(Generic[A, B]):
    """A function from one version of an event to another. Called, it is the plain function."""

    def __init__(self, function: Callable[[A], B], direction: Direction, sight: Mapping[str, Any]) -> None:
        self.place = place_of(function)
        if not inspect.isfunction(function) or len(inspect.signature(function).parameters) != 1:
            raise DefinitionError(
                f"@{direction} is above {self.place}, which is no function of one parameter.",
                "It makes an event of one version from one of another.",
                f"Write @{direction} above def name(old: A) -> B.",
            )
        self.function: Callable[[A], B] = function
        self.direction = direction
        self._annotations = Annotations(function, sight)
        functools.update_wrapper(cast("Callable[..., Any]", self), function)
        if self._annotations.known:
            self.check()

    def __call__(self, old: A, /) -> B:
        """Convert, as the plain function does."""
        return self.function(old)

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        return f"@{self.direction} {self.function.__qualname__} ({self.place})"

    @functools.cached_property
    def ends(self) -> tuple[EventType[A], EventType[B]]:
        """From which version, and to which. Raises DefinitionError."""
        hints = self._annotations.read(self.what)
        (parameter,) = inspect.signature(self.function).parameters
        if parameter not in hints or "return" not in hints:
            raise DefinitionError(
                f"{self.what} says not what it makes of what.",
                "",
                f"Annotate both: def {self.function.__name__}({parameter}: A) -> B.",
            )
        return (
            event_in(hints[parameter], f"The parameter of {self.what}"),
            event_in(hints["return"], f"The return annotation of {self.what}"),
        )

    def check(self) -> None:
        """See that it leads from one version of an event to a higher, or lower, one. Raises DefinitionError."""
        old, new = self.ends
        if old.name != new.name:
            raise DefinitionError(
                f"{self.what} makes {new.name} of {old.name}.",
                "It must lead from one version of an event to another of the same.",
                "Mend its annotations, or the names of the events.",
            )
        if old.version == new.version or (old.version < new.version) != (self.direction == "upcast"):
            raise DefinitionError(
                f"{self.what} leads from version {old.version} of {old.name} to version {new.version}.",
                "@upcast leads to a higher version, @downcast to a lower one.",
                "Swap the decorator, or mend the annotations.",
            )

    def __repr__(self) -> str:
        return f"<{self.what}>"


def upcast(function: Callable[[A], B], /) -> Converter[A, B]:
    """Declare how an event of an older version becomes one of a newer: ``def f(old: V1) -> V2``.

    Both classes have the same event name. Called, it is the plain function. Raises DefinitionError.
    """
    return Converter(function, "upcast", in_sight(1))


def downcast(function: Callable[[A], B], /) -> Converter[A, B]:
    """Declare how an event of a newer version becomes one of an older, for handlers that still read that.

    Both classes have the same event name. Called, it is the plain function. Raises DefinitionError.
    """
    return Converter(function, "downcast", in_sight(1))
