"""Processes, and what workflows emit, as the store knows them: told once per program, before anything follows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from dalsegno.core.cases import NewEmitter, NewProcess, RegisterProcesses
from dalsegno.core.commit import Done
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.definitions import Workflow
from dalsegno.events.known import Known
from dalsegno.events.process import Process


class Submit(Protocol):
    """Has an item written."""

    def __call__(self, item: Write, heard: Callable[[Verdict], None], /) -> Awaitable[Verdict]:
        """Write it and return its verdict; ``heard`` is told it once it is durable."""
        ...


class Declaring:
    """Makes the processes of one App known to its store; ``declared`` says that it has."""

    def __init__(self, known: Known, namespace: str) -> None:
        self._known = known
        self._namespace = namespace
        self.declared = not known.processes

    async def processes(self, submit: Submit) -> None:
        """Make the processes known, unless that has been done."""
        if not self.declared:
            processes = tuple(map(_process, self._known.processes.values()))
            await submit(RegisterProcesses(self._namespace, processes), self._heard)

    async def workflows(self, workflows: Iterable[Workflow[Any, Any]], submit: Submit) -> None:
        """Make known what workflows emit, as their source says; nothing where the App knows no events."""
        if self._known.types.all:
            emitters = tuple(map(_emitter, workflows))
            if emitters:
                await submit(RegisterProcesses(self._namespace, (), emitters), _nobody)

    def _heard(self, verdict: Verdict) -> None:
        self.declared = self.declared or isinstance(verdict, Done)


def _nobody(verdict: Verdict) -> None:
    return None


def _process(process: Process) -> NewProcess:
    return NewProcess(process.name, process.tracking, json.dumps(process.declaration()).encode())


def emitter_of(workflow: Workflow[Any, Any]) -> dict[str, Any]:
    """Say what a workflow emits and waits for, as its source says, as plain data."""
    from dalsegno.events.contracts.reading import read

    reading = read(workflow.function)
    return {
        "name": workflow.name,
        "model": workflow.model,
        "gives": sorted(kind.named for kind in reading.may_emit),
        "awaits": sorted({made.kind.named for made in reading.awaited}),
        "open": reading.open_emit,
        "place": workflow.place,
    }


def _emitter(workflow: Workflow[Any, Any]) -> NewEmitter:
    return NewEmitter(workflow.name, workflow.version, json.dumps(emitter_of(workflow)).encode())
