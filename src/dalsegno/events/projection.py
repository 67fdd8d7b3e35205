"""Read models, declared: rows by key, each a state that is folded from events of the log."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar, overload
from uuid import UUID

from dalsegno.core.codec import Shape, shape_of
from dalsegno.core.event import Event
from dalsegno.core.ids import check_id
from dalsegno.errors import DefinitionError, InvalidInput
from dalsegno.events.annotations import Annotations, events_in
from dalsegno.events.options import named, refused, whole
from dalsegno.events.places import caller_place, in_sight, place_of
from dalsegno.events.registry import Types
from dalsegno.events.types import EventType, Key, fields_of

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])

_EXAMPLE = "def placed(event: OrderPlaced, state: OrderStatus | None) -> OrderStatus: ..."


class Fold:
    """One function of a projection: which events it takes, to which row they belong, and what they make of it."""

    def __init__(self, projection: str, function: Any, key: Key, sight: Mapping[str, Any]) -> None:
        self.place = place_of(function)
        self.what = (
            f"fold {getattr(function, '__qualname__', function)!s} of projection {projection} ({self.place})"
        )
        if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
            raise DefinitionError(
                f"{self.what} is no plain function.",
                "A fold makes a new state of an event and the old state, and does nothing else.",
                f"Write {_EXAMPLE}",
            )
        self.function = function
        self.key = key
        self._parameters = list(inspect.signature(function).parameters)
        self._annotations = Annotations(function, sight)
        self._takes: tuple[EventType[Any], ...] | None = None
        if self._annotations.known:
            self.check()

    @property
    def takes(self) -> tuple[EventType[Any], ...]:
        """The event types that it takes. Raises DefinitionError."""
        self.check()
        assert self._takes is not None
        return self._takes

    def check(self) -> None:
        """Read what it declares. Raises DefinitionError."""
        if self._takes is not None:
            return
        hints = self._annotations.read(self.what)
        if len(self._parameters) != 2 or self._parameters[0] not in hints:
            raise DefinitionError(
                f"{self.what} does not say what it folds.",
                "It takes an event, whose annotation names the classes, and the state of its row, or None.",
                f"Write {_EXAMPLE}",
            )
        takes = events_in(hints[self._parameters[0]], f"The first parameter of {self.what}")
        for kind in takes:
            self._check_key(kind)
        self._takes = takes

    def row_of(self, event: Event, value: Any) -> str | None:
        """Tell to which row an event belongs; None leaves it out. Raises InvalidInput for what is no key."""
        if self.key is None:
            return event.key
        found = getattr(value, self.key) if isinstance(self.key, str) else self.key(value)
        found = found.value if isinstance(found, Enum) else found
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, str | int | UUID):
            raise InvalidInput(
                f"The key of a row of {self.what} is of type {type(found).__qualname__}.",
                "Rows are found by text, so one value must have one spelling.",
                "Name another field, or give key= a function that makes text of it.",
                value=found,
            )
        return check_id(str(found), f"key of a row of {self.what}")

    def wanted(self, name: str, version: int) -> EventType[Any] | None:
        """Return the class as which it takes an event: its own version, else the highest; None for another type."""
        mine = [kind for kind in self.takes if kind.name == name]
        exact = [kind for kind in mine if kind.version == version]
        return exact[0] if exact else max(mine, key=lambda kind: kind.version, default=None)

    def _check_key(self, kind: EventType[Any]) -> None:
        names = fields_of(kind.cls) or []
        if self.key is None and kind.key is None:
            raise DefinitionError(
                f"{self.what} takes {kind.title}, which has no key.",
                "A row is known by a key: that of the event, unless key= names another.",
                f'Write @event(…, key="…") above {kind.cls.__qualname__}, or on(key="…").',
            )
        if (
            isinstance(self.key, str)
            and self.key not in names
            and not isinstance(getattr(kind.cls, self.key, None), property)
        ):
            raise DefinitionError(
                f"key={self.key!r} of {self.what} names no field of {kind.cls.__qualname__}.",
                f"Its fields are: {', '.join(names) or 'none'}.",
                "Name one of them, or give a function from the event to the key.",
            )


class Projection(Generic[S]):
    """A read model: rows by key, each a ``state`` that is folded from events of the log, in its order.

    ``key`` says to which row an event belongs, a field's name or a function of the event; without it that
    is the event's own key. A worker that has the code keeps it up to date. Raise ``version`` when folds
    change what they do: a new generation is built from the whole log while the old one serves, and is
    served once it has caught up. Raises DefinitionError.
    """

    def __init__(self, name: str, *, state: type[S], key: Key = None, version: int = 1) -> None:
        self.name = named(name, "name of a projection", without=".#")
        self.place = caller_place(1)
        self.version = whole(version, f"version= of {self.what}")
        if not isinstance(state, type):
            raise refused("state", state, self.what, "a class")
        if key is not None and not isinstance(key, str) and not callable(key):
            raise refused("key", key, self.what, "the name of a field, or a function of the event")
        self.state = state
        self.key = key
        self.shape: Shape[S] = shape_of(state)
        self.folds: list[Fold] = []

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        return f"projection {self.name} ({self.place})"

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All event types that it folds."""
        return tuple(dict.fromkeys(kind for fold in self.folds for kind in fold.takes))

    @overload
    def on(self, fold: F, /) -> F: ...
    @overload
    def on(self, fold: None = None, /, *, key: Key = None) -> Callable[[F], F]: ...
    def on(self, fold: Any = None, /, *, key: Key = None) -> Any:
        """Declare a fold: ``def placed(event: OrderPlaced, state: OrderStatus | None) -> OrderStatus``.

        The annotation of its first parameter says which events it takes, ``A`` or ``A | B``; the second is
        the state of the row, None where there is none. What it returns is the new state, None removes the
        row. It does nothing else, since it is called again whenever the read model is rebuilt. ``key`` is
        another one than the projection's. The function is returned as it came. Raises DefinitionError.
        """
        sight = in_sight(1)
        if fold is not None:
            self._add(fold, key, sight)
            return fold

        def decorate(function: F) -> F:
            self._add(function, key, sight)
            return function

        return decorate

    def check(self) -> None:
        """Read what all its folds declare. Raises DefinitionError."""
        for fold in self.folds:
            fold.check()
        if not self.folds:
            raise DefinitionError(
                f"{self.what} folds nothing.", "", f"Write @{self.name}.on above {_EXAMPLE}"
            )

    def declaration(self) -> dict[str, Any]:
        """Say it as plain data, for the store and for other programs."""
        return {
            "projection": self.name,
            "version": self.version,
            "state": self.state.__qualname__,
            "takes": sorted({kind.name for kind in self.types}),
        }

    def _add(self, function: Any, key: Key, sight: Mapping[str, Any]) -> None:
        self.folds.append(Fold(self.name, function, self.key if key is None else key, sight))

    def __repr__(self) -> str:
        return f"<{self.what}>"


