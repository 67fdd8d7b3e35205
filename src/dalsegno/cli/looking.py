"""``dalsegno runs list``, ``show`` and ``watch``."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Command, Exit
from dalsegno.cli.view import View, viewing

STATUSES = ("pending", "running", "waiting", "completed", "failed", "cancelled")


@click.command(
    "list",
    cls=Command,
    examples=[
        "dalsegno runs list --status waiting --workflow place_order",
        "dalsegno runs list --parked --json",
    ],
)
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Of this status; repeatable."
)
@click.option("--parked", is_flag=True, help="Those that wait for a person or a deploy.")
@click.option("--workflow", metavar="NAME", help="Of this workflow.")
@click.option("--prefix", metavar="TEXT", help="Whose id begins so.")
@click.option("--case", metavar="ID", help="Of this case.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
@click.option("--before", type=int, metavar="NUMBER", help="Go on where a page ended: its `next`.")
@viewing()
def list_(view: View, parked: bool, **wanted: Any) -> None:
    """List runs, newest first."""
    asyncio.run(_list(view, parked, **wanted))


async def _list(
    view: View,
    parked: bool,
    *,
    statuses: tuple[str, ...],
    workflow: str | None,
    prefix: str | None,
    case: str | None,
    limit: int,
    before: int | None,
) -> None:
    from dalsegno.core.runs import PARKED
    from dalsegno.insight.listing import count_runs, list_runs
    from dalsegno.insight.tables import render_counts, render_page
    from dalsegno.store.protocol import RunQuery

    query = RunQuery(
        namespace=view.namespace,
        statuses=("waiting",) if parked else tuple(dict.fromkeys(statuses)),
        reason=PARKED if parked else None,
        workflow=workflow,
        id_prefix=prefix,
        case_id=case,
        limit=limit,
        before=before,
    )
    async with view.store() as store:
        page = await list_runs(store, query)
        counts = await count_runs(store, view.namespace)
    view.answer(page, render_page(page, view.style))
    more = f"; more: --before {page.next}" if page.next else ""
    say(f"{len(page.runs)} shown of {render_counts(counts)}{more}")


@click.command(cls=Command)
@click.argument("id")
@click.option("--full", is_flag=True, help="Show values and the traceback to their end.")
@viewing()
def show(view: View, id: str, full: bool) -> None:
    """Show a run in full: its input, each entry of its journal, its result or error.

    `dalsegno where` says why it does not move.
    """
    asyncio.run(_show(view, id, full))


async def _show(view: View, id: str, full: bool) -> None:
    from dalsegno.insight.journal import read_journal
    from dalsegno.insight.search import find_run
    from dalsegno.insight.tables import render_journal

    async with view.store() as store:
        journal = await read_journal(store, await find_run(store, view.namespace, id))
    view.answer(journal, render_journal(journal, view.style, full=full))


@click.command(cls=Command)
@click.argument("id")
@click.option("--ndjson", is_flag=True, help="Print one JSON document per line.")
@click.option("--timeout", metavar="TIME", help='Watch no longer than this, such as "30s" or "5m".')
@viewing(json=False)
@click.pass_context
def watch(ctx: click.Context, view: View, id: str, ndjson: bool, timeout: str | None) -> None:
    """Watch a run until it ends: each entry as it is written, each change of its status.

    Ends with 0 when the run completed, 1 when it failed, 6 when it was cancelled, 124 after --timeout.
    """
    status = asyncio.run(_watch(view, id, ndjson, timeout))
    ctx.exit({"failed": Exit.FAILED, "cancelled": Exit.CANCELLED}.get(status, Exit.OK))


async def _watch(view: View, id: str, ndjson: bool, timeout: str | None) -> str:
    from dalsegno.core.clock import SECOND
    from dalsegno.core.durations import microseconds
    from dalsegno.errors import ResultTimeout
    from dalsegno.insight.follow import Change, follow
    from dalsegno.insight.render import render_news, to_json
    from dalsegno.insight.search import find_run

    limit = None if timeout is None else microseconds(timeout, what="timeout") / SECOND
    async with view.store() as store:
        run = await find_run(store, view.namespace, id)
        status = run.status.value
        try:
            async with asyncio.timeout(limit):
                async for news in follow(store, run):
                    put(to_json(news, indent=0) if ndjson else render_news(news, view.style))
                    status = news.status if isinstance(news, Change) else status
        except TimeoutError:
            raise ResultTimeout(
                f"Run {run.id} has not ended after {timeout}; it is {status}.",
                "The run goes on; only the watch has ended.",
                f"`dalsegno where {run.id}` says what it waits for.",
                run_id=run.id,
            ) from None
    return status
