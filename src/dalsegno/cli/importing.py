"""``dalsegno events import``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import busy, say
from dalsegno.cli.exits import Command, Exit
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from dalsegno.client.importing import ImportReport
    from dalsegno.events.files import Line
    from dalsegno.events.known import Known


@click.command(
    "import",
    cls=Command,
    examples=[
        "dalsegno events import events.jsonl",
        "dalsegno events import events.jsonl --service projections --rate 500 --yes",
        "dalsegno events import orders.csv --type OrderPlaced --source /shop --id-from event_id --yes",
    ],
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--service", metavar="NAME", help="Only this service is to react; nobody else hears of them.")
@click.option("--rate", type=float, default=1_000.0, show_default=True, help="At most so many a second.")
@click.option("--yes", is_flag=True, help="Do it; without, only say what would be done.")
@click.option("--skip-refused", is_flag=True, help="Bring in the others where some are malformed.")
@click.option(
    "--code",
    metavar="FILE",
    help="The file with the events' classes, which tell keys, cases, and numbers in CSV.",
)
@click.option("--type", "type_", metavar="TYPE", help="CSV: the type of all events.")
@click.option("--type-from", metavar="COLUMN", help="CSV: the column with the type.")
@click.option("--source", metavar="URI", help="CSV: where all events come from.")
@click.option(
    "--id-from", metavar="COLUMN", help="CSV: the column with the id; the same id is the same event."
)
@click.option("--time-from", metavar="COLUMN", help="CSV: the column with the time when it happened.")
@click.option("--key-from", metavar="COLUMN", help="CSV: the column with the key.")
@click.option("--case-from", metavar="COLUMN", help="CSV: the column with the case.")
@viewing(utc=False)
@click.pass_context
def import_(
    ctx: click.Context,
    view: View,
    /,
    *,
    file: Path,
    service: str | None,
    rate: float,
    yes: bool,
    skip_refused: bool,
    code: str | None,
    **columns: str | None,
) -> None:
    """Bring events in that happened before, with their own ids and times; each once.

    FILE has CloudEvents, one JSON document per line (`dalsegno events list --cloudevents` writes such),
    or is CSV (.csv) with a heading: then options say which column is what, and a row is the data, as text
    unless --code tells that a column is a number or a truth.
    Whatever is malformed is told with its line. An event whose source and id are on the log already is
    passed over, so an import that was cut off is just done again.
    """
    from dalsegno.cli.programs import load
    from dalsegno.events.files import Columns, read_csv, read_lines

    known = load([code], None).known if code is not None else None
    mapping = Columns(**{name.removesuffix("_"): column for name, column in columns.items()})
    if file.suffix.lower() != ".csv" and mapping != Columns():
        raise click.UsageError("--type, --source and --…-from are for CSV files: name it .csv.")

    def schema_of(name: str) -> Mapping[str, Any] | None:
        kind = None if known is None else known.types.latest(name)
        return None if kind is None else kind.schema

    def lines() -> Iterator[Line]:
        return read_csv(file, mapping, schema_of) if file.suffix.lower() == ".csv" else read_lines(file)

    report = asyncio.run(_import(view, lines(), known, service, rate, dry_run=True))
    if yes and (skip_refused or not report.refused):
        report = asyncio.run(_import(view, lines(), known, service, rate, dry_run=False))
    _tell(view, report)
    if report.dry_run:
        say(
            "--yes does it"
            if not report.refused
            else "mend these, or leave them out with --skip-refused --yes"
        )
    if report.refused:
        ctx.exit(Exit.FAILED)


async def _import(
    view: View, lines: Iterator[Line], known: Known | None, service: str | None, rate: float, *, dry_run: bool
) -> ImportReport:
    from dataclasses import replace

    from dalsegno.client.importing import Importing

    async with view.client(known) as client:
        desk = client.events.desk if known is None else replace(client.events.desk, known=known)
        importing = Importing(desk, service=service, rate=rate, dry_run=dry_run)
        await importing.begin()
        with busy("reading" if dry_run else "importing"):
            for line in lines:
                if isinstance(line, str):
                    importing.refuse("", line, read=True)
                else:
                    await importing.add(line)
        return await importing.finish()


def _tell(view: View, report: ImportReport) -> None:
    from dalsegno.insight.event_tables import render_import

    view.answer(report, render_import(report, view.style))
