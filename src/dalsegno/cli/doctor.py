"""``dalsegno doctor``."""

from __future__ import annotations

import asyncio

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Command, Exit
from dalsegno.cli.view import View, gone_here, viewing


@click.command(cls=Command)
@viewing()
@click.pass_context
def doctor(ctx: click.Context, view: View) -> None:
    """Look the store and its workers over: what is wrong, and what to do about it.

    Schema and size, the write-ahead log, a full disk, who keeps the write lock, which workers live or are
    wedged, due runs that nobody can run, services that stand still, dead letters, parked runs. Ends
    with 1 where something needs a person.
    """
    if not asyncio.run(_examine(view)):
        ctx.exit(Exit.FAILED)


async def _examine(view: View) -> bool:
    from dalsegno.insight.health import examine
    from dalsegno.insight.tables import render_counts, render_health

    async with view.store() as store:
        health = await examine(store, view.namespace, gone=gone_here())
    view.answer(health, render_health(health, view.style))
    say(render_counts(health.counts))
    return health.well
