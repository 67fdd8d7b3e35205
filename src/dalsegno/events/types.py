"""Classes of events: ``@event`` makes a plain class one, and ``event_type`` finds what it declared.

The class itself stays what it was, to its author and to type checkers. What the decorator was told
hangs on the class, so nothing here is process-wide; which event types belong together is known by
the ``Types`` of one App (see ``registry``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from enum import Enum
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
    overload,
    runtime_checkable,
)
from uuid import UUID

from dalsegno.core.codec import Shape, shape_of
from dalsegno.core.commit import Subscription
from dalsegno.core.event import Heard, event_signal, hear
from dalsegno.core.execution import Execution
from dalsegno.core.ids import check_id
from dalsegno.errors import DefinitionError, InvalidId, InvalidInput
from dalsegno.events.places import caller_place

E = TypeVar("E")

Key: TypeAlias = str | Callable[[Any], Any] | None
"""What orders and joins events of a type: the name of a field, or a function of the event."""

Compatibility: TypeAlias = Literal[
    "none",
    "backward",
    "backward transitive",
    "forward",
    "forward transitive",
    "full",
    "full transitive",
]
"""Which way the versions of an event must be compatible; see ``schemas.Mode``."""

_MARK = "__dalsegno_event__"
_DECORATED = ("__dataclass_fields__", "__attrs_attrs__")  # what a decorator leaves, and a subclass inherits
_EXAMPLE = '@event("OrderPlaced", version=1, key="order_id") above @dataclass above the class.'


class Meant(NamedTuple):
    """What is meant to be with an event, for ``dalsegno contracts check``; nothing else asks for it.

    It comes from ``outside`` the program, ``nobody`` in it handles it, it tells of a ``failure`` that is
    to be undone.
    """

    outside: bool = False
    nobody: bool = False
    failure: bool = False


class EventType(Generic[E]):
    """What ``@event`` says of a class: its name, its version, its key, and how it is written and read."""

    def __init__(
        self,
        cls: type[E],
        name: str,
        version: int,
        key: Key,
        place: str,
        meant: Meant,
        compatibility: Compatibility | None = None,
    ) -> None:
        self.cls = cls
        self.name = name
        self.version = version
        self.key = key
        self.place = place
        self.meant = meant
        self.compatibility = compatibility
        self.cancels = False  # its case: a process says so

    @property
    def title(self) -> str:
        """Name and version, for people: ``OrderPlaced (version 2)``."""
        return f"{self.name} (version {self.version})"

    @property
    def named(self) -> tuple[str, int]:
        """Name and version: what tells it from all others of an App."""
        return self.name, self.version

    @functools.cached_property
    def shape(self) -> Shape[E]:
        """How its events are written and read. Raises DefinitionError where a field cannot be."""
        try:
            return shape_of(self.cls)
        except DefinitionError as error:
            raise DefinitionError(
                f"Event {self.title} ({self.place}): {error.what}", error.meaning, error.mend, type=self.name
            ) from error

    @functools.cached_property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema, made once; to be read, not changed."""
        from dalsegno.events.schema import schema_of

        return schema_of(self)

    def key_of(self, event: E) -> str | None:
        """Tell an event's key as text: None if its type has none, or this event.

        Raises InvalidInput for a key that is no text, whole number, UUID or enum of these.
        """
        if self.key is None:
            return None
        value = getattr(event, self.key) if isinstance(self.key, str) else self.key(event)
        if isinstance(value, Enum):
            value = value.value
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | UUID):
            raise InvalidInput(
                f"The key of event {self.title} is of type {type(value).__qualname__}.",
                "A key is compared as text, so one value must have one spelling: "
                "text, a whole number, or a UUID.",
                "Name another field, or give key= a function that makes text of it.",
                value=value,
            )
        return check_id(str(value), f"key of event {self.title}")

    # -- received by a run

    @property
    def signal(self) -> str:
        """The name under which it comes to a run that waits for it."""
        return event_signal(self.name)

    def read(self, data: bytes, versions: object) -> E:
        """Read what a run was told of it, by the converters of its App. Raises NotDecodable, NoConverter."""
        told = hear(data)
        if told.version in (0, self.version) or not isinstance(versions, Versions):
            return self.decode(bytes(told.data))
        return versions.received(told, self)

    def subscription(self, execution: Execution, key: str | None) -> Subscription:
        """Say which of its events a run waits for: those of the run's case, or with a key."""
        if key is not None:
            return Subscription(self.name, key, by_key=True)
        return Subscription(self.name, execution.case_id or execution.run_id)

    # -- written and read

    def encode(self, event: E) -> bytes:
        """Write an event's data. Raises NotEncodable, and InvalidInput for an event of another class."""
        if type(event) is not self.cls:
            raise InvalidInput(
                f"{type(event).__qualname__} is not {self.cls.__qualname__}, the class of event {self.title}.",
                "An event is written by the class that declares it.",
                "Emit an instance of that very class.",
            )
        return self.shape.encode(event, f"event {self.title}")

    def decode(self, data: bytes) -> E:
        """Read an event's data: unknown fields are passed over, missing ones get their default.

        Raises NotDecodable.
        """
        return self.shape.decode(data, f"event {self.title}")

    def __repr__(self) -> str:
        return f"<event {self.title} at {self.place}>"


