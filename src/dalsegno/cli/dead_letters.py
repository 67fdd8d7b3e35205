"""``dalsegno dead-letters``: what no handler could digest, and a person's answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Commands, Exit, NotPossibleNow
from dalsegno.cli.inputs import by_option, read_json
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from dalsegno.client import AsyncClient
    from dalsegno.events.known import Known

STATES = ("open", "redriving", "resolved", "discarded", "all")


@click.group("dead-letters", cls=Commands)
def dead_letters() -> None:
    """What no handler could digest: list, show, redrive, edit, discard.

    NUMBER is a dead letter's own, not its event's.
    """


def _which(function: Any) -> Any:
    for option in (
        click.option("--cause", metavar="TEXT", help="That failed of this cause, as `groups` names it."),
        click.option("--handler", metavar="NAME", help="Of this handler: payments.authorize."),
        click.option("--service", metavar="NAME", help="Of this service."),
    ):
        function = option(function)
    return function


@dead_letters.command(
    "list",
    examples=[
        "dalsegno dead-letters list --service payments",
        "dalsegno dead-letters list --state all --json",
    ],
)
@_which
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True, help="In this state.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
@click.option("--before", type=int, metavar="NUMBER", help="Go on where a page ended.")
@viewing()
def list_(view: View, state: str, limit: int, before: int | None, **which: Any) -> None:
    """List dead letters, the newest first."""
    asyncio.run(_list(view, None if state == "all" else state, limit, before, which))


async def _list(
    view: View, state: str | None, limit: int, before: int | None, which: dict[str, str | None]
) -> None:
    from dalsegno.client.dead_letters import AsyncDeadLetters
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.dead_letter_tables import render_dead_letters

    async with view.desk() as desk:
        found = await AsyncDeadLetters(desk).list(state=state, limit=limit, before=before, **which)
        now = to_datetime(desk.store.now())
    more = found[-1].number if len(found) == limit else None
    page = {"at": now, "dead_letters": found, "next": more}
    view.answer(page, render_dead_letters(found, now, view.style))
    say(f"{len(found):,} shown{f'; more: --before {more}' if more else ''}" if found else "no dead letters")


@dead_letters.command()
@viewing()
def groups(view: View) -> None:
    """Count open dead letters by what they failed of, the largest group first.

    The number under EXAMPLE names a group: `dalsegno dead-letters redrive --group NUMBER`.
    """
    asyncio.run(_groups(view))


async def _groups(view: View) -> None:
    from dalsegno.client.dead_letters import AsyncDeadLetters
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.dead_letter_tables import render_groups

    async with view.desk() as desk:
        found, now = await AsyncDeadLetters(desk).groups(), to_datetime(desk.store.now())
    view.answer({"at": now, "groups": found}, render_groups(found, now, view.style))
    if not found:
        say("no dead letters")


@dead_letters.command()
@click.argument("number", type=int)
@click.option("--full", is_flag=True, help="Show the data and the traceback to their end.")
@viewing()
def show(view: View, number: int, full: bool) -> None:
    """Show a dead letter in full: its event, its error, what people answered, what waits behind it."""
    asyncio.run(_show(view, number, full=full))


async def _show(view: View, number: int, *, full: bool) -> None:
    from dalsegno.client.dead_letters import AsyncDeadLetters
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.dead_letter_tables import render_dead_letter

    async with view.desk() as desk:
        story, now = await AsyncDeadLetters(desk).show(number), to_datetime(desk.store.now())
    view.answer(story, render_dead_letter(story, now, view.style, option=view.option, full=full))


# -- answers


@dead_letters.command(
    examples=[
        "dalsegno dead-letters redrive 17",
        "dalsegno dead-letters redrive --group 17",
        'dalsegno dead-letters redrive --service payments --yes --why "bank is back"',
    ]
)
@click.argument("numbers", metavar="[NUMBER]...", type=int, nargs=-1)
@click.option("--group", type=int, metavar="NUMBER", help="All that failed as this one did.")
@_which
@click.option("--all", "everything", is_flag=True, help="All that are open.")
@click.option("--yes", is_flag=True, help="Do it; without, a group or a query is only shown.")
@click.option("--rate", type=float, default=50.0, show_default=True, help="At most so many a second.")
@click.option("--force", is_flag=True, help="Those too that came back too often.")
@click.option("--why", default="", metavar="TEXT", help="Why, for the record.")
@by_option
@viewing(utc=False)
@click.pass_context
def redrive(
    ctx: click.Context,
    view: View,
    /,
    *,
    numbers: tuple[int, ...],
    group: int | None,
    everything: bool,
    yes: bool,
    rate: float,
    force: bool,
    why: str,
    by: str,
    **which: str | None,
) -> None:
    """Have dead letters tried again, once what they failed of is mended.

    Numbers are done at once. A group or a query is shown first, and done with --yes: slowly, and those
    of one key one after the other. Ends with 1 where some were left out, 4 where none could be done.
    """
    chosen = [bool(numbers), group is not None, everything, any(which.values())]
    if sum(chosen) != 1:
        raise click.UsageError("Say which: NUMBERs, --group, --service, --handler or --cause, or --all.")
    options = {"alike": group, "by": by, "why": why, "rate": rate, "force": force, **which}
    left = asyncio.run(_redrive(view, numbers, options, dry_run=not (numbers or yes)))
    if left:
        ctx.exit(Exit.FAILED)


async def _redrive(view: View, numbers: tuple[int, ...], options: dict[str, Any], *, dry_run: bool) -> bool:
    from dalsegno.insight.dead_letter_tables import render_redrive

    async with view.client() as client:
        report = await client.dead_letters.redrive_many(*numbers, **options, dry_run=dry_run)
    view.answer(report, render_redrive(report, view.style))
    done, chosen, refused = (report.count(word) for word in ("redriven", "chosen", "refused"))
    more = "; the limit leaves out more" if report.more else ""
    if dry_run:
        say(f"{chosen:,} would be redriven, {refused:,} came back too often{more}; --yes does it")
        return False
    say(f"{done:,} of {len(report.letters):,} to be tried again{more}")
    if numbers and not done:
        raise NotPossibleNow(
            f"None was redriven: {report.letters[0].note}.",
            "Only an open dead letter takes an answer, and one that came back too often only with --force.",
            f"`dalsegno dead-letters show {report.letters[0].number}` shows it.",
        )
    return done < len(report.letters)


@dead_letters.command(
    examples=["dalsegno dead-letters edit 17 @order.json --code orders.py", "dalsegno dead-letters edit 17"]
)
@click.argument("number", type=int)
@click.argument("data", required=False)
@click.option("--code", metavar="FILE", help="The file with the event's class, which the data must fit.")
@click.option("--why", default="", metavar="TEXT", help="Why, for the record.")
@by_option
@viewing(json=False, utc=False)
def edit(view: View, number: int, data: str | None, code: str | None, why: str, by: str) -> None:
    """Have a dead letter tried again with other data; the event on the log stays what it is.

    DATA is JSON, @file, or - for standard input; without, your editor opens with what there is.
    """
    known = _known(code)
    written = read_json(data, "data") if data is not None else _edited(view, number)
    asyncio.run(_edit(view, number, written, known, why, by))


def _known(code: str | None) -> Known | None:
    if code is None:
        return None
    from dalsegno.cli.programs import load

    return load([code], None).known


def _edited(view: View, number: int) -> bytes:
    """Let a person edit the data as it is."""
    from dalsegno.insight.render import to_json

    async def read() -> Any:
        from dalsegno.client.dead_letters import AsyncDeadLetters

        async with view.desk() as desk:
            return (await AsyncDeadLetters(desk).show(number)).data

    before = to_json(asyncio.run(read()))
    after = click.edit(before, extension=".json")
    if after is None or after.strip() == before.strip():
        raise click.UsageError("Nothing was edited, so nothing was done.")
    return read_json(after, "data")


async def _edit(view: View, number: int, data: bytes, known: Known | None, why: str, by: str) -> None:
    async with view.client(known) as client:
        done = await client.dead_letters.edit(number, data, by=by, why=why)
        await _told(client, number, done, "to be tried again with other data")


@dead_letters.command(examples=["dalsegno dead-letters discard 17 --why 'a test order'"])
@click.argument("number", type=int)
@click.option("--why", required=True, metavar="TEXT", help="Why, for the record.")
@by_option
@viewing(json=False, utc=False)
def discard(view: View, number: int, why: str, by: str) -> None:
    """Give a dead letter up: this handler never reacts to its event, and what waits behind it goes on."""
    asyncio.run(_discard(view, number, why, by))


async def _discard(view: View, number: int, why: str, by: str) -> None:
    async with view.client() as client:
        done = await client.dead_letters.discard(number, by=by, why=why)
        await _told(client, number, done, "discarded")


async def _told(client: AsyncClient, number: int, done: bool, what: str) -> None:
    if done:
        say(f"dead letter {number}: {what}")
        return
    letter = (await client.dead_letters.show(number)).letter
    raise NotPossibleNow(
        f"Dead letter {number} is {letter.state}, not open.",
        "It has its answer, and takes no second one.",
        f"`dalsegno dead-letters show {number}` shows it.",
    )
