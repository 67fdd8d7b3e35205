"""``dalsegno where``."""

from __future__ import annotations

import asyncio

import click

from dalsegno.cli.exits import Command
from dalsegno.cli.view import View, gone_here, viewing


@click.command(cls=Command, examples=["dalsegno where order-123", "dalsegno where order-123 --json"])
@click.argument("id")
@click.option("--last", default=60, show_default=True, help="How much of a long trail to show.")
@viewing()
def where(view: View, id: str, last: int) -> None:
    """Say where a run stands, what it waits for, and why it does not move.

    ID is a run's id or how it begins, or the id of a case.
    """
    asyncio.run(_where(view, id, last))


async def _where(view: View, id: str, last: int) -> None:
    from dalsegno.insight.render import render_where
    from dalsegno.insight.where import where as look

    async with view.store() as store:
        found = await look(store, view.namespace, id, gone=gone_here(), trail=last)
    view.answer(found, render_where(found, view.style, option=view.option))