@runtime_checkable
class Versions(Protocol):
    """Knows the ways from one version of an event to another."""

    def received(self, told: Heard, wanted: EventType[E]) -> E:
        """Read what a run was told of an event as another version than it was written in."""
        ...


@overload
def event(cls: type[E], /) -> type[E]: ...
@overload
def event(
    name: str | None = None,
    *,
    version: int = 1,
    key: Key = None,
    outside: bool = False,
    nobody: bool = False,
    failure: bool = False,
    compatibility: Compatibility | None = None,
) -> Callable[[type[E]], type[E]]: ...
def event(
    name: Any = None,
    *,
    version: int = 1,
    key: Key = None,
    outside: bool = False,
    nobody: bool = False,
    failure: bool = False,
    compatibility: Compatibility | None = None,
) -> Any:
    """Declare a class as an event: a dataclass, a msgspec Struct, an attrs or a pydantic class.

    ``name`` is the event's type on the log, the class's own name unless you say otherwise. A change
    that readers of the old one cannot read is another ``version``. Events of one ``key`` (a field's
    name, or a function of the event) keep their order and belong to one case.

    ``compatibility`` says which way a version must fit those that the store knows, when it is registered
    there and from then on: "backward" (the default: its readers read the version before), "forward",
    "full", each with " transitive" for all versions, or "none".

    For ``dalsegno contracts check``: ``outside`` says that it comes from outside this program,
    ``nobody`` that no handler here takes it, on purpose, and ``failure`` that what was done before it is
    to be undone. The class is returned as it came. Raises DefinitionError.
    """
    meant = Meant(outside, nobody, failure)
    if name is None or isinstance(name, str):
        place = caller_place(1)
        return lambda cls: _declare(cls, name, version, key, place, meant, compatibility)
    return _declare(name, None, version, key, caller_place(1), meant, compatibility)


@overload
def event_type(thing: type[E], /) -> EventType[E]: ...
@overload
def event_type(thing: E, /) -> EventType[E]: ...
def event_type(thing: Any, /) -> EventType[Any]:
    """Find what ``@event`` declared of a class, or of the class of an instance. Raises DefinitionError."""
    cls = thing if isinstance(thing, type) else type(thing)
    found = own_event_type(cls)
    if found is not None:
        return found
    parent = next((base for base in cls.__mro__[1:] if _MARK in vars(base)), None)
    if parent is not None:
        raise DefinitionError(
            f"{cls.__qualname__} is no event; {parent.__qualname__}, which it extends, is one.",
            "A subclass has other fields, so it must not pass for the event of its parent.",
            f"Put @event above {cls.__qualname__} too, or use {parent.__qualname__}.",
        )
    raise DefinitionError(f"{cls.__qualname__} is no event.", "", f"Write {_EXAMPLE}")


