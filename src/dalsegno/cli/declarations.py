"""What is declared of processes: by the code of a program, or by what is registered in a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dalsegno.cli.programs import Program
    from dalsegno.insight.flow import Flow
    from dalsegno.store.protocol import Store


def flow_of(program: Program) -> Flow:
    """Read the flow of a program from its services, processes and workflows. Raises DefinitionError."""
    from dalsegno.events.declaring import emitter_of
    from dalsegno.insight.flow import read_flow

    known = program.known
    known.check()
    return read_flow(
        [handler.declaration() for one in known.services.values() for handler in one.handlers.values()],
        [process.declaration() for process in known.processes.values()],
        [emitter_of(workflow) for workflow in program.registry.workflows.values()],
    )


async def stored_flow(store: str | None, namespace: str) -> tuple[Flow, str]:
    """Read the flow of all that is registered in a store, and how the store is called."""
    from dalsegno.insight.case_flow import read_declared

    async with opened(store, namespace) as found:
        return await read_declared(found, namespace), found.address


@asynccontextmanager
async def opened(store: str | None, namespace: str, *, quiet: bool = False) -> AsyncIterator[Store]:
    """Open the store that an option means, to read it; one that is not there is an error.

    It is said which one that is, unless that was said before (``quiet``).
    """
    from dalsegno.cli.console import say, style
    from dalsegno.cli.stores import must_exist, resolve
    from dalsegno.cli.view import View

    place = must_exist(resolve(store))
    if not quiet:
        say(f"store {place}")
    async with View(place, namespace, False, style(utc=False), "").store() as found:
        yield found
