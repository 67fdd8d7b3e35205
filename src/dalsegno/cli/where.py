"""``dalsegno where`` and ``dalsegno explain``."""

from __future__ import annotations

import asyncio
from datetime import datetime

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Command
from dalsegno.cli.inputs import read_moment
from dalsegno.cli.view import View, gone_here, viewing


@click.command(
    cls=Command,
    examples=[
        "dalsegno where order-123",
        "dalsegno where order-123 --short",
        "dalsegno where order-123 --json",
        "dalsegno where order-123 --at 2h",
    ],
)
@click.argument("id")
@click.option("--short", is_flag=True, help="One line.")
@click.option("--full", is_flag=True, help="All that may come later, and what cannot come any more.")
@click.option("--at", metavar="TIME", help='A case as it was then: a time, or how long ago ("2h").')
@click.option("--last", default=60, show_default=True, help="How much of a long trail to show.")
@viewing()
def where(view: View, id: str, short: bool, full: bool, at: str | None, last: int) -> None:
    """Say where a case or a run stands: what is done, what is owed, by whom, and why it does not move.

    ID is the name of a case (order-123), one of its keys, the id of a run or how it begins, or an event: its
    number (17, or #17 where that is a key too), or source#id.
    """
    asyncio.run(_where(view, id, last, read_moment(at, "time"), short=short, full=full))


async def _where(view: View, id: str, last: int, at: datetime | None, *, short: bool, full: bool) -> None:
    from dalsegno.core.clock import from_datetime
    from dalsegno.insight.render import render_where
    from dalsegno.insight.whereabouts import where as look

    then = None if at is None else from_datetime(at)
    async with view.store() as store:
        found = await look(store, view.namespace, id, gone=gone_here(), trail=last, then=then)
    view.answer(found, render_where(found, view.style, option=view.option, full=full, short=short))
    for other in found.others:
        say(f"there is an event of that number too: dalsegno where '{other}'")


@click.command(cls=Command, examples=["dalsegno explain order-123", "dalsegno explain '#17' --json"])
@click.argument("id")
@viewing()
def explain(view: View, id: str) -> None:
    """Say why a case, a run or an event does not move: all reasons, the one that binds first.

    ID as for where; an event that is named by its number is asked about itself.
    """
    asyncio.run(_explain(view, id))


async def _explain(view: View, id: str) -> None:
    from dalsegno.insight.render_case import render_explanation
    from dalsegno.insight.whereabouts import explain as ask

    async with view.store() as store:
        told = await ask(store, view.namespace, id, gone=gone_here())
    view.answer(told, render_explanation(told, view.style, option=view.option))
