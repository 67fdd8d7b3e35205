"""What one App knows of events: their types, the services that react, the processes that they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from dalsegno.core.event import NewEvent
from dalsegno.engine.definitions import Workflow
from dalsegno.errors import DefinitionError, InvalidInput
from dalsegno.events.aggregate import AggregateType, is_aggregate, kind_of
from dalsegno.events.converters import Converter
from dalsegno.events.process import Process
from dalsegno.events.projection import Projection
from dalsegno.events.registry import Types
from dalsegno.events.service import Service
from dalsegno.events.types import own_event_type


class Known:
    """Types, services and processes by name; nothing in here is process-wide."""

    def __init__(self) -> None:
        self.types = Types()
        self.services: dict[str, Service] = {}
        self.processes: dict[str, Process] = {}
        self._naming: dict[str, Process] = {}  # by the types that start or cancel a case of them
        self.projections: dict[str, Projection[Any]] = {}
        self._aggregates: list[AggregateType] = []
        self._workflows: list[Workflow[Any, Any]] = []

    @property
    def aggregates(self) -> tuple[AggregateType, ...]:
        """All aggregates, in the order in which they were found."""
        return tuple(dict.fromkeys(self._aggregates))

    def take(self, thing: object) -> bool:
        """Take in one thing, and tell whether it was ours."""
        if isinstance(thing, Service):
            self._know(self.services, thing)
            self.types.add(kind.cls for kind in thing.types)
        elif isinstance(thing, Process):
            self._know(self.processes, thing)
            self.types.add(kind.cls for kind in thing.types)
            for kind in (*thing.starts, *(() if thing.cancel is None else (thing.cancel,))):
                self._naming.setdefault(kind.name, thing)
        elif isinstance(thing, Projection):
            self._know(self.projections, thing)
        elif is_aggregate(thing):
            self._aggregates.append(kind_of(thing))
        elif isinstance(thing, Converter) or own_event_type(thing) is not None:
            self.types.add([thing])
        else:
            if isinstance(thing, Workflow):  # which is not ours, and may have a handler of ours inside
                self._workflows.append(thing)
            return False
        return True

    def add(self, things: Iterable[object]) -> list[object]:
        """Take in what is ours, from modules too; return the rest, and the modules."""
        rest: list[object] = []
        for thing in things:
            if isinstance(thing, ModuleType):
                self.add_found(vars(thing))
                rest.append(thing)
            elif not self.take(thing):
                rest.append(thing)
        return rest

    def add_found(self, namespace: Mapping[str, Any]) -> None:
        """Take in what is ours among a module's globals."""
        for thing in list(namespace.values()):
            self.take(thing)

    def check(self) -> None:
        """Read everything that was declared. Raises DefinitionError."""
        for service in self.services.values():
            service.check()
        for projection in self.projections.values():
            projection.check()
            self.types.add(kind.cls for kind in projection.types)
        for aggregate in self._aggregates:
            self.types.add(kind.cls for kind in aggregate.events)
        self.types.check()
        self._check_starts()
        self._check_order()

    def accept(self, event: object, namespace: str) -> NewEvent | None:
        """Make of a foreign event, an ``Envelope``, one that can be written; None for anything else.

        It gets the key that its class here declares, unless it says one itself; without a version, by
        the newest class that can read it. One that no class can read gets none, and whoever handles
        it will say so. Raises EventRefused.
        """
        if own_event_type(type(event)) is not None:
            return None
        from dalsegno.events.envelope import (
            Envelope,  # so that a program with none of them loads nothing of it
        )
        from dalsegno.events.outside import from_envelope

        return self._keyed(from_envelope(event, namespace)) if isinstance(event, Envelope) else None

    def _keyed(self, made: NewEvent) -> NewEvent:
        if made.key is not None or made.data is None:
            return made
        said = self.types.of(made.type, made.version)
        every = [self.types.of(made.type, version) for version in reversed(self.types.versions(made.type))]
        for kind in [said] if said is not None else every:
            if kind is not None and kind.key is not None:
                try:
                    return replace(made, key=kind.key_of(kind.decode(made.data)))
                except InvalidInput:
                    continue
        return made

    def case_of(self, type_name: str, key: str | None) -> str | None:
        """Name the case that an event from outside starts, or cancels, if it does."""
        process = self._naming.get(type_name)
        return None if process is None or key is None else process.case_of(key)

    def _check_starts(self) -> None:
        started: dict[str, Process] = {}
        for process in self.processes.values():
            for name in {kind.name for kind in process.starts}:
                other = started.setdefault(name, process)
                if other is not process:
                    raise DefinitionError(
                        f"{name} starts two processes: {other.name} ({other.place}) and "
                        f"{process.name} ({process.place}).",
                        "An event belongs to one case.",
                        "Let the second process start with an event of its own.",
                    )

    def _check_order(self) -> None:
        wrapped = {workflow.function: workflow for workflow in self._workflows}
        for service in self.services.values():
            for handler in service.handlers.values():
                if handler.workflow is None and handler.function in wrapped:
                    raise DefinitionError(
                        f"{handler.what} is below the decorator of workflow {wrapped[handler.function].name}.",
                        "So its reaction would be a plain function, and not a run.",
                        "Put on() above @workflow or @saga.",
                    )

    def _know(self, known: dict[str, Any], thing: Service | Process | Projection[Any]) -> None:
        other = known.setdefault(thing.name, thing)
        if other is not thing:
            what = type(thing).__name__.lower()
            raise DefinitionError(
                f"There are two definitions of {what} {thing.name}: {other.place} and {thing.place}.",
                "A name must mean one thing, since the store knows nothing else.",
                "Give one of them another name.",
            )
