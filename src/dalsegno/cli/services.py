"""``dalsegno services``: how far they are, and a person's word to them."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Command, Commands, NothingKept, NotPossibleNow
from dalsegno.cli.inputs import by_option, read_moment
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from datetime import datetime


@click.group(cls=Commands)
def services() -> None:
    """Show how far services are; pause, resume and replay them."""


@services.command("list", examples=["dalsegno services list", "dalsegno services list --json"])
@viewing()
def list_(view: View) -> None:
    """List services: how far each is behind, what is blocked, and whether it is at work.

    LAG counts the events of the log that it has not read yet, BEHIND tells for how long the first of
    them is there, BLOCKED counts keys that wait for a reaction that is being tried again.
    """
    asyncio.run(_list(view))


async def _list(view: View) -> None:
    from dalsegno.client.services import AsyncServices
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.event_tables import render_services

    async with view.desk() as desk:
        found, now = await AsyncServices(desk).list(), to_datetime(desk.store.now())
    view.answer({"at": now, "services": found}, render_services(found, now, view.style))
    if not found:
        say("no service; a worker makes its services known: dalsegno worker FILE.py")


@services.command()
@click.argument("name")
@viewing()
def show(view: View, name: str) -> None:
    """Show a service: how far it is, its handlers, its partitions."""
    asyncio.run(_show(view, name))


async def _show(view: View, name: str) -> None:
    from dalsegno.client.services import AsyncServices
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.event_tables import render_service

    async with view.desk() as desk:
        rooms = AsyncServices(desk)
        service, parts, now = (
            await rooms.get(name),
            await rooms.partitions(name),
            to_datetime(desk.store.now()),
        )
    view.answer({"service": service, "partitions": parts}, render_service(service, parts, now, view.style))


@services.command(examples=["dalsegno services state permits P-17"])
@click.argument("name")
@click.argument("key")
@viewing()
def state(view: View, name: str, key: str) -> None:
    """Show what a service keeps of a key. Ends with 3 where it has kept nothing of it."""
    asyncio.run(_state(view, name, key))


async def _state(view: View, name: str, key: str) -> None:
    from dalsegno.client.services import service_row
    from dalsegno.client.states import kept_state
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.event_tables import render_state

    async with view.desk() as desk:
        kept = await kept_state(desk, await service_row(desk, name), key)
        now = to_datetime(desk.store.now())
    if kept is None:
        raise NothingKept(
            f"Service {name} keeps nothing of key {key!r}.",
            "No handler has kept a state of it, or the last one has given it up.",
            f"`dalsegno events list --key {shlex.quote(key)}` shows the events of that key.",
        )
    view.answer(kept, render_state(kept, now, view.style))


@services.command(examples=["dalsegno services pause payments --by ann"])
@click.argument("name")
@by_option
@viewing(json=False, utc=False)
def pause(view: View, name: str, by: str) -> None:
    """Have a service begin nothing more until it is resumed; what is under way ends.

    Its events stay on the log. Ends with 4 where it is paused already.
    """
    asyncio.run(_pause(view, name, by, pause=True))


@services.command()
@click.argument("name")
@by_option
@viewing(json=False, utc=False)
def resume(view: View, name: str, by: str) -> None:
    """Let a paused service go on where it was. Ends with 4 where it is not paused."""
    asyncio.run(_pause(view, name, by, pause=False))


async def _pause(view: View, name: str, by: str, *, pause: bool) -> None:
    async with view.client() as client:
        steer = client.services.pause if pause else client.services.resume
        done = await steer(name, by=by)
    word = "paused" if pause else "resumed"
    if not done:
        raise NotPossibleNow(
            f"Service {name} was not {word}: it is {'paused already' if pause else 'not paused'}.",
            "Nothing was changed.",
            f"`dalsegno services show {name}` shows how it is.",
        )
    say(f"service {name}: {word}; its workers see it within a second")


@services.command()
@click.argument("name")
@by_option
@viewing(json=False, utc=False)
def skip(view: View, name: str, by: str) -> None:
    """Let a service that stands still pass over the events that retention removed before it had read them.

    Bring it up to date by other means first: it never hears of these. Ends with 4 where there are none.
    """
    asyncio.run(_skip(view, name, by))


async def _skip(view: View, name: str, by: str) -> None:
    async with view.client() as client:
        lost = (await client.services.get(name)).lost
        done = await client.services.skip(name, by=by)
    if not done:
        raise NotPossibleNow(
            f"Service {name} has lost no events to retention.",
            "There is nothing to pass over.",
            f"`dalsegno services show {name}` shows how far it is.",
        )
    say(f"service {name}: goes on behind {lost:,} events that it has not read")


# -- replay


def _replay_options(function: Any) -> Any:
    for option in (
        click.option("--yes", is_flag=True, help="Do it; without, only say what would be done."),
        click.option(
            "--since", metavar="TIME", help='With what came from then on: a time, or how long ago ("2d").'
        ),
        click.option(
            "--after", type=click.IntRange(0), metavar="NUMBER", help="Behind this number; 0 is all."
        ),
    ):
        function = option(function)
    return function


@services.command(
    examples=[
        "dalsegno services replay projections --after 0",
        "dalsegno services replay projections --since 2d --yes",
    ]
)
@click.argument("name")
@_replay_options
@by_option
@viewing(json=False, utc=False)
def replay(view: View, name: str, after: int | None, since: str | None, yes: bool, by: str) -> None:
    """Have a service react again to all events behind a number, or from a time on.

    Its handlers are called again for what they have done, under the same idempotency keys. Without
    --yes it only says how many events that would be.
    """
    asyncio.run(_replay(view, name, after, read_moment(since, "time"), by, yes=yes))


@click.command(
    "replay", cls=Command, examples=["dalsegno events replay --service projections --after 0 --yes"]
)
@click.option("--service", "name", required=True, metavar="NAME", help="The service that is to react again.")
@_replay_options
@by_option
@viewing(json=False, utc=False)
def replay_events(view: View, name: str, after: int | None, since: str | None, yes: bool, by: str) -> None:
    """Have a service react again to the log: `dalsegno services replay`."""
    asyncio.run(_replay(view, name, after, read_moment(since, "time"), by, yes=yes))


_COUNTED = 100_000


async def _replay(
    view: View, name: str, after: int | None, since: datetime | None, by: str, *, yes: bool
) -> None:
    if (after is None) == (since is None):
        raise click.UsageError("Say from where: --after NUMBER (0 is the beginning), or --since TIME.")
    if yes:
        async with view.client() as client:
            position = await client.services.replay(name, after=after, since=since, by=by)
        say(f"service {name}: reacts again to what lies behind event {position}")
        return
    from dalsegno.client.services import AsyncServices

    async with view.desk() as desk:
        rooms = AsyncServices(desk)
        position = await rooms.position(name, after, since)
        count = await rooms.count(name, position, limit=_COUNTED)
    told = f"{count:,}" if count < _COUNTED else f"{_COUNTED:,} or more"
    say(f"service {name} would react again to {told} events behind event {position}; --yes does it")
