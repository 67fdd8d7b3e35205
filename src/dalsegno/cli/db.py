"""``dalsegno db``: the store itself."""

from __future__ import annotations

import asyncio

import click

from dalsegno.cli.console import busy, say
from dalsegno.cli.exits import Commands, Exit
from dalsegno.cli.view import View, viewing
from dalsegno.errors import StoreDamaged


@click.group(cls=Commands)
def db() -> None:
    """Migrate and check the store; make the rows of cases anew."""


@db.command()
@viewing(exists=False)
def migrate(view: View) -> None:
    """Bring the store's schema up to this program's; make the store if there is none.

    A worker does so by itself when it opens the store; this is for whoever deploys in steps. A store
    whose schema is newer than this program is refused and left alone.
    """
    asyncio.run(_migrate(view))


async def _migrate(view: View) -> None:
    with busy("migrating"):
        async with view.store() as store:
            facts = await store.facts()
    view.answer(facts, f"schema {facts.schema} of {facts.known}: up to date")


@db.command()
@viewing()
@click.pass_context
def check(ctx: click.Context, view: View) -> None:
    """Read the whole store and tell whether it is sound. Ends with 1 where it is not."""
    faults = asyncio.run(_check(view))
    if faults:
        say("Stop the workers and restore a backup; keep the damaged file, with its -wal, for a look.")
        ctx.exit(Exit.FAILED)


async def _check(view: View) -> list[str]:
    try:
        with busy("reading the whole store"):
            async with view.store() as store:
                faults = await store.check()
    except StoreDamaged as error:  # so much that it cannot even be opened
        faults = [error.what]
    view.answer({"sound": not faults, "faults": faults}, "\n".join(faults) or "sound")
    return faults


@db.command("rebuild-cases")
@viewing(utc=False)
def rebuild_cases(view: View) -> None:
    """Make the rows of cases anew from the log, by what processes declare now.

    Nothing is lost by it: the rows only say what the log does. It is for processes that were declared, or
    changed, after their first events. It is one transaction, for which workers wait: some ten seconds for a
    million events. A case whose beginning retention has removed is left as it is.
    """
    asyncio.run(_rebuild_cases(view))


async def _rebuild_cases(view: View) -> None:
    from dalsegno.core.cases import RebuildCases
    from dalsegno.core.commit import Done

    with busy("reading the log"):
        async with view.runtime() as runtime:
            done = await runtime.commits.submit(RebuildCases(view.namespace), patient=True)
    assert isinstance(done, Done)
    view.answer({"cases": done.count}, f"{done.count:,} cases")