def own_event_type(cls: object) -> EventType[Any] | None:
    """Return what ``@event`` declared of this very class; None for anything else."""
    found = vars(cls).get(_MARK) if isinstance(cls, type) else None
    return found if isinstance(found, EventType) and found.cls is cls else None


def _declare(
    cls: Any,
    name: str | None,
    version: int,
    key: Key,
    place: str,
    meant: Meant,
    compatibility: Compatibility | None,
) -> Any:
    if not isinstance(cls, type):
        raise DefinitionError(f"@event was put above {cls!r}, which is no class.", "", f"Write {_EXAMPLE}")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DefinitionError(
            f"@event(version={version!r}) above {cls.__qualname__} ({place}): a version is a whole number from 1 up.",
            "Versions are compared, so that old events can be told from new ones.",
            "Count: 1, 2, 3.",
        )
    if compatibility is not None and compatibility not in get_args(Compatibility):
        raise DefinitionError(
            f"@event(compatibility={compatibility!r}) above {cls.__qualname__} ({place}) is no mode.",
            "It says which way the versions of an event must be compatible.",
            f"Write one of: {', '.join(map(repr, get_args(Compatibility)))}.",
        )
    title = _name(cls, name)
    _check_fields(cls, title, place)
    _check_key(cls, title, key, place)
    setattr(cls, _MARK, EventType(cls, title, version, key, place, meant, compatibility))
    return cls


def _name(cls: type, name: str | None) -> str:
    try:
        return check_id(
            cls.__qualname__.rpartition("<locals>.")[2] if name is None else name, "name of an event"
        )
    except InvalidId as error:
        raise DefinitionError(error.what, error.meaning, error.mend) from None


def _check_fields(cls: type, name: str, place: str) -> None:
    if fields_of(cls) is None:
        raise DefinitionError(
            f"Event {name} ({place}) is above {cls.__qualname__}, which declares no fields.",
            "An event is data: a dataclass, a msgspec Struct, an attrs or a pydantic class.",
            f"Write {_EXAMPLE}",
        )
    inherited = any(hasattr(cls, mark) for mark in _DECORATED) and not any(
        mark in vars(cls) for mark in _DECORATED
    )
    if inherited and (own := _annotated(cls)):
        raise DefinitionError(
            f"Event {name} ({place}): {cls.__qualname__} extends a class with fields, and has none of its own.",
            f"What it annotates itself ({', '.join(own)}) would be lost.",
            f"Write {_EXAMPLE}",
        )


def _annotated(cls: type) -> list[str]:
    """List the names that a class annotates itself; from Python 3.14 on, asking may meet what is not there yet."""
    try:
        return list(inspect.get_annotations(cls))
    except NameError as error:
        return [str(error)]


def fields_of(cls: type) -> list[str] | None:
    """List the names of the fields that a class declares; None for one that declares none."""
    for attribute in ("__pydantic_fields__", "__struct_fields__", "__dataclass_fields__"):
        if (names := getattr(cls, attribute, None)) is not None:
            return list(names)
    attrs = getattr(cls, "__attrs_attrs__", None)
    return None if attrs is None else [attribute.name for attribute in attrs]


def _check_key(cls: type, name: str, key: Key, place: str) -> None:
    if key is None or (callable(key) and not isinstance(key, type)):
        return
    names = fields_of(cls) or []
    if isinstance(key, str) and (key in names or isinstance(getattr(cls, key, None), property)):
        return
    raise DefinitionError(
        f"@event(key={key!r}) of {name} ({place}) names no field of {cls.__qualname__}.",
        f"Its fields are: {', '.join(names) or 'none'}.",
        "Name one of them, or give a function from the event to its key.",
    )
