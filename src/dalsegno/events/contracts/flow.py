"""Who emits what and who takes it, over a whole program: what all rules look at."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.events.contract import Role
from dalsegno.events.contracts.reading import Reading, read
from dalsegno.events.contracts.values import UNKNOWN, Value
from dalsegno.events.declared import AllOf, Declared, Many, Maybe, Nothing, OneOf
from dalsegno.events.handlers import Handler
from dalsegno.events.known import Known
from dalsegno.events.types import EventType

MOST_ALTERNATIVES = 64
"""Of so many different outcomes of one reaction each is looked at; of more only the first."""

Outcome = frozenset[str]
"""The names of the events that one reaction emits."""


class End(NamedTuple):
    """Somebody who emits a kind of event, or takes one: who, and where."""

    kind: EventType[Any]
    who: str
    place: str


class Reader(Protocol):
    """Whoever reads events as the class that it names: a handler, a fold of a projection, an aggregate."""

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        ...

    @property
    def place(self) -> str:
        """Where it stands."""
        ...

    def wanted(self, name: str, version: int) -> EventType[Any] | None:
        """Say as which type it takes an event of a name and version."""
        ...


def named(reader: Reader) -> str:
    """Name whoever reads events in a message that tells its place apart."""
    return reader.what.removesuffix(f" ({reader.place})")


class Flow:
    """The handlers, workflows and steps of a program, with what each takes and gives.

    ``emitters`` and ``takers`` are by the name of the event; versions are looked at by one rule alone.
    """

    def __init__(self, known: Known, definitions: Iterable[Definition] = ()) -> None:
        self.known = known
        self.handlers = [each for one in known.services.values() for each in one.handlers.values()]
        self.readings = {handler: _read(handler) for handler in self.handlers}
        stacked = {id(handler.workflow) for handler in self.handlers}
        self.definitions = [each for each in definitions if id(each) not in stacked]
        self.read_definitions = {each: read(each.function) for each in self.definitions}
        self.emitters = _by_name(self._emitters())
        self.takers = _by_name(self._takers())
        self.wanted = _by_name(self._wanted())

    @functools.cached_property
    def taking(self) -> dict[str, list[Handler]]:
        """The handlers that take an event, by its name."""
        found: dict[str, list[Handler]] = {}
        for handler in self.handlers:
            for name in dict.fromkeys(kind.name for kind in handler.takes):
                found.setdefault(name, []).append(handler)
        return found

    @functools.cached_property
    def readers(self) -> dict[str, list[Reader]]:
        """Who reads an event from the log, by its name."""
        found: dict[str, list[Reader]] = {name: list(handlers) for name, handlers in self.taking.items()}
        for projection in self.known.projections.values():
            for fold in projection.folds:
                for name in dict.fromkeys(kind.name for kind in fold.takes):
                    found.setdefault(name, []).append(fold)
        for aggregate in self.known.aggregates:
            for name in dict.fromkeys(kind.name for kind in aggregate.events):
                found.setdefault(name, []).append(aggregate)
        return found

    @functools.cached_property
    def spontaneous(self) -> frozenset[str]:
        """The events that come of something else than a handler: from outside, from runs."""
        ours = {kind.name for handler in self.handlers for kind in handler.contract.gives}
        return frozenset(
            name
            for name, ends in self.emitters.items()
            if name not in ours or any(end.kind.meant.outside for end in ends)
        )

    def kinds(self, name: str) -> list[EventType[Any]]:
        """All versions of an event that are known, lowest first."""
        types = self.known.types
        return [kind for each in types.versions(name) if (kind := types.of(name, each)) is not None]

    def _emitters(self) -> Iterator[End]:
        for handler in self.handlers:
            for kind in handler.contract.gives:
                yield End(kind, named(handler), handler.place)
            for made in self.readings[handler].emitted | self.readings[handler].returned:
                if made.kind not in handler.contract.gives:
                    yield End(made.kind, named(handler), made.place)
        yield from self._runs()
        yield from self._others()

    def _runs(self) -> Iterator[End]:
        for definition, reading in self.read_definitions.items():
            what = "workflow" if isinstance(definition, Workflow) else "step"
            for made in reading.emitted:
                yield End(made.kind, f"{what} {definition.name}", made.place)
            for kind in reading.may_emit - {made.kind for made in reading.emitted}:
                yield End(kind, f"{what} {definition.name}", definition.place)

    def _others(self) -> Iterator[End]:
        for kind in self.known.types.all.values():
            if kind.meant.outside:
                yield End(kind, "the outside", kind.place)
        for aggregate in self.known.aggregates:  # its commands decide on what it applies
            for kind in aggregate.events:
                yield End(kind, named(aggregate), aggregate.place)
        for process in self.known.processes.values():
            for kind in process.starts:
                yield End(kind, f"whoever starts process {process.name}", process.place)
            if process.cancel is not None:
                yield End(process.cancel, f"whoever cancels a case of {process.name}", process.place)

    def _takers(self) -> Iterator[End]:
        yield from self._folded()
        for handler in self.handlers:
            for kind in handler.takes:
                yield End(kind, named(handler), handler.place)
        for definition, reading in self.read_definitions.items():
            for made in reading.awaited:
                yield End(made.kind, f"workflow {definition.name}", made.place)
        for handler in self.handlers:
            for made in self.readings[handler].awaited:
                yield End(made.kind, named(handler), made.place)

    def _folded(self) -> Iterator[End]:
        """List what is folded: projections and aggregates take it."""
        for projection in self.known.projections.values():
            for fold in projection.folds:
                for kind in fold.takes:
                    yield End(kind, named(fold), fold.place)
        for aggregate in self.known.aggregates:
            for kind in aggregate.events:
                yield End(kind, named(aggregate), aggregate.place)

    def _wanted(self) -> Iterator[End]:
        yield from self._takers()
        for handler in self.handlers:
            for kind in handler.compensates if isinstance(handler.compensates, tuple) else ():
                yield End(kind, f"{named(handler)}, which undoes it,", handler.place)
        for process in self.known.processes.values():
            for kind in process.ends.types:
                yield End(kind, f"process {process.name}, which ends with it,", process.place)


def outcomes(handler: Handler) -> list[Outcome]:
    """List what may follow one reaction by what it returns, each a set of names of events."""
    return list(dict.fromkeys(itertools.islice(_outcomes(handler.follows), MOST_ALTERNATIVES)))


def extras(handler: Handler) -> Outcome:
    """Name the events that its body may emit besides what it returns."""
    return frozenset(kind.name for kind in handler.contract.emits)


def is_patient(handler: Handler) -> bool:
    """Tell whether a handler may well return nothing now, since it is called again: it counts, or collects."""
    counts = any(argument.role is Role.STATE for argument in handler.contract.arguments)
    return counts or handler.options.batch is not None


def _outcomes(declared: Declared) -> Iterator[Outcome]:
    match declared:
        case Nothing():
            yield frozenset()
        case OneOf(types):
            yield from (frozenset({kind.name}) for kind in types)
        case Maybe(of):
            yield frozenset()
            yield from _outcomes(of)
        case Many(of):
            yield frozenset()
            yield from _outcomes(of)
            yield frozenset(kind.name for kind in of.types)
        case AllOf(parts):
            for each in itertools.product(*(list(_outcomes(part)) for part in parts)):
                yield frozenset().union(*each)


def _read(handler: Handler) -> Reading:
    """Read a handler's body; its parameters hold the events that it takes, and nothing else of ours."""
    parameters: dict[str, Value] = {}
    for argument in handler.contract.arguments:
        if argument.types:
            parameters[argument.name] = Value(maybe=frozenset(argument.types))
        else:
            parameters[argument.name] = UNKNOWN
    return read(handler.function, parameters)


def _by_name(ends: Iterable[End]) -> dict[str, list[End]]:
    found: dict[str, list[End]] = {}
    for end in ends:
        found.setdefault(end.kind.name, []).append(end)
    return found
