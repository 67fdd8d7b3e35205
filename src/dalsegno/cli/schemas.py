"""``dalsegno schemas``: which versions of events are registered, and whether a program fits them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Commands, Exit, NotRegistered, debug_option
from dalsegno.cli.stores import must_exist
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from dalsegno.cli.programs import Program
    from dalsegno.events.schemas import Report


@click.group(cls=Commands)
def schemas() -> None:
    """Show which versions of events are registered; register more, check a program against them."""


@schemas.command("list", examples=["dalsegno schemas list", "dalsegno schemas list OrderPlaced --json"])
@click.argument("type", required=False)
@viewing()
def list_(view: View, type: str | None) -> None:
    """List the registered versions of events, of one TYPE or of all, and which handlers read them.

    EVENTS counts those of a version among the newest 100,000 of the log.
    """
    asyncio.run(_list(view, type, full=False))


@schemas.command(examples=["dalsegno schemas show OrderPlaced"])
@click.argument("type")
@viewing()
def show(view: View, type: str) -> None:
    """Show the versions of one TYPE in full: the schemas, who reads and who emits them."""
    asyncio.run(_list(view, type, full=True))


async def _list(view: View, type: str | None, *, full: bool) -> None:
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.schemas import list_schemas, render_schema, render_schemas

    async with view.store() as store:
        found, now = await list_schemas(store, view.namespace, type), to_datetime(store.now())
    if full and not found:
        raise NotRegistered(
            f"No version of {type} is registered in {view.place.address}.",
            "A worker registers the events of its program when it starts.",
            "`dalsegno schemas list` shows what there is; look at the name and the namespace.",
        )
    text = render_schema(found, now, view.style) if full else render_schemas(found, now, view.style)
    view.answer({"at": now, "schemas": found}, text)
    if not found:
        say("nothing is registered; a worker registers the events of its program: dalsegno worker FILE.py")


@schemas.command(
    examples=[
        "dalsegno schemas register paid.avsc --store /var/lib/orders.db",
        "dalsegno schemas register paid.json --type Paid --version 2",
    ]
)
@click.argument("file", type=click.File("rb"))
@click.option("--type", metavar="NAME", help="The event's type; without, the full name of the Avro schema.")
@click.option("--version", type=int, default=1, show_default=True, help="The version that it is of.")
@click.option(
    "--compatibility", metavar="MODE", help="How it and those after it must fit: backward, full, none, …"
)
@click.option("--dry-run", is_flag=True, help="Only say whether it would be registered.")
@viewing(utc=False, exists=False)
@click.pass_context
def register(
    ctx: click.Context,
    view: View,
    file: BinaryIO,
    type: str | None,
    version: int,
    dry_run: bool,
    compatibility: str | None,
) -> None:
    """Register a schema that somebody else's events follow: Avro (FILE.avsc), or JSON Schema.

    Events of this type and version that come from outside are held to it. Ends with 1 where it does not
    fit the other versions.
    """
    text, is_avro = file.read(), file.name.endswith(".avsc")
    asked = {
        "type": type or (_name_of(text) if is_avro else ""),
        "version": version,
        "schema": text,
        "format": "avro" if is_avro else "json",
        "compatibility": compatibility,
    }
    if not asked["type"]:
        raise click.UsageError(f"{file.name} says not of which event it is the schema: --type NAME.")
    if dry_run:
        must_exist(view.place)
        ctx.exit(Exit(asyncio.run(_judge(view, asked))))
    asyncio.run(_register(view, asked))


def _name_of(text: bytes) -> str:
    from dalsegno.client.schemas import read_schema
    from dalsegno.events.schemas.avro_types import avro_type

    return avro_type(read_schema(text)).name


async def _judge(view: View, asked: dict[str, Any]) -> int:
    from dalsegno.client.schemas import declared_by_hand
    from dalsegno.insight.schemas import check_schema, document_of

    async with view.store() as store:
        report = await check_schema(store, view.namespace, declared_by_hand(**asked))
    view.answer(document_of(report), str(report))
    return report.exit_code


async def _register(view: View, asked: dict[str, Any]) -> None:
    async with view.client() as client:
        is_new = await client.schemas.register(**asked)
    title = f"{asked['type']} v{asked['version']}"
    document = {"type": asked["type"], "version": asked["version"], "registered": is_new}
    view.answer(document, f"{title} {'is registered' if is_new else 'was registered before'}")


@schemas.command(examples=["dalsegno schemas check orders.py --store /var/lib/orders.db", "… --json"])
@click.argument("files", nargs=-1, required=True, metavar="PROGRAM...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--store", metavar="ADDRESS", help="A file, or sqlite:///path, instead of the App's own.")
@debug_option
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...], as_json: bool, store: str | None) -> None:
    """Check the events that a program declares against what is registered, before it is deployed.

    PROGRAM is a path (orders.py) or a module (shop.orders); nothing of it is run but its imports, and
    nothing is written. Ends with 1 where a worker of it would not start.
    """
    from dalsegno.cli.programs import load
    from dalsegno.insight.render import to_json
    from dalsegno.insight.schemas import document_of

    program = load(files, store)
    report = asyncio.run(_check(program))
    put(to_json(document_of(report)) if as_json else str(report))
    ctx.exit(Exit(report.exit_code))


async def _check(program: Program) -> Report:
    from dalsegno.cli.console import style
    from dalsegno.insight.schemas import check_program

    say(f"store {program.place}")
    view = View(must_exist(program.place), program.options.namespace, False, style(utc=False), "")
    async with view.store() as store:
        return await check_program(store, view.namespace, program.known)
