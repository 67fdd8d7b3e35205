"""How spans are called, and what they say of themselves: OpenTelemetry's words for messages, and our own."""

from __future__ import annotations

from typing import TypeAlias

from dalsegno.core.commit import Start
from dalsegno.core.event import Event, NewEvent
from dalsegno.core.runs import Run
from dalsegno.engine.context import StepInfo
from dalsegno.engine.definitions import StepDefinition, Workflow
from dalsegno.events.plan import Plan

Attributes: TypeAlias = dict[str, str | int]


def of_reaction(plan: Plan, event: Event) -> Attributes:
    """Say which handler reacts to which event."""
    handler = plan.handler
    said: Attributes = {
        "messaging.system": "dalsegno",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": event.type,
        "messaging.consumer.group.name": handler.service,
        "messaging.message.id": str(event.number),
        "cloudevents.event_id": event.id or str(event.number),
        "cloudevents.event_source": event.source,
        "cloudevents.event_spec_version": "1.0",
        "cloudevents.event_type": event.type,
        "code.function.name": f"{handler.function.__module__}.{handler.function.__qualname__}",
        "dalsegno.service": handler.service,
        "dalsegno.handler": handler.name,
    }
    if event.key is not None:
        said["dalsegno.event.key"] = event.key
    return said | _case(event.case_id)


def of_sending(event: NewEvent, count: int) -> Attributes:
    """Say which event a program puts on the log; the first of ``count``."""
    said: Attributes = {
        "messaging.system": "dalsegno",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": event.type,
        "cloudevents.event_type": event.type,
    }
    if event.id is not None:
        said["cloudevents.event_id"] = event.id
    if count > 1:
        said["messaging.batch.message_count"] = count
    return said | _case(event.case_id)


def of_starting(start: Start) -> Attributes:
    """Say which run a program starts."""
    said: Attributes = {"dalsegno.workflow.name": start.workflow, "dalsegno.workflow.id": start.id}
    return said | _case(start.case_id)


def of_run(run: Run, workflow: Workflow[object, object]) -> Attributes:
    """Say which run it is."""
    said: Attributes = {
        "dalsegno.workflow.name": run.workflow,
        "dalsegno.workflow.version": run.version,
        "dalsegno.workflow.id": run.id,
        "dalsegno.workflow.model": workflow.model,
        "dalsegno.workflow.turn": run.turn,
    }
    return said | _case(run.case_id)


def of_step(step: StepDefinition, info: StepInfo) -> Attributes:
    """Say which attempt of which step it is."""
    function = step.function
    said: Attributes = {
        "dalsegno.workflow.name": info.workflow,
        "dalsegno.workflow.id": info.run_id,
        "dalsegno.step.name": info.step,
        "dalsegno.step.attempt": info.attempt,
        "code.function.name": f"{function.__module__}.{function.__qualname__}",
    }
    return said | _case(info.case_id)


def _case(case_id: str | None) -> Attributes:
    return (
        {} if case_id is None else {"messaging.message.conversation_id": case_id, "dalsegno.case.id": case_id}
    )
