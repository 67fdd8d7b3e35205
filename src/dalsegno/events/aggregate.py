"""Aggregates, declared: a state that is folded from events, and commands that decide by it.

An aggregate is a plain class. Its annotated attributes are its state, its ``apply…`` methods say what
each class of events does to it, any other method may be a command. It can be tried without a store:
``Account.folded("a-1", [AccountOpened(...)])``.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Self, get_origin, get_type_hints

import msgspec

from dalsegno.core.codec import Shape, shape_of
from dalsegno.core.ids import check_id
from dalsegno.errors import DefinitionError, InvalidInput, UndeclaredEvent
from dalsegno.events.annotations import Annotations, events_in, shown
from dalsegno.events.options import named, whole
from dalsegno.events.places import caller_place, in_sight
from dalsegno.events.types import EventType, event_type

_OURS = ("id", "version", "decided")
_EXAMPLE = "def apply_opened(self, event: AccountOpened) -> None: ..."


class Aggregate:
    """A state folded from the events of one key, and commands that are decided by it.

    ``class Account(Aggregate, snapshot_every=100): balance: int = 0``. Each annotated attribute is part
    of the state and has a default, which is what it is before any event. A method ``apply``, or one whose
    name begins with ``apply_``, says by the annotation of its parameter which events it applies; it
    changes the state and does nothing else. Any other method may be a command: it looks at the state,
    refuses by raising, and returns the events that it decides on (one, several in a list or tuple, or
    none), or hands them to ``self.emit``. The events' key is the aggregate's ``id``.

    ``name`` is the class's own name unless you say otherwise. A snapshot is written when more than
    ``snapshot_every`` events had to be folded; raise ``snapshot_version`` when ``apply`` methods change
    what they do, so that older ones are not used. Raises DefinitionError.
    """

    _kind: ClassVar[AggregateType]

    def __init_subclass__(
        cls, *, name: str | None = None, snapshot_every: int = 100, snapshot_version: int = 1
    ) -> None:
        super().__init_subclass__()
        cls._kind = AggregateType(
            cls, name, snapshot_every, snapshot_version, caller_place(1), dict(in_sight(1))
        )

    def __init__(self, id: str) -> None:
        self.id = check_id(id, f"id of {type(self).__name__}")
        self.version = 0
        """The number on the log of the last event that is in it; 0 without any."""
        self.decided: list[Any] = []
        """The events that commands have decided on and that are not written."""
        for field, value in kind_of(type(self)).blank().items():
            setattr(self, field, value)

    @classmethod
    def folded(cls, id: str, events: Iterable[Any]) -> Self:
        """Make one of events that are at hand, as a test has them; the log is not asked."""
        made = cls(id)
        for event in events:
            kind_of(cls).apply(made, event)
        return made

    def emit(self, event: Any) -> None:
        """Decide on an event: it is applied at once, and written with whatever else the command decides on."""
        kind = event_type(event)
        if kind.key_of(event) != self.id:
            raise InvalidInput(
                f"{type(self).__name__} {self.id} decides on a {kind.name} of the key {kind.key_of(event)!r}.",
                "The events of an aggregate have its id as their key: by it they are found again.",
                f"Give the event the id {self.id!r}, and its class @event(key=…).",
            )
        kind_of(type(self)).apply(self, event)
        self.decided.append(event)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} at version {self.version}>"


class AggregateType:
    """What a subclass of Aggregate declares; read when it is first used, since it may name what comes later."""

    def __init__(
        self,
        cls: type[Aggregate],
        name: str | None,
        snapshot_every: int,
        snapshot_version: int,
        place: str,
        sight: Mapping[str, Any],
    ) -> None:
        self.cls = cls
        self.place = place
        self.name = named(
            cls.__qualname__.rpartition("<locals>.")[2] if name is None else name, "name of an aggregate"
        )
        self.every = whole(snapshot_every, f"snapshot_every= of {self.what}")
        self._snapshot_version = whole(snapshot_version, f"snapshot_version= of {self.what}")
        self._sight = sight
        self._state: type[msgspec.Struct] | None = None
        self._appliers: dict[type, tuple[EventType[Any], Callable[[Any, Any], None]]] = {}
        self.types: tuple[str, ...] = ()
        """The names of the events that it is folded from."""

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        return f"aggregate {self.cls.__qualname__} ({self.place})"

    @property
    def events(self) -> tuple[EventType[Any], ...]:
        """The event types that it applies. Raises DefinitionError."""
        self.check()
        return tuple(kind for kind, _ in self._appliers.values())

    def check(self) -> None:
        """Read what the class declares. Raises DefinitionError."""
        if self._state is not None:
            return
        self._appliers = self._read_appliers()
        self.types = tuple(sorted({kind.name for kind, _ in self._appliers.values()}))
        self._state = self._read_state()
        self.shape = self._shape_name()

    def blank(self) -> dict[str, Any]:
        """Make the state that there is before any event."""
        return self._values(self._made())

    def apply(self, target: Aggregate, event: Any) -> None:
        """Apply an event. Raises UndeclaredEvent for one that the aggregate does not apply."""
        self.check()
        found = self._appliers.get(type(event))
        if found is None:
            raise UndeclaredEvent(
                f"{self.cls.__qualname__} does not apply {type(event).__qualname__}.",
                "What its events do to it is said by methods whose names begin with apply.",
                f"Write one into {self.cls.__qualname__} ({self.place}): {_EXAMPLE}",
            )
        found[1](target, event)

    def wanted(self, name: str, version: int) -> EventType[Any]:
        """Return the class as which an event of the log is applied: its own version, else the highest."""
        mine = [kind for kind, _ in self._appliers.values() if kind.name == name]
        exact = [kind for kind in mine if kind.version == version]
        return exact[0] if exact else max(mine, key=lambda kind: kind.version)

    def save(self, aggregate: Aggregate) -> bytes:
        """Write the state, for a snapshot. Raises NotEncodable."""
        made = self._made()
        for field in made.__struct_fields__:
            setattr(made, field, getattr(aggregate, field))
        return self._codec.encode(made, f"state of {self.cls.__qualname__} {aggregate.id}")

    def restore(self, aggregate: Aggregate, data: bytes) -> None:
        """Take over a state from a snapshot. Raises NotDecodable."""
        made = self._codec.decode(data, f"snapshot of {self.cls.__qualname__} {aggregate.id}")
        for field, value in self._values(made).items():
            setattr(aggregate, field, value)

    # -- reading the class

    @property
    def _codec(self) -> Shape[Any]:
        self.check()
        return shape_of(self._state)

    def _made(self) -> Any:
        self.check()
        assert self._state is not None
        return self._state()

    def _values(self, made: Any) -> dict[str, Any]:
        return {field: getattr(made, field) for field in made.__struct_fields__}

    def _read_appliers(self) -> dict[type, tuple[EventType[Any], Callable[[Any, Any], None]]]:
        found: dict[type, tuple[EventType[Any], Callable[[Any, Any], None]]] = {}
        for name in dir(self.cls):
            method = inspect.getattr_static(self.cls, name)
            if (name == "apply" or name.startswith("apply_")) and inspect.isfunction(method):
                for kind in self._events_of(method):
                    other = found.setdefault(kind.cls, (kind, method))
                    if other[1] is not method:
                        raise DefinitionError(
                            f"{self.what} applies {kind.name} twice: in {other[1].__name__} and in {name}.",
                            "",
                            "Let one of them do it.",
                        )
        if not found:
            raise DefinitionError(
                f"{self.what} applies no events.",
                "It is folded from them, so they are all that it knows.",
                f"Write a method for each class of events: {_EXAMPLE}",
            )
        return found

    def _events_of(self, method: Callable[..., Any]) -> tuple[EventType[Any], ...]:
        what = f"{method.__qualname__} of {self.what}"
        parameters = list(inspect.signature(method).parameters.values())
        hints = Annotations(method, self._sight).read(what)
        if len(parameters) != 2 or parameters[1].name not in hints or inspect.iscoroutinefunction(method):
            raise DefinitionError(
                f"{what} does not say which events it applies.",
                "It is a plain method of one event, whose annotation names their classes: A, or A | B.",
                f"For example: {_EXAMPLE}",
            )
        kinds = events_in(hints[parameters[1].name], f"The parameter of {what}")
        for kind in kinds:
            if kind.key is None:
                raise DefinitionError(
                    f"{what} applies {kind.title}, which has no key.",
                    "The events of an aggregate are found by their key, which is its id.",
                    f'Write @event(…, key="…") above {kind.cls.__qualname__}.',
                )
        return kinds

    def _read_state(self) -> type[msgspec.Struct]:
        try:
            hints = get_type_hints(self.cls, localns=dict(self._sight), include_extras=True)
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            raise DefinitionError(
                f"The annotations of {self.what} cannot be read: {error}.",
                "They say what its fields hold.",
                "Import the names that they use where the class is defined.",
            ) from error
        fields: list[tuple[str, Any, Any]] = []
        for field, hint in hints.items():
            if get_origin(hint) is ClassVar or hint is ClassVar or field.startswith("_") or field in _OURS:
                continue
            if not hasattr(self.cls, field):
                raise DefinitionError(
                    f"{self.what} has the attribute {field}: {shown(hint)} without a default.",
                    "Before any event there must be something that it is.",
                    f"Write {field}: … = …; None may be one of its types.",
                )
            own = partial(copy.deepcopy, getattr(self.cls, field))  # nobody's list is another one's, too
            fields.append((field, hint, msgspec.field(default_factory=own)))
        try:
            state = msgspec.defstruct(f"{self.cls.__name__}State", fields)
            shape_of(state)
        except DefinitionError as error:
            raise DefinitionError(f"{self.what}: {error.what}", error.meaning, error.mend) from error
        return state

    def _shape_name(self) -> str:
        """Name what a snapshot holds: another name where attributes or their types have changed."""
        assert self._state is not None
        info = [(f.name, shown(f.type)) for f in msgspec.structs.fields(self._state)]
        told = hashlib.sha256(repr(sorted(info)).encode()).hexdigest()[:16]
        return f"{self._snapshot_version}/{told}"

    def __repr__(self) -> str:
        return f"<{self.what}>"


def kind_of(cls: object) -> AggregateType:
    """Return what an aggregate class declares. Raises DefinitionError for any other thing."""
    found = vars(cls).get("_kind") if isinstance(cls, type) and issubclass(cls, Aggregate) else None
    if not isinstance(found, AggregateType):
        raise DefinitionError(
            f"{cls!r} is no aggregate.", "", "Write class Account(Aggregate): … and give that class."
        )
    return found


def is_aggregate(thing: object) -> bool:
    """Tell whether something is a class of aggregates."""
    return isinstance(thing, type) and issubclass(thing, Aggregate) and thing is not Aggregate


def decide(aggregate: Aggregate, command: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run a command; what it decides on is applied, and waits in the aggregate to be written."""
    said = command(aggregate, *args, **kwargs)
    if inspect.iscoroutine(said):
        said.close()
        raise InvalidInput(
            f"The command {getattr(command, '__qualname__', command)!s} is async def.",
            "A command decides by the state alone; it may be run again after a conflict.",
            "Make it a plain def, and ask others before it or after it.",
        )
    for event in said if isinstance(said, list | tuple) else () if said is None else (said,):
        aggregate.emit(event)
    return said
