"""``dalsegno runs signal``, ``cancel`` and ``retry``."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Command, NotPossibleNow
from dalsegno.cli.inputs import whoami
from dalsegno.cli.view import View, viewing


def sender_option(function: Any) -> Any:
    """Add ``--sender``: who says so goes into the journal."""
    option = click.option(
        "--sender", default=whoami, show_default="your login", help="Who says so, for the journal."
    )
    return option(function)


@click.command(cls=Command, examples=["dalsegno runs signal order-123 underwriter '{\"approved\": true}'"])
@click.argument("id")
@click.argument("name")
@click.argument("payload", required=False)
@click.option(
    "--id", "signal_id", metavar="ID", help="An id of the signal: sent again, it is not taken again."
)
@sender_option
@viewing(json=False, utc=False)
def signal(view: View, id: str, name: str, payload: str | None, signal_id: str | None, sender: str) -> None:
    """Send a signal to a run.

    NAME is what the run asks for, PAYLOAD its value as JSON, @file, or - for standard input.
    """
    from dalsegno.cli.inputs import read_json

    asyncio.run(_signal(view, id, name, read_json(payload, "payload"), signal_id, sender))


async def _signal(view: View, id: str, name: str, data: bytes, signal_id: str | None, sender: str) -> None:
    import msgspec

    from dalsegno.insight.search import find_run

    async with view.runtime() as runtime:
        run = await find_run(runtime.store, view.namespace, id)
        new = await runtime.operations.signal(run.id, msgspec.json.decode(data), name, signal_id, sender)
    how = "accepted" if new else f"with id {signal_id} had been accepted before"
    say(f"run {run.id}: signal {name} {how}")


@click.command(cls=Command)
@click.argument("id")
@sender_option
@viewing(json=False, utc=False)
def cancel(view: View, id: str, sender: str) -> None:
    """Ask for a run to be cancelled; a saga undoes what it did.

    It is the run that ends itself: this returns once the wish is on record. Ends with 4 where the run
    has ended already.
    """
    asyncio.run(_cancel(view, id, sender))


async def _cancel(view: View, id: str, sender: str) -> None:
    from dalsegno.errors import RunEnded
    from dalsegno.insight.search import find_run

    async with view.runtime() as runtime:
        run = await find_run(runtime.store, view.namespace, id)
        asked = await runtime.operations.cancel(run.id, sender)
        row = await runtime.operations.row(run.id)
    if asked or not row.status.ended:
        how = "asked for" if asked else "had been asked for before"
        say(f"run {run.id}: cancel {how}; it is {row.status}")
        return
    raise RunEnded(
        f"Run {run.id} has ended ({row.status}), so it cannot be cancelled.",
        "A result that is there never changes.",
        f"`dalsegno runs show {run.id}` shows what it did.",
        run_id=run.id,
    )


@click.command(cls=Command)
@click.argument("id")
@sender_option
@viewing(json=False, utc=False)
def retry(view: View, id: str, sender: str) -> None:
    """Try a parked run again, once what parked it is mended. Ends with 4 where it is not parked."""
    asyncio.run(_retry(view, id, sender))


async def _retry(view: View, id: str, sender: str) -> None:
    from dalsegno.insight.search import find_run

    async with view.runtime() as runtime:
        run = await find_run(runtime.store, view.namespace, id)
        if await runtime.operations.retry(run.id, sender):
            say(f"run {run.id}: to be tried again ({run.reason})")
            return
        row = await runtime.operations.row(run.id)
    raise NotPossibleNow(
        f"Run {run.id} is {row.status}{f' ({row.reason})' if row.reason else ''}, not parked.",
        "Only a parked run waits for a person to have it tried again.",
        f"`dalsegno where {run.id}` says what it waits for.",
        run_id=run.id,
    )
