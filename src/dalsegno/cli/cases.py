"""``dalsegno cases``: which there are, where one stands, which are late or stuck and why; and an end to one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Commands, NotPossibleNow
from dalsegno.cli.inputs import by_option, read_json, read_moment
from dalsegno.cli.view import View, gone_here, viewing

if TYPE_CHECKING:
    from datetime import datetime

    from dalsegno.client.cases import CaseInfos
    from dalsegno.client.past import By

STATES = ("open", "ended", "cancelled")


@click.group(cls=Commands)
def cases() -> None:
    """List and show cases of processes; cancel one."""


def _page_options(function: Any) -> Any:
    before = click.option(
        "--before", type=int, metavar="NUMBER", help="Go on where a page ended: its `next`."
    )
    limit = click.option(
        "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
    )
    return limit(before(function))


def _last_option(function: Any) -> Any:
    return click.option(
        "--last", type=click.IntRange(1, 1_000), default=100, show_default=True, help="By so many past cases."
    )(function)


@cases.command(
    "list", examples=["dalsegno cases list order --state open", "dalsegno cases list --since 2d --json"]
)
@click.argument("process", required=False)
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="In this state; repeatable."
)
@click.option("--since", metavar="TIME", help='That began then or later: a time, or how long ago ("2d").')
@click.option("--until", metavar="TIME", help="That began before then.")
@_page_options
@viewing()
def list_(
    view: View,
    process: str | None,
    states: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int,
    before: int | None,
) -> None:
    """List cases, of all processes or of one, those that began last first."""
    span = read_moment(since, "time"), read_moment(until, "time")
    asyncio.run(_list(view, process, states, span, limit, before))


async def _list(
    view: View,
    process: str | None,
    states: tuple[str, ...],
    span: tuple[datetime | None, datetime | None],
    limit: int,
    before: int | None,
) -> None:
    from dalsegno.client.cases import AsyncCases
    from dalsegno.core.clock import to_datetime

    async with view.desk() as desk:
        found = await AsyncCases(desk).list(
            process, state=states, since=span[0], until=span[1], limit=limit, before=before
        )
        now = to_datetime(desk.store.now())
    _answer(view, found, now, limit, none="no such case")


@cases.command(examples=["dalsegno cases late", "dalsegno cases late order --json"])
@click.argument("process", required=False)
@_page_options
@viewing()
def late(view: View, process: str | None, limit: int, before: int | None) -> None:
    """List the cases that are open and past their process's due time, the longest past first."""
    asyncio.run(_late(view, process, limit, before))


async def _late(view: View, process: str | None, limit: int, before: int | None) -> None:
    from dalsegno.client.cases import AsyncCases
    from dalsegno.core.clock import to_datetime

    async with view.desk() as desk:
        found = await AsyncCases(desk).late(process, limit=limit, before=before)
        now = to_datetime(desk.store.now())
    _answer(view, found, now, limit, none="no open case is late")
    if found:
        of = f" {process}" if process else ""
        say(f"next: dalsegno cases why{of} --late{view.option}")


def _answer(view: View, found: CaseInfos, now: datetime, limit: int, *, none: str) -> None:
    from dalsegno.insight.case_tables import render_cases

    following = found[-1].number if len(found) == limit else None
    view.answer({"at": now, "cases": found, "next": following}, render_cases(found, now, view.style))
    more = f"; more: --before {following}" if following is not None else ""
    say(f"{len(found)} shown{more}" if found else none)


_looked = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Look at so many."
)


@cases.command(examples=["dalsegno cases stuck", "dalsegno cases stuck order --json"])
@click.argument("process", required=False)
@_looked
@viewing()
def stuck(view: View, process: str | None, limit: int) -> None:
    """List the cases of which nothing moves until somebody acts, each with the reason that binds.

    These are open ones, and those that are over of which something is a dead letter or parked: say, what is
    to undo them.
    """
    asyncio.run(_stuck(view, process, limit))


async def _stuck(view: View, process: str | None, limit: int) -> None:
    from dalsegno.insight.case_groups import render_stuck, stuck_cases
    from dalsegno.insight.paint import printable

    async with view.store() as store:
        found = await stuck_cases(store, view.namespace, process, limit=limit, gone=gone_here())
    view.answer(found, render_stuck(found, view.style))
    say(f"{len(found.cases)} of {_many(found.looked, 'case')}{_not_all(found.more)}")
    if found.cases:
        say(f"next: dalsegno where {printable(found.cases[0].id)}{view.option}")


@cases.command(examples=["dalsegno cases why", "dalsegno cases why order --late"])
@click.argument("process", required=False)
@click.option("--late", is_flag=True, help="Only those past their due time.")
@_looked
@viewing()
def why(view: View, process: str | None, late: bool, limit: int) -> None:
    """Say why open cases wait: how many for which reason, the largest group first, with examples."""
    asyncio.run(_why(view, process, limit, late=late))


