"""``dalsegno contracts``: whether a choreography's declarations fit together, and are true."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Commands, Exit, debug_option
from dalsegno.cli.stores import must_exist, resolve
from dalsegno.errors import ServiceNotFound

if TYPE_CHECKING:
    from dalsegno.events.contracts.observing import Seen

_NEWEST = 100_000  # events that --observed looks at
_PAGE = 1_000


@click.group(cls=Commands)
def contracts() -> None:
    """Check what services declare, without running them; export it."""


@contracts.command(
    examples=[
        "dalsegno contracts check orders.py",
        "dalsegno contracts check shop.payments shop.stock --json",
    ]
)
@click.argument("files", nargs=-1, required=True, metavar="PROGRAM...")
@click.option("--observed", metavar="STORE", help="Hold it to the newest 100,000 events of this store too.")
@click.option("--namespace", default="default", envvar="DALSEGNO_NAMESPACE", help="The App's namespace.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@debug_option
@click.pass_context
def check(
    ctx: click.Context, files: tuple[str, ...], observed: str | None, namespace: str, as_json: bool
) -> None:
    """Check the events, services and processes of a program against each other and against its source.

    PROGRAM is a path (orders.py) or a module (shop.orders); nothing of it is run but its imports. Ends
    with 1 where something was found.
    """
    from dalsegno.cli.programs import load
    from dalsegno.events.contracts import check as check_contracts

    program = load(files, None)
    registry = program.registry
    seen = [] if observed is None else asyncio.run(_observe(observed, namespace))
    report = check_contracts(program.known, [*registry.workflows.values(), *registry.steps.values()], seen)
    put(json.dumps(report.document(), indent=2, ensure_ascii=False) if as_json else report.text())
    if not program.known.services:
        say(
            f"{program.label} has no service: there was nothing to check (what aggregates apply and projections "
            "fold is read when they are made, and not held to who emits it)"
        )
    ctx.exit(Exit(report.exit_code))


async def _observe(option: str, namespace: str) -> list[Seen]:
    """List what was seen on the newest part of a store's log."""
    from dalsegno.app import open_store
    from dalsegno.core.clock import SystemClock
    from dalsegno.events.contracts.observing import seen
    from dalsegno.events.readable import readers_of
    from dalsegno.store.log import EventQuery

    store = open_store(must_exist(resolve(option)).address, SystemClock(), looking=True)
    await store.open()
    found: dict[tuple[str, int, str], Seen] = {}
    try:
        after = max((await store.head()).last - _NEWEST, 0)
        while page := await store.events(EventQuery(namespace=namespace, after=after, limit=_PAGE)):
            for each in seen(page):
                found.setdefault((each.type, each.version, each.emitter), each)
            after = page[-1].number
        rows = {name: await store.schemas(namespace, name) for name in {each.type for each in found.values()}}
    finally:
        await store.close()
    return [each._replace(readers=readers_of(rows[each.type], each.version)) for each in found.values()]


@contracts.command(examples=["dalsegno contracts asyncapi payments orders.py > payments.asyncapi.json"])
@click.argument("service")
@click.argument("files", nargs=-1, required=True, metavar="PROGRAM...")
@click.option("--version", default="1.0.0", show_default=True, help="The version of the service's interface.")
@debug_option
def asyncapi(service: str, files: tuple[str, ...], version: str) -> None:
    """Describe one service of a program as an AsyncAPI 3 document."""
    from dalsegno.cli.programs import load
    from dalsegno.events.contracts.asyncapi import asyncapi as describe

    program = load(files, None)
    found = program.known.services.get(service)
    if found is None:
        names = ", ".join(sorted(program.known.services)) or "none"
        raise ServiceNotFound(
            f"{program.label} has no service {service}.", f"Its services: {names}.", "Look at the name."
        )
    put(json.dumps(describe(found, version=version), indent=2, ensure_ascii=False))
