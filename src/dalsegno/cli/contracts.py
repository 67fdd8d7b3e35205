"""``dalsegno contracts``: whether a choreography's declarations fit together, and are true."""

from __future__ import annotations

import json

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Commands, Exit, NotPossibleNow, debug_option


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@debug_option
@click.pass_context
def check(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Check the events, services and processes of a program against each other and against its source.

    PROGRAM is a path (orders.py) or a module (shop.orders); nothing of it is run but its imports. Ends
    with 1 where something was found.
    """
    from dalsegno.cli.programs import load
    from dalsegno.events.contracts import check as check_contracts

    program = load(files, None)
    registry = program.registry
    report = check_contracts(program.known, [*registry.workflows.values(), *registry.steps.values()])
    put(json.dumps(report.document(), indent=2, ensure_ascii=False) if as_json else report.text())
    if not program.known.services:
        say(f"{program.label} has no service: there was nothing to check")
    ctx.exit(Exit(report.exit_code))


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
        raise NotPossibleNow(
            f"{program.label} has no service {service}.", f"Its services: {names}.", "Look at the name."
        )
    put(json.dumps(describe(found, version=version), indent=2, ensure_ascii=False))