class Folding(Generic[S]):
    """How a projection's folds are applied to events of the log; the same for a worker and for ``as_of``."""

    def __init__(self, projection: Projection[S], types: Types, namespace: str) -> None:
        self._projection = projection
        self._types = types
        self._namespace = namespace
        self._by_type: dict[str, list[Fold]] = {}
        for fold in projection.folds:
            for name in {kind.name for kind in fold.takes}:
                self._by_type.setdefault(name, []).append(fold)

    def calls(self, event: Event) -> list[tuple[str, Callable[[S | None], S | None]]]:
        """Say which rows an event changes, and how. Raises NotDecodable, NoConverter, InvalidInput."""
        folds = self._by_type.get(event.type)
        if folds is None or event.namespace != self._namespace:
            return []
        if event.extra is not None and event.only not in (None, self._projection.name):
            return []
        found: list[tuple[str, Callable[[S | None], S | None]]] = []
        for fold in folds:
            wanted = fold.wanted(event.type, event.version)
            assert wanted is not None
            value = self._types.convert(event.type, bytes(event.data or b"null"), event.version, wanted)
            row = fold.row_of(event, value)
            if row is not None:
                found.append((row, _bound(fold, value)))
        return found

    def read(self, data: bytes) -> S:
        """Read a row. Raises NotDecodable."""
        return self._projection.shape.decode(data, f"row of projection {self._projection.name}")

    def write(self, key: str, state: S) -> bytes:
        """Write a row. Raises NotEncodable."""
        return self._projection.shape.encode(state, f"row {key} of projection {self._projection.name}")


def _bound(fold: Fold, value: Any) -> Callable[[Any], Any]:
    return lambda state: fold.function(value, state)
