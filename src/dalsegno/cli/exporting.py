"""``dalsegno runs export``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from dalsegno.cli.console import put
from dalsegno.cli.exits import Command
from dalsegno.cli.view import View, viewing


@click.command(
    cls=Command,
    examples=[
        "dalsegno runs export order-123 > order-123.json",
        "dalsegno runs export order-123 order-124 --into tests/journals",
    ],
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--into",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each run there, and print their names.",
)
@viewing(json=False, utc=False)
def export(view: View, ids: tuple[str, ...], folder: Path | None) -> None:
    """Record runs with their journals, for `dalsegno.testing.replay_journals`.

    A recording holds the run's input, the results of its steps and the signals that it got, as they
    are stored. The run is not touched.
    """
    if folder is None and len(ids) > 1:
        raise click.UsageError("Several runs go --into a FOLDER, a file for each.")
    asyncio.run(_export(view, ids, folder))


async def _export(view: View, ids: tuple[str, ...], folder: Path | None) -> None:
    from dalsegno.insight.recording import record
    from dalsegno.insight.search import find_run

    async with view.store() as store:
        for each in ids:
            recording = await record(store, await find_run(store, view.namespace, each))
            put(recording.text().rstrip("\n") if folder is None else str(recording.save(folder)))
