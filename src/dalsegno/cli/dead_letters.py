"""``dalsegno dead-letters``: what no handler could digest, and a person's answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import busy, say
from dalsegno.cli.exits import Commands, Exit, NotPossibleNow
from dalsegno.cli.inputs import by_option, read_json
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from dalsegno.client import AsyncClient
    from dalsegno.client.dead_letters import AsyncDeadLetters
    from dalsegno.events.known import Known

STATES = ("open", "redriving", "resolved", "discarded", "all")


@click.group("dead-letters", cls=Commands)
def dead_letters() -> None:
    """What no handler could digest: list, show, redrive, edit, discard.

    NUMBER is a dead letter's own, not its event's.
    """


def _which(function: Any) -> Any:
    for option in (
        click.option(
            "--cause", metavar="TEXT", help="That failed of this: KeyError, or all that `groups` says."
        ),
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
        if not found:
            await _tell_causes(AsyncDeadLetters(desk), which["cause"])
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


def _many(function: Any) -> Any:
    for option in (
        by_option,
        click.option("--rate", type=float, default=50.0, show_default=True, help="At most so many a second."),
        click.option("--yes", is_flag=True, help="Do it; without, a group or a query is only shown."),
        click.option("--all", "everything", is_flag=True, help="All that are open."),
        _which,
        click.option("--group", "alike", type=int, metavar="NUMBER", help="All that failed as this one did."),
        click.argument("numbers", metavar="[NUMBER]...", type=int, nargs=-1),
    ):
        function = option(function)
    return function


@dead_letters.command(
    examples=[
        "dalsegno dead-letters redrive 17",
        "dalsegno dead-letters redrive --group 17",
        'dalsegno dead-letters redrive --service payments --yes --why "bank is back"',
    ]
)
@_many
@click.option("--force", is_flag=True, help="Those too that came back too often.")
@click.option("--why", default="", metavar="TEXT", help="Why, for the record.")
@viewing(utc=False)
@click.pass_context
def redrive(ctx: click.Context, view: View, /, **asked: Any) -> None:
    """Have dead letters tried again, once what they failed of is mended.

    Numbers are done at once. A group or a query is shown first, and done with --yes: slowly, and those
    of one key one after the other. Ends with 1 where some were left out, 4 where none could be done.
    """
    _answer_many(ctx, view, "redriven", **asked)


@dead_letters.command(
    examples=[
        "dalsegno dead-letters discard 17 --why 'a test order'",
        "dalsegno dead-letters discard --group 17 --why 'test orders' --yes",
    ]
)
@_many
@click.option("--why", required=True, metavar="TEXT", help="Why, for the record.")
@viewing(utc=False)
@click.pass_context
def discard(ctx: click.Context, view: View, /, **asked: Any) -> None:
    """Give dead letters up: their handler never reacts to these events, and what waits behind goes on.

    Numbers are done at once; a group or a query is shown first, and done with --yes. Ends with 4 where
    none could be done.
    """
    _answer_many(ctx, view, "discarded", **asked)


def _answer_many(
    ctx: click.Context,
    view: View,
    word: str,
    *,
    numbers: tuple[int, ...],
    everything: bool,
    yes: bool,
    **asked: Any,
) -> None:
    queried = any(asked[name] is not None for name in ("service", "handler", "cause"))
    if sum((bool(numbers), asked["alike"] is not None, everything, queried)) != 1:
        raise click.UsageError("Say which: NUMBERs, --group, --service, --handler or --cause, or --all.")
    left = asyncio.run(_give(view, word, numbers, asked, dry_run=not (numbers or yes)))
    if left:
        ctx.exit(Exit.FAILED)


async def _give(
    view: View, word: str, numbers: tuple[int, ...], asked: dict[str, Any], *, dry_run: bool
) -> bool:
    from dalsegno.insight.dead_letter_tables import render_redrive

    async with view.client() as client:
        letters = client.dead_letters
        many = letters.redrive_many if word == "redriven" else letters.discard_many
        with busy("looking" if dry_run else "answering"):
            report = await many(*numbers, **asked, dry_run=dry_run)
        if not report.letters:
            await _tell_causes(letters, asked["cause"])
    view.answer(report, render_redrive(report, view.style))
    done, chosen, refused = (report.count(each) for each in (word, "chosen", "refused"))
    more = "; the limit leaves out more" if report.more else ""
    if dry_run:
        back = f", {refused:,} came back too often" if refused else ""
        say(f"{chosen:,} would be {word}{back}{more}; --yes does it")
        return False
    what = "to be tried again" if word == "redriven" else word
    say(f"{done:,} of {len(report.letters):,} {what}{more}")
    if numbers and not done:
        raise NotPossibleNow(
            f"None was {word}: {report.letters[0].note}.",
            "Only an open dead letter takes an answer, and one that came back too often only with --force.",
            f"`dalsegno dead-letters show {report.letters[0].number}` shows it.",
        )
    return done < len(report.letters)


async def _tell_causes(letters: AsyncDeadLetters, cause: str | None) -> None:
    """Say which causes there are, where none was found of the one that was asked for."""
    from dalsegno.insight.paint import printable

    if cause is None:
        return
    causes = dict.fromkeys(printable(group.cause) for group in await letters.groups())
    if not any(f"{each} ".startswith(f"{cause} ") for each in causes):
        there = f"there are: {', '.join(causes)}" if causes else "there are no open dead letters"
        say(f"no cause of an open dead letter is or begins with {printable(cause)!r}; {there}")


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
