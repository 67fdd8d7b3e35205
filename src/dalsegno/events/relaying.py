"""Reactions that only some programs can claim: the same workflow under versions that name an event's."""

from __future__ import annotations

from typing import Any

from dalsegno.core.event import Heard
from dalsegno.engine.definitions import Workflow, make_workflow


def of_both(own: str, reads: str) -> str:
    """Name the version of a run whose claimer must have a workflow's version, and read an event."""
    return f"{own}, {reads}"


def under(workflow: Workflow[Any, Any], version: str) -> Workflow[Any, Any]:
    """Make the same workflow under another version."""
    return make_workflow(workflow.function, name=workflow.name, version=version, model=workflow.model)


def relaying(workflow: Workflow[Any, Any], version: str) -> Workflow[Any, Any]:
    """Make what claims an event that another program could not read, and reacts to it as a child of this version.

    Who wrote its run did not know the workflow's version here; so that is settled by who claims it first, and
    recorded with the child.
    """

    async def relay(event: Heard) -> None:
        await workflow.start(event)

    return make_workflow(relay, name=workflow.name, version=version, model="reaction")
