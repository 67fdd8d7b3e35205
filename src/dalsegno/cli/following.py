"""``dalsegno events list``, ``show`` and ``tail``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Command
from dalsegno.cli.inputs import read_moment
from dalsegno.cli.view import View, gone_here, viewing

if TYPE_CHECKING:
    from dalsegno.core.event import Event
    from dalsegno.store.log import EventQuery


def which_options(function: Any) -> Any:
    """Add the options that say which events are meant."""
    for option in (
        click.option("--case", "case_id", metavar="ID", help="Of this case."),
        click.option("--key", metavar="KEY", help="With this key."),
        click.option("--type", "type_", metavar="TYPE", help="Of this type."),
    ):
        function = option(function)
    return function


def _as_cloudevents(function: Any) -> Any:
    option = click.option(
        "--cloudevents", is_flag=True, help="Print each as a CloudEvent, one JSON document per line."
    )
    return option(function)


@click.command(
    "list",
    cls=Command,
    examples=[
        "dalsegno events list --type OrderPlaced --since 1h",
        "dalsegno events list --case order-123 --oldest",
        "dalsegno events list --after 0 --limit 10000 --cloudevents > events.jsonl",
    ],
)
@which_options
@click.option(
    "--after", type=click.IntRange(0), metavar="NUMBER", help="Behind this number, the oldest first."
)
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="Before this number.")
@click.option("--since", metavar="TIME", help='Accepted from then on: a time, or how long ago ("10m").')
@click.option("--until", metavar="TIME", help="Accepted before then.")
@click.option("--oldest", is_flag=True, help="The oldest first.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many."
)
@_as_cloudevents
@viewing()
def list_(
    view: View,
    *,
    type_: str | None,
    key: str | None,
    case_id: str | None,
    after: int | None,
    before: int | None,
    since: str | None,
    until: str | None,
    oldest: bool,
    limit: int,
    cloudevents: bool,
) -> None:
    """List events, the newest first."""
    from dalsegno.core.clock import from_datetime
    from dalsegno.store.log import EventQuery

    begins, ends = read_moment(since, "time"), read_moment(until, "time")
    query = EventQuery(
        namespace=view.namespace,
        type=type_,
        key=key,
        case_id=case_id,
        after=after or 0,
        before=before,
        since=None if begins is None else from_datetime(begins),
        until=None if ends is None else from_datetime(ends),
        newest=not oldest and after is None,
        limit=limit,
    )
    asyncio.run(_list(view, query, cloudevents=cloudevents, asked_after=after is not None))


async def _list(view: View, query: EventQuery, *, cloudevents: bool, asked_after: bool) -> None:
    from dalsegno.client.event_views import info_of
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.event_tables import render_events

    async with view.store() as store:
        rows, head, now = await store.events(query), await store.head(), to_datetime(store.now())
    if cloudevents:
        for row in rows:
            put(_cloudevent(row))
    else:
        infos = [info_of(row) for row in rows]
        more = len(rows) == query.limit and bool(rows)
        page = {"at": now, "events": infos, "next": rows[-1].number if more else None}
        view.answer(page, render_events(infos, now, view.style))
    more_ = ""
    if rows and len(rows) == query.limit:
        more_ = f"; more: --{'before' if query.newest else 'after'} {rows[-1].number}"
    log = f"{head.first:,} to {head.last:,}" if head.last >= head.first else "nothing yet"
    lost = head.first - 1 - query.after
    gone = f"; {lost:,} behind {query.after:,} were removed" if asked_after and lost > 0 else ""
    say(f"{len(rows):,} shown; the log has {log}{gone}{more_}")


@click.command(cls=Command, examples=["dalsegno events show 17", "dalsegno events show 17 --json"])
@click.argument("event")
@click.option("--full", is_flag=True, help="Show the data to its end.")
@viewing()
def show(view: View, event: str, full: bool) -> None:
    """Show an event: what came of it, who owes a reaction and why, and what it led to.

    EVENT is its number on the log, or source#id for one that came with an id.
    """
    asyncio.run(_show(view, event, full=full))


async def _show(view: View, event: str, *, full: bool) -> None:
    from dalsegno.client.events import AsyncEvents
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.event_tables import render_story
    from dalsegno.insight.owed import owed

    async with view.desk() as desk:
        events = AsyncEvents(desk)
        row = await events.row(event)
        story = await events.show(row.number)
        missing = await owed(desk.store, row, gone=gone_here())
        now = to_datetime(desk.store.now())
    said = render_story(story, missing, now, view.style, option=view.option, full=full)
    view.answer({"story": story, "owed": missing}, said)


@click.command(
    cls=Command,
    examples=["dalsegno events tail --type OrderPlaced", "dalsegno events tail --after 0 --cloudevents"],
)
@which_options
@click.option(
    "--last", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Begin with so many."
)
@click.option("--after", type=click.IntRange(0), metavar="NUMBER", help="Begin behind this number.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@click.option("--timeout", metavar="TIME", help='End after this time, such as "30s" or "5m".')
@click.option("--ndjson", is_flag=True, help="Print one JSON document per line.")
@_as_cloudevents
@viewing(json=False)
def tail(
    view: View,
    *,
    type_: str | None,
    key: str | None,
    case_id: str | None,
    last: int,
    after: int | None,
    count: int | None,
    timeout: str | None,
    ndjson: bool,
    cloudevents: bool,
) -> None:
    """Follow the log: the last events, then each as it comes, until ^C."""
    from dalsegno.core.clock import SECOND
    from dalsegno.core.durations import microseconds
    from dalsegno.store.log import EventQuery

    limit = None if timeout is None else microseconds(timeout, what="timeout") / SECOND
    query = EventQuery(namespace=view.namespace, type=type_, key=key, case_id=case_id)
    show_line = _cloudevent if cloudevents else _ndjson if ndjson else _line(view)
    asyncio.run(_tail(view, query, show_line, after=after, last=last, count=count, limit=limit))


async def _tail(
    view: View,
    query: EventQuery,
    show_line: Callable[[Event], str],
    *,
    after: int | None,
    last: int,
    count: int | None,
    limit: float | None,
) -> None:
    from dalsegno.client.events import AsyncEvents

    async with view.desk() as desk:
        events = AsyncEvents(desk)
        begin = await _begin(desk.store, query, last) if after is None else after
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                async for row in _first(events.follow(query, begin), count):
                    put(show_line(row))


async def _begin(store: Any, query: EventQuery, last: int) -> int:
    """Return the number behind which the last so many events lie."""
    from msgspec.structs import replace

    end: int = (await store.head()).last
    if not last:
        return end
    rows = await store.events(replace(query, newest=True, limit=last))
    return rows[-1].number - 1 if rows else end


async def _first(rows: AsyncIterator[Event], count: int | None) -> AsyncIterator[Event]:
    seen = 0
    async for row in rows:
        yield row
        seen += 1
        if seen == count:
            return


def _line(view: View) -> Callable[[Event], str]:
    from dalsegno.client.event_views import info_of
    from dalsegno.insight.event_tables import render_event_line

    return lambda row: render_event_line(info_of(row), view.style)


def _ndjson(row: Event) -> str:
    from dalsegno.client.event_views import info_of
    from dalsegno.insight.render import to_json

    return to_json(info_of(row), indent=0)


def _cloudevent(row: Event) -> str:
    from dalsegno.events.json_mode import write_json
    from dalsegno.events.outside import to_envelope

    return write_json(to_envelope(row)).decode()
