"""What the code of a program declares of its processes, as the store would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dalsegno.cli.programs import Program
    from dalsegno.engine.definitions import Workflow
    from dalsegno.insight.flow import Flow


def flow_of(program: Program) -> Flow:
    """Read the flow of a program from its services, processes and workflows. Raises DefinitionError."""
    from dalsegno.insight.flow import read_flow

    known = program.known
    known.check()
    return read_flow(
        [
            handler.declaration()
            for service in known.services.values()
            for handler in service.handlers.values()
        ],
        [process.declaration() for process in known.processes.values()],
        [_emitter(workflow) for workflow in program.registry.workflows.values()],
    )


def _emitter(workflow: Workflow[Any, Any]) -> dict[str, Any]:
    from dalsegno.events.contracts.reading import read

    reading = read(workflow.function)
    return {
        "name": workflow.name,
        "gives": sorted(kind.named for kind in reading.may_emit),
        "awaits": sorted({made.kind.named for made in reading.awaited}),
        "place": workflow.place,
    }
