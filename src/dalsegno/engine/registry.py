"""The definitions that one App knows, by name and version; nothing in here is process-wide."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from dalsegno.core.commit import Start
from dalsegno.core.runs import Run
from dalsegno.engine.definitions import Definition, StepDefinition, Workflow
from dalsegno.engine.fingerprint import fingerprint
from dalsegno.errors import DefinitionError


class Registry:
    """Workflows by (name, version), steps by name."""

    def __init__(self) -> None:
        self._workflows: dict[tuple[str, str], Workflow[Any, Any]] = {}
        self._steps: dict[str, StepDefinition] = {}

    @property
    def workflows(self) -> Mapping[tuple[str, str], Workflow[Any, Any]]:
        """All workflows by name and version."""
        return self._workflows

    @property
    def steps(self) -> Mapping[str, StepDefinition]:
        """All steps by name."""
        return self._steps

    def add(self, things: Iterable[object]) -> None:
        """Take in definitions, and those that modules hold; anything else is refused."""
        for thing in things:
            if isinstance(thing, ModuleType):
                self.add_found(vars(thing))
            elif isinstance(thing, Definition):
                self._add(thing)
            else:
                raise DefinitionError(
                    f"App(include=…) was given {thing!r}.",
                    "It takes workflows, steps, and modules that hold some.",
                    "Put @workflow, @saga or @step above the function.",
                )

    def add_found(self, namespace: Mapping[str, Any]) -> None:
        """Take in the definitions among a module's globals; the rest is not ours."""
        for thing in list(namespace.values()):
            if isinstance(thing, Definition):
                self._add(thing)

    def _add(self, thing: Definition) -> None:
        if isinstance(thing, Workflow):
            other: Definition | None = self._workflows.setdefault(thing.key, thing)
            what = f"workflow {thing.name} (version {thing.version})"
        elif isinstance(thing, StepDefinition):
            other = self._steps.setdefault(thing.name, thing)
            what = f"step {thing.name}"
        else:
            return
        if other is not thing and other is not None and other.place != thing.place:
            raise DefinitionError(
                f"There are two definitions of {what}: {other.place} and {thing.place}.",
                "A name must mean one thing, since the journal knows nothing else.",
                "Give one of them name=, or a workflow that was changed another version=.",
            )

    def check(self) -> None:
        """Let every workflow's model look it over; called once all definitions are there."""
        for workflow in self._workflows.values():
            workflow.check()

    def workflow(self, name: str, version: str) -> Workflow[Any, Any]:
        """Return a workflow; the claim made sure that it is here."""
        return self._workflows[name, version]

    def latest(self, name: str) -> Workflow[Any, Any]:
        """Return the newest version of a workflow by name, for people who start one from outside."""
        found = [workflow for (known, _), workflow in self._workflows.items() if known == name]
        if not found:
            names = ", ".join(sorted({known for known, _ in self._workflows})) or "none"
            raise DefinitionError(
                f"There is no workflow {name!r} here.",
                f"Known workflows: {names}.",
                "Look at its name, or include it.",
            )
        return max(found, key=lambda workflow: (len(workflow.version), workflow.version))


def start_of(
    workflow: Workflow[Any, Any],
    input: tuple[bytes, bytes],
    *,
    number: int,
    run_id: str,
    namespace: str = "default",
    parent: Run | None = None,
    parent_op: int = 0,
    attached: bool = True,
    case_id: str | None = None,
    queue: str = "default",
    session: int | None = None,
) -> Start:
    """Make the row of a new run of a workflow; ``input`` is its bytes and their digest."""
    detached_from = parent is not None and not attached
    return Start(
        number=number,
        namespace=parent.namespace if parent is not None else namespace,
        id=run_id,
        workflow=workflow.name,
        version=workflow.version,
        input=input[0],
        input_digest=input[1],
        fingerprint=fingerprint(workflow),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        parent=parent.number if parent is not None else None,
        parent_op=parent_op,
        attached=attached,
        depth=0 if parent is None or detached_from else parent.depth + 1,
        case_id=case_id or (parent.case_id if parent is not None else None),
        traceparent=parent.traceparent if parent is not None else None,
        queue=queue,
        undoes=parent is not None and parent.undoes,
        session=session,
    )