async def _why(view: View, process: str | None, limit: int, *, late: bool) -> None:
    from dalsegno.insight.case_groups import render_groups, why_cases

    async with view.store() as store:
        found = await why_cases(store, view.namespace, process, late=late, limit=limit, gone=gone_here())
    view.answer(found, render_groups(found, view.style, option=view.option))
    say(f"{_many(found.looked, 'open case')}{_not_all(found.more)}")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _not_all(more: bool) -> str:
    return "; there are more: --limit" if more else ""


@cases.command(
    examples=[
        "dalsegno cases show order-123",
        "dalsegno cases show pay-77 --json",
        "dalsegno cases show order-123 --at 2d",
    ]
)
@click.argument("case")
@click.option("--at", metavar="TIME", help='As it was then: a time, or how long ago ("2d").')
@click.option("--happened", is_flag=True, help="With --at: by the events' own times.")
@viewing()
def show(view: View, case: str, at: str | None, *, happened: bool) -> None:
    """Show a case with all that it has left: its events, what came of each, its runs, its dead letters.

    CASE is its name, its key, or one of the further keys that its process declares. --at shows what the store
    knew then, with --happened what had happened by then, whenever it came to be known.
    """
    if happened and at is None:
        raise click.UsageError("--happened says by which time --at counts: give --at too.")
    asyncio.run(_show(view, case, read_moment(at, "time"), "happened" if happened else "accepted"))


async def _show(view: View, case: str, at: datetime | None, by: By) -> None:
    from dalsegno.client.cases import AsyncCases
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.case_tables import render_case

    async with view.desk() as desk:
        story = await AsyncCases(desk).show(case, at=at, by=by)
        now = at or to_datetime(desk.store.now())
    view.answer(story, render_case(story, now, view.style, option=view.option))


@cases.command(examples=["dalsegno cases times order-123", "dalsegno cases times order-123 --json"])
@click.argument("case")
@_last_option
@viewing()
def times(view: View, case: str, last: int) -> None:
    """Say where a case's time went, by when what it owes is due, and when it is likely to end by past cases.

    Each moment counts once: as running, else as retrying, else as queued, else as waiting.
    """
    asyncio.run(_times(view, case, last))


async def _times(view: View, case: str, last: int) -> None:
    from dalsegno.client.cases import AsyncCases
    from dalsegno.insight.time_tables import render_times
    from dalsegno.insight.usual import Usual, dues
    from dalsegno.insight.whereabouts import where

    async with view.desk() as desk:
        room = AsyncCases(desk)
        found = await room.times(case)
        forecast = None if found.ended_at is not None else await room.forecast(case, last=last)
        stands = await where(desk.store, desk.namespace, found.case)
        due = await dues(Usual(desk.store, desk.namespace), stands.case)
    told = render_times(found, forecast, due, view.style)
    view.answer({"times": found, "forecast": forecast, "due": due}, told)


@cases.command(examples=["dalsegno cases compare order-123 order-122"])
@click.argument("first")
@click.argument("second")
@viewing()
def compare(view: View, first: str, second: str) -> None:
    """Lay two cases side by side: say, one that is stuck and one that is not.

    Each event stands with how long after its case's beginning it came.
    """
    asyncio.run(_compare(view, first, second))


async def _compare(view: View, first: str, second: str) -> None:
    from dalsegno.client.cases import AsyncCases
    from dalsegno.insight.time_tables import render_comparison

    async with view.desk() as desk:
        told = await AsyncCases(desk).compare(first, second)
    view.answer(told, render_comparison(told, view.style))


@cases.command(
    examples=[
        "dalsegno cases cancel order-123 --by ann",
        """dalsegno cases cancel order-123 '{"reason": "fraud"}'""",
    ]
)
@click.argument("case")
@click.argument("data", required=False)
@by_option
@viewing(json=False, utc=False)
def cancel(view: View, case: str, data: str | None, by: str) -> None:
    """Cancel a case: emit the event that its process declares for it, and cancel its runs.

    The event gets the case's key; DATA is JSON for what else it has: a text, @FILE, or - for standard
    input. Handlers that undo go on. Ends with 4 where the case is over.
    """
    import msgspec

    told = msgspec.json.decode(read_json(data, "data"))
    if told is not None and not isinstance(told, dict):
        raise click.UsageError('The data is no JSON object: write {"reason": "…"}.')
    asyncio.run(_cancel(view, case, told, by))


async def _cancel(view: View, case: str, data: dict[str, Any] | None, by: str) -> None:
    async with view.client() as client:
        info = await client.cases.get(case)
        done = await client.cases.cancel(info.id, data, by=by)
    if not done:
        raise NotPossibleNow(
            f"Case {info.id} was not cancelled: it is over.",
            "Nothing was changed.",
            f"`dalsegno cases show {info.id}` shows how it ended.",
        )
    say(f"case {info.id}: cancelled; what undoes it goes on")
