"""``dalsegno start``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import busy, put, say
from dalsegno.cli.exits import Command, debug_option

if TYPE_CHECKING:
    from dalsegno.app import Runtime
    from dalsegno.cli.programs import Program
    from dalsegno.engine.definitions import Workflow


@click.command(
    cls=Command,
    examples=[
        'dalsegno start orders.py:place_order \'{"order_id": "123"}\' --id order-123',
        "dalsegno start orders.py:place_order @order.json --wait --timeout 1m",
    ],
)
@click.argument("target", metavar="FILE:WORKFLOW")
@click.argument("input", required=False)
@click.option("--id", help="The run's id; the same id with the same input is the same run.")
@click.option("--case", metavar="ID", help="The case that the run belongs to.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, and print its result.")
@click.option("--timeout", metavar="TIME", help='How long to wait, such as "30s" or "5m".')
@click.option("--store", metavar="ADDRESS", help="A file, or sqlite:///path, instead of the App's own.")
@debug_option
def start(
    target: str,
    input: str | None,
    id: str | None,
    case: str | None,
    wait: bool,
    timeout: str | None,
    store: str | None,
) -> None:
    """Start a run of a workflow, and print its id.

    FILE is a path (orders.py) or a module (shop.orders); WORKFLOW may be left out where there is only one.
    INPUT is JSON, @file, or - for standard input. A worker does the work: `dalsegno worker FILE`.
    """
    from dalsegno.cli.inputs import read_json
    from dalsegno.cli.programs import load, pick

    file, name = _parted(target)
    program = load([file], store)
    workflow = pick(program, name)
    value = _fitting(workflow, read_json(input, "input"))
    say(f"store {program.place}")
    result = asyncio.run(_start(program, workflow, value, id, case, wait or timeout is not None, timeout))
    put(result)


def _fitting(workflow: Workflow[Any, Any], data: bytes) -> Any:
    from dalsegno.errors import NotDecodable

    try:
        return workflow.input.decode(data, "input")
    except NotDecodable as error:
        wanted = workflow.signature
        raise click.UsageError(
            f"The input does not fit {workflow.name}{wanted}: {error.__cause__}"
        ) from error


def _parted(target: str) -> tuple[str, str | None]:
    file, colon, name = target.rpartition(":")
    return (file, name) if colon else (target, None)


async def _start(
    program: Program,
    workflow: Workflow[Any, Any],
    value: Any,
    id: str | None,
    case: str | None,
    wait: bool,
    timeout: str | None,
) -> str:
    from dalsegno.app import Runtime, open_store
    from dalsegno.core.clock import SystemClock

    runtime = Runtime(
        open_store(program.place.address, SystemClock()), program.registry, program.options, worker=False
    )
    client = await runtime.open()
    try:
        run = await client.start(workflow, value, id=id, case_id=case)
        if not wait:
            say(f"{workflow.name} v{workflow.version}: {await run.status()}")
            return run.id
        say(f"run {run.id} of {workflow.name} v{workflow.version}; ^C ends the wait, not the run")
        await _warn_if_alone(runtime, workflow)
        with busy(f"waiting for {run.id}"):
            await run.result(timeout)
        return await _result(runtime, run.id)
    finally:
        await runtime.close()


async def _warn_if_alone(runtime: Runtime, workflow: Workflow[Any, Any]) -> None:
    from dalsegno.cli.view import gone_here
    from dalsegno.insight.workers import read_workers

    workers = await read_workers(runtime.store, gone_here())
    if not workers.able(workflow.name, workflow.version):
        say(f"no live worker has {workflow.name} v{workflow.version} yet: dalsegno worker FILE")


async def _result(runtime: Runtime, id: str) -> str:
    """Read the result as it is stored: nothing is lost on its way through Python."""
    from dalsegno.insight.journal import payload
    from dalsegno.insight.render import to_json

    row = await runtime.operations.row(id)
    return to_json(payload(row.output, row.output_codec))
