"""``dalsegno events emit``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import put, say, style
from dalsegno.cli.exits import Command, debug_option
from dalsegno.cli.view import View, store_options

if TYPE_CHECKING:
    from dalsegno.events.known import Known


@click.command(
    cls=Command,
    examples=[
        'dalsegno events emit orders.py:OrderPlaced \'{"order_id": "123"}\' --id web-123',
        "dalsegno events emit OrderPlaced @order.json --key 123",
    ],
)
@click.argument("target", metavar="[FILE:]TYPE")
@click.argument("data", required=False)
@click.option("--id", metavar="ID", help="The event's id: emitted again, it is not written again.")
@click.option("--key", metavar="KEY", help="Its key, where TYPE has no FILE whose class would tell.")
@click.option("--case", "case_id", metavar="ID", help="The case that it belongs to.")
@click.option(
    "--version", type=click.IntRange(1), default=1, show_default=True, help="The version of its type."
)
@store_options
@debug_option
def emit(
    *,
    target: str,
    data: str | None,
    id: str | None,
    key: str | None,
    case_id: str | None,
    version: int,
    store: str | None,
    namespace: str,
) -> None:
    """Put an event on the log, and print its number there.

    With FILE (orders.py, or the module shop.orders) DATA is read by the event's class, which tells the
    key too. DATA is JSON, @file, or - for standard input.
    """
    from dalsegno.cli.inputs import read_json

    payload = read_json(data, "data")
    file, colon, name = target.rpartition(":")
    if colon:
        event, known, view = _from_class(file, name, version, payload, key, store)
        view = replace(view, namespace=namespace) if namespace != "default" else view
        number = asyncio.run(_emit(view, event, known, id, case_id))
    else:
        view = _view(store, namespace)
        number = asyncio.run(
            _emit(view, _envelope(name, payload, id, key, case_id, version), None, None, None)
        )
    put(str(number))


def _from_class(
    file: str, name: str, version: int, payload: bytes, key: str | None, store: str | None
) -> tuple[Any, Known, View]:
    from dalsegno.cli.programs import load
    from dalsegno.errors import NotDecodable

    if key is not None:
        raise click.UsageError("The class of the event tells its key: leave out --key.")
    program = load([file], store)
    types = program.known.types
    kind = types.of(name, version) if version > 1 else types.latest(name)
    if kind is None:
        names = ", ".join(sorted({known for known, _ in types.all})) or "none"
        raise click.UsageError(f"{program.label} has no event {name!r}; it has: {names}.")
    say(f"store {program.place}")
    view = View(program.place, program.options.namespace, False, style(utc=False), "")
    try:
        return kind.decode(payload), program.known, view
    except NotDecodable as error:
        raise click.UsageError(
            f"The data does not fit event {kind.title}: {error.__cause__ or error.what}"
        ) from error


def _view(store: str | None, namespace: str) -> View:
    from dalsegno.cli.stores import must_exist, resolve

    place = must_exist(resolve(store))
    say(f"store {place}")
    return View(place, namespace, False, style(utc=False), "")


def _envelope(
    type_: str, payload: bytes, id: str | None, key: str | None, case_id: str | None, version: int
) -> Any:
    from dalsegno.core.ids import new_id
    from dalsegno.events.envelope import Envelope

    said = {"key": key, "case": case_id, "version": version}
    extensions = {name: value for name, value in said.items() if value is not None}
    return Envelope(id=id or new_id(), source="dalsegno:cli", type=type_, data=payload, extensions=extensions)


async def _emit(view: View, event: Any, known: Known | None, id: str | None, case_id: str | None) -> int:
    async with view.client(known) as client:
        before = await client.events.end()
        (number,) = await client.emit(event, id=id, case_id=case_id)
    say(f"event {number}" if number > before else f"event {number}, which was there before")
    return number
