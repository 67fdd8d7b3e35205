"""What one App knows of events: their types, its services, its processes; nothing in here is process-wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from dalsegno.engine.definitions import Workflow
from dalsegno.errors import DefinitionError
from dalsegno.events.handlers import Handler
from dalsegno.events.process import Process
from dalsegno.events.registry import Types
from dalsegno.events.service import Service

D = TypeVar("D", Service, Process)


class Catalogue:
    """Event types, services by name, processes by name."""

    def __init__(self) -> None:
        self.types = Types()
        self._services: dict[str, Service] = {}
        self._processes: dict[str, Process] = {}

    @property
    def services(self) -> Mapping[str, Service]:
        """All services by name."""
        return self._services

    @property
    def processes(self) -> Mapping[str, Process]:
        """All processes by name."""
        return self._processes

    @property
    def handlers(self) -> list[Handler]:
        """The handlers of all services."""
        return [handler for service in self._services.values() for handler in service.handlers.values()]

    @property
    def workflows(self) -> list[Workflow[Any, Any]]:
        """The workflows over which handlers are stacked."""
        found = (handler.workflow for handler in self.handlers)
        return [workflow for workflow in found if workflow is not None]

    def take(self, thing: object) -> bool:
        """Take in a class of events, a converter, a service or a process; say whether it was one of these."""
        if isinstance(thing, Service):
            _keep(self._services, thing, "service")
        elif isinstance(thing, Process):
            _keep(self._processes, thing, "process")
        else:
            return self.types.take(thing)
        return True

    def add(self, things: Iterable[object]) -> None:
        """Take in what is ours among these things, and among the globals of modules; the rest is not ours."""
        for thing in things:
            for each in list(vars(thing).values()) if isinstance(thing, ModuleType) else (thing,):
                self.take(each)

    def check(self, workflows: Iterable[Workflow[Any, Any]] = ()) -> None:
        """See that all declarations can be read and fit together; called once all of them are there.

        ``workflows`` are those that the App knows besides. Raises DefinitionError.
        """
        for service in self._services.values():
            service.check()
            self.types.add(service.types)
        for process in self._processes.values():
            self.types.add(process.types)
        self.types.check()
        self._check_starts()
        wrapped = {workflow.function: workflow for workflow in workflows}
        for handler in self.handlers:
            if handler.workflow is None and handler.function in wrapped:
                raise DefinitionError(
                    f"{handler.what} is below the decorator of workflow {wrapped[handler.function].name}.",
                    "So its reaction would be a plain function, and not a run.",
                    "Put on() above @workflow or @saga.",
                )

    def case_of(self, name: str, key: str | None) -> str | None:
        """Name the case that an event starts, by its name and key; None if no process starts with it."""
        for process in self._processes.values():
            if key is not None and any(kind.name == name for kind in process.starts):
                return process.case_of(key)
        return None

    def _check_starts(self) -> None:
        started: dict[str, Process] = {}
        for process in self._processes.values():
            for name in {kind.name for kind in process.starts}:
                other = started.setdefault(name, process)
                if other is not process:
                    raise DefinitionError(
                        f"{name} starts two processes: {other.name} ({other.place}) and "
                        f"{process.name} ({process.place}).",
                        "An event belongs to one case.",
                        "Let the second process start with an event of its own.",
                    )


def _keep(known: dict[str, D], thing: D, what: str) -> None:
    other = known.setdefault(thing.name, thing)
    if other is not thing:
        raise DefinitionError(
            f"There are two declarations of {what} {thing.name}: {other.place} and {thing.place}.",
            "A name must mean one thing, since the store knows nothing else.",
            "Give one of them another name.",
        )
