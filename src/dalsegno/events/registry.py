"""The event types that one App knows, and the way from one version of an event to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from dalsegno.core.event import Heard
from dalsegno.errors import DefinitionError, NoConverter, NotDecodable
from dalsegno.events.converters import Converter
from dalsegno.events.types import EventType, own_event_type

E = TypeVar("E")


class Types:
    """Event types by name and version, and their converters; nothing in here is process-wide."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, int], EventType[Any]] = {}
        self._converters: list[Converter[Any, Any]] = []
        self._ways: dict[tuple[str, int], list[Converter[Any, Any]]] | None = None

    @property
    def all(self) -> Mapping[tuple[str, int], EventType[Any]]:
        """All types by name and version."""
        return self._types

    def take(self, thing: object) -> bool:
        """Take in a class of events or a converter; say whether it was one of these."""
        if isinstance(thing, Converter):
            if not any(thing is known for known in self._converters):
                self._converters.append(thing)
                self._ways = None
            return True
        found = thing if isinstance(thing, EventType) else own_event_type(thing)
        if found is not None:
            self._know(found)
        return found is not None

    def add(self, things: Iterable[object]) -> None:
        """Take in classes of events, converters, and modules that hold some; anything else is refused."""
        for thing in things:
            if isinstance(thing, ModuleType):
                self.add_found(vars(thing))
            elif not self.take(thing):
                raise DefinitionError(
                    f"{thing!r} is no class of events.",
                    "",
                    "Put @event above the class, @upcast or @downcast above the function.",
                )

    def add_found(self, namespace: Mapping[str, Any]) -> None:
        """Take in the classes of events and converters among a module's globals; the rest is not ours."""
        for thing in list(namespace.values()):
            self.take(thing)

    def check(self) -> None:
        """See that all types can be written, and where all converters lead. Raises DefinitionError."""
        self._ways = {}
        for converter in self._converters:
            converter.check()
            for kind in converter.ends:
                self._know(kind)
            self._ways.setdefault(converter.ends[0].named, []).append(converter)
        for kind in self._types.values():
            _ = kind.shape

    def of(self, name: str, version: int) -> EventType[Any] | None:
        """Return one version of an event; None if it is not known."""
        return self._types.get((name, version))

    def versions(self, name: str) -> tuple[int, ...]:
        """List the known versions of an event, lowest first."""
        return tuple(sorted(version for known, version in self._types if known == name))

    def latest(self, name: str) -> EventType[Any] | None:
        """Return the highest known version of an event; None if the name is not known."""
        versions = self.versions(name)
        return self._types[name, versions[-1]] if versions else None

    def convert(self, name: str, data: bytes, version: int | None, wanted: EventType[E]) -> E:
        """Read an event that is stored in ``version`` as ``wanted``, by the fewest converters that lead there.

        Without a version (None, or 0), as foreign events come, the data is read as wanted. Raises NoConverter if no
        way leads there, NotDecodable if the data is not what its version declares, and what a
        converter itself raises.
        """
        if not version or (name, version) == wanted.named:
            return wanted.decode(data)
        if self._ways is None:
            self.check()
        stored = self.of(name, version)
        way = None if stored is None else self._way(stored, wanted)
        if stored is None or way is None:
            raise self._no_way(name, version, wanted)
        event = stored.decode(data)
        for converter in way:
            event = converter(event)
            if type(event) is not converter.ends[1].cls:
                raise DefinitionError(
                    f"{converter.what} returned a {type(event).__qualname__}, "
                    f"and declares -> {converter.ends[1].cls.__qualname__}.",
                    "",
                    "Return an instance of that very class.",
                )
        made: E = event
        return made

    def received(self, told: Heard, wanted: EventType[E]) -> E:
        """Read an event that came to a run in another version: by converters, else as it is, where that can be.

        A run goes on as it was written, also beside programs that emit what it has never heard of. Raises
        NoConverter where neither leads to what is wanted, NotDecodable where a converter fails.
        """
        data, stored = bytes(told.data), self.of(told.type, told.version)
        if stored is None or not self.leads(stored, wanted):
            try:
                return wanted.decode(data)
            except NotDecodable as error:
                raise self._no_way(told.type, told.version, wanted) from error
        try:
            return self.convert(told.type, data, told.version, wanted)
        except NotDecodable:
            raise
        except Exception as error:
            raise NotDecodable(
                f"Event {told.number} ({told.type} v{told.version}) could not be made one of v{wanted.version}: "
                f"{type(error).__name__}: {error}",
                "A converter has failed.",
                "Mend it, or catch NotDecodable where the event is received.",
                hint=wanted.cls,
            ) from error

    def leads(self, stored: EventType[Any], wanted: EventType[Any]) -> bool:
        """Tell whether an event of one version can be read as another."""
        if self._ways is None:
            self.check()
        return self._way(stored, wanted) is not None

    def casts(self, name: str) -> frozenset[tuple[int, int]]:
        """List from which version of an event to which there is a converter."""
        if self._ways is None:
            self.check()
        assert self._ways is not None
        found = (each.ends for ways in self._ways.values() for each in ways)
        return frozenset((old.version, new.version) for old, new in found if old.name == name)

    def _way(self, stored: EventType[Any], wanted: EventType[Any]) -> list[Converter[Any, Any]] | None:
        assert self._ways is not None
        came: dict[tuple[str, int], list[Converter[Any, Any]]] = {stored.named: []}
        todo = deque([stored.named])
        while todo:
            here = todo.popleft()
            if here == wanted.named:
                return came[here]
            for converter in self._ways.get(here, ()):
                there = converter.ends[1].named
                if there not in came:
                    came[there] = [*came[here], converter]
                    todo.append(there)
        return None

    def _no_way(self, name: str, version: int, wanted: EventType[Any]) -> NoConverter:
        known = self.versions(name)
        decorator = "@upcast" if version < wanted.version else "@downcast"
        here = self.of(name, version)
        return NoConverter(
            f"Event {name} is stored in version {version} and wanted in version {wanted.version} ({wanted.place}).",
            f"Known versions: {', '.join(map(str, known)) or 'none'}. "
            + (
                "No converter leads from one to the other."
                if here
                else f"No class here has version {version}."
            ),
            f"Write {decorator} above def convert(old: version {version}) -> {wanted.cls.__qualname__}, "
            f"and include it in the App, with the class of version {version}.",
            type=name,
            stored=version,
            wanted=wanted.version,
            versions=known,
        )

    def _know(self, kind: EventType[Any]) -> None:
        other = self._types.setdefault(kind.named, kind)
        if other is not kind and other.place != kind.place:
            raise DefinitionError(
                f"There are two classes of event {kind.title}: "
                f"{other.cls.__qualname__} ({other.place}) and {kind.cls.__qualname__} ({kind.place}).",
                "A name and version must mean one thing, since the log knows nothing else.",
                "Give one of them another name, or a changed event another version=.",
            )
