"""``dalsegno demo``: its options, its folder, and what it ends with."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Command, Exit, NotPossibleNow

if TYPE_CHECKING:
    from dalsegno.cli.demo.choreography.play import Report as EventReport
    from dalsegno.cli.demo.choreography.play import Script as EventScript
    from dalsegno.cli.demo.play import Report, Script


@click.command(cls=Command)
@click.option(
    "--orders", type=click.IntRange(10, 100_000), default=300, show_default=True, help="How many orders."
)
@click.option("--seed", type=int, default=123, show_default=True, help="Which orders, and which moments.")
@click.option(
    "--kill-at",
    type=click.FloatRange(0, 0.99),
    default=0.5,
    show_default=True,
    help="At which fraction of the work to kill the worker.",
)
@click.option(
    "--kills",
    type=click.IntRange(0, 10),
    help="How often; the seed chooses the other moments. [default: 1, and 10 with --choreography]",
)
@click.option("--workers", type=click.IntRange(1, 2), default=1, show_default=True, help="How many workers.")
@click.option("--during-compensation", is_flag=True, help="Kill while an order is being undone.")
@click.option("--choreography", is_flag=True, help="Play it with services that react to each other's events.")
@click.option(
    "--where", "look", is_flag=True, help="One order that is stuck, and where it is: leaves orders.py here."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to put the files, and leave them.",
)
@click.option("--keep", is_flag=True, help="Leave the files where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print the ledger as one JSON document.")
def demo(
    *,
    folder: Path | None,
    keep: bool,
    as_json: bool,
    kill_at: float,
    kills: int | None,
    choreography: bool,
    look: bool,
    **options: Any,
) -> None:
    """See it work, and kill it while it does.

    A stream of orders, each a saga of four steps; a worker in a process of its own that is killed in the
    middle of them (SIGKILL) and started again; and a ledger, counted from a file that the services
    wrote. Ends with 0 if nothing was lost, charged twice or left standing.

    With --choreography nobody conducts: five services react to each other's events, and each keeps a
    ledger of its own.

    With --where one order goes as far as it can: orders.py and its store are left in this folder (or in --dir),
    to be run, mended and asked about.
    """
    if look:
        from dalsegno.cli.demo.first.look import show

        show(folder)
        return
    from dalsegno.cli.demo.play import Script, moments

    if kills is None:
        kills = 10 if choreography else 1
    kills_at = moments(options["seed"], kill_at, kills)
    if choreography:
        if options.pop("during_compensation"):
            raise click.UsageError("--during-compensation is for the saga: leave out --choreography.")
        _choreography(folder, options, kills_at, keep=keep, as_json=as_json)
        return
    with _folder(folder, keep=keep) as place:
        script = Script(kills=kills_at, folder=place.path, **options)
        report = _play(script)
        wrong = report.wrong
        place.kept = place.kept or bool(wrong)
        if as_json:
            put(_document(script, report, kept=place.kept))
        else:
            _tell(script, report, kept=place.kept)
    if wrong:
        raise click.exceptions.Exit(Exit.FAILED)


def _choreography(
    folder: Path | None, options: dict[str, Any], kills_at: tuple[float, ...], *, keep: bool, as_json: bool
) -> None:
    from dalsegno.cli.demo.choreography.play import Play, Script
    from dalsegno.cli.demo.view import choose_view, ledgers_text

    with _folder(folder, keep=keep) as place:
        script = Script(kills=kills_at, folder=place.path, **options)
        with choose_view(script.orders) as view:
            view.say(f"{script.orders} orders come in, seed {script.seed}; files in {script.folder}")
            report = asyncio.run(Play(script, view).run())
        place.kept = place.kept or bool(report.wrong)
        if as_json:
            put(_events_document(script, report, kept=place.kept))
        else:
            put(ledgers_text(report))
            for fault in report.wrong:
                say(f"WRONG: {fault}")
            if place.kept:
                say(f"The services' ledgers: {script.ledgers}")
                store = shlex.quote(script.store)
                say(f"next: dalsegno events list --case {report.remarkable} --store {store}")
    if report.wrong:
        raise click.exceptions.Exit(Exit.FAILED)


class _Place:
    """The folder of one demo, and whether it stays."""

    def __init__(self, path: Path, *, kept: bool) -> None:
        self.path = path
        self.kept = kept


@contextmanager
def _folder(wished: Path | None, *, keep: bool) -> Generator[_Place]:
    if wished is None:
        place = _Place(Path(tempfile.mkdtemp(prefix="dalsegno-demo-")), kept=keep)
    else:
        place = _Place(wished.resolve(), kept=True)
        _make(place.path)
    try:
        yield place
    finally:
        if not place.kept:
            shutil.rmtree(place.path, ignore_errors=True)


def _make(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for name in ("orders.db", "services.jsonl", "ledgers"):
        if (path / name).exists():
            raise NotPossibleNow(
                f"{path} holds the {name} of an earlier demo.",
                "A ledger is of one demo; this one was not begun.",
                "Name another folder, or remove that file.",
            )


def _play(script: Script) -> Report:
    from dalsegno.cli.demo.play import Play
    from dalsegno.cli.demo.view import choose_view

    with choose_view(script.orders) as view:
        view.say(f"{script.orders} orders come in, seed {script.seed}; files in {script.folder}")
        return asyncio.run(Play(script, view).run())


def _tell(script: Script, report: Report, *, kept: bool) -> None:
    from dalsegno.cli.demo.view import ledger_text

    put(ledger_text(report))
    for fault in report.wrong:
        say(f"WRONG: {fault}")
    if kept:
        store = shlex.quote(script.store)
        say(f"The services' file: {script.book}")
        say(f"next: dalsegno where {report.remarkable} --store {store} · dalsegno runs list --store {store}")


def _document(script: Script, report: Report, *, kept: bool) -> str:
    import json

    return json.dumps(
        {
            **report.ledger.figures(),
            "seed": script.seed,
            "workers": script.workers,
            "during_compensation": script.during_compensation,
            "seconds": round(report.seconds, 3),
            "kills": [
                {
                    "pid": death.pid,
                    "progress": round(death.progress, 3),
                    "runs_under_way": death.under_way,
                    "seconds_to_first_resumed_step": kill.seconds,
                }
                for death, kill in zip(report.deaths, report.ledger.kills, strict=True)
            ],
            "wrong": report.wrong,
            "store": script.store if kept else None,
            "services": str(script.book) if kept else None,
        },
        indent=2,
    )


def _events_document(script: EventScript, report: EventReport, *, kept: bool) -> str:
    import json

    return json.dumps(
        {
            **report.count.figures(),
            "seed": script.seed,
            "workers": script.workers,
            "seconds": round(report.seconds, 3),
            "kills": [
                {
                    "pid": kill.pid,
                    "progress": round(progress, 3),
                    "requests_under_way": kill.under_way,
                    "seconds_to_next_request": kill.seconds,
                }
                for progress, kill in zip(report.progress, report.count.kills, strict=True)
            ],
            "wrong": report.wrong,
            "store": script.store if kept else None,
            "ledgers": str(script.ledgers) if kept else None,
        },
        indent=2,
    )
