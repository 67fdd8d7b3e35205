"""``dalsegno flow``: how a process goes, drawn from what is declared."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dalsegno.cli.console import put, say
from dalsegno.cli.exits import Command, Exit, NoSuchProcess, NotPossibleNow, debug_option
from dalsegno.cli.view import store_options

if TYPE_CHECKING:
    from dalsegno.insight.flow import Flow, Picture

_FENCE = "```mermaid\n"


@click.command(
    cls=Command,
    examples=[
        "dalsegno flow order orders.py",
        "dalsegno flow order orders.py --mermaid > docs/order.mmd",
        "dalsegno flow order orders.py --check docs/order.mmd",
        "dalsegno flow order --store orders.db",
        "dalsegno flow order --times",
    ],
)
@click.argument("process")
@click.argument("files", nargs=-1, metavar="[PROGRAM]...")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print a Mermaid flowchart.")
@click.option("--json", "form", flag_value="json", help="Print one JSON document.")
@click.option("--check", "committed", metavar="FILE", help="Print nothing; end with 1 if FILE is outdated.")
@click.option("--unused", metavar="TIME", help='List the steps not taken for so long, such as "30d".')
@click.option(
    "--times", is_flag=True, help="Say how long it and its steps take, by the last 100 cases that ended."
)
@store_options
@debug_option
@click.pass_context
def flow(
    ctx: click.Context,
    process: str,
    files: tuple[str, ...],
    *,
    form: str | None,
    committed: str | None,
    unused: str | None,
    times: bool,
    store: str | None,
    namespace: str,
) -> None:
    """Draw how a PROCESS goes: who reacts to which event, and what may follow.

    PROGRAM is a path (orders.py) or a module (shop.orders); nothing of it is run but its imports. Without
    one, what workers have registered in the store is drawn. --unused looks at the newest 1,000 events of
    each type in the store, --times at its last 100 cases that ended. FILE of --check is a picture that was printed
    by this command: Mermaid if its name ends with .mmd, JSON with .json, the first Mermaid block of it with
    .md, else text.
    """
    known, label = _declared(files, store, namespace)
    drawn = _draw(known, label, process)
    if times:
        put(asyncio.run(_times(process, form, store, namespace, quiet=not files)))
        return
    if unused is not None:
        put(asyncio.run(_unused(known, process, unused, form, store, namespace, quiet=not files)))
        return
    if committed is None:
        put(_as(drawn, form or "text").rstrip("\n"))
        return
    was, now = _committed(committed, drawn, form)
    if was == now:
        say(f"{committed} is up to date")
        return
    put(
        "\n".join(
            difflib.unified_diff(was.splitlines(), now.splitlines(), committed, "declared", lineterm="")
        )
    )
    say(f"{committed} is outdated: process {process} goes otherwise by now")
    ctx.exit(Exit.FAILED)


def _declared(files: tuple[str, ...], store: str | None, namespace: str) -> tuple[Flow, str]:
    """Read what is declared, and say where."""
    from dalsegno.cli.declarations import flow_of, stored_flow

    if not files:
        return asyncio.run(stored_flow(store, namespace))
    from dalsegno.cli.programs import load

    program = load(files, None)
    return flow_of(program), program.label


def _draw(known: Flow, label: str, process: str) -> Picture:
    from dalsegno.insight.flow import picture

    if process not in known.processes:
        names = ", ".join(known.processes) or "none"
        raise NoSuchProcess(
            f"{label} has no process {process}.", f"Its processes: {names}.", "Look at the name."
        )
    return picture(known, process)


async def _unused(
    known: Flow,
    process: str,
    time: str,
    form: str | None,
    address: str | None,
    namespace: str,
    *,
    quiet: bool,
) -> str:
    """List the steps that nothing took for a time, by the log of the store."""
    from dalsegno.cli.declarations import opened
    from dalsegno.core.clock import to_datetime
    from dalsegno.core.durations import microseconds
    from dalsegno.insight.render import to_json
    from dalsegno.insight.unused import unused

    async with opened(address, namespace, quiet=quiet) as store:
        since = store.now() - microseconds(time, what="--unused")
        found = await unused(store, namespace, known, process, since=since)
    told = [(dead, None if dead.last_at is None else to_datetime(dead.last_at)) for dead in found]
    if form == "json":
        listed = [
            {"after": dead.edge.after, "by": dead.edge.by, "type": dead.edge.type, "last_at": at}
            for dead, at in told
        ]
        return to_json({"process": process, "since": to_datetime(since), "unused": listed})
    steps = "1 step" if len(found) == 1 else f"{len(found) or 'no'} steps"
    say(f"{steps} of process {process} not taken for {time}")
    return "\n".join(
        f"{'never' if at is None else f'{at:%Y-%m-%d %H:%MZ}':17}  {' & '.join(dead.edge.after) or '-'} -> "
        f"{dead.edge.by} -> {dead.edge.type}"
        for dead, at in told
    )


async def _times(process: str, form: str | None, address: str | None, namespace: str, *, quiet: bool) -> str:
    """Say how long a process takes, by the cases in the store."""
    from dalsegno.cli.console import style
    from dalsegno.cli.declarations import opened
    from dalsegno.client.cases import AsyncCases
    from dalsegno.client.desk import Desk
    from dalsegno.insight.render import to_json
    from dalsegno.insight.time_tables import render_pace

    async with opened(address, namespace, quiet=quiet) as store:
        pace = await AsyncCases(Desk(store, namespace)).pace(process)
    return to_json(pace) if form == "json" else render_pace(pace, style(utc=False))


def _as(drawn: Picture, form: str) -> str:
    from dalsegno.insight.flow import as_json, as_mermaid, as_text

    return {"mermaid": as_mermaid, "json": as_json, "text": as_text}[form](drawn)


def _committed(file: str, drawn: Picture, form: str | None) -> tuple[str, str]:
    """Return a committed picture, and the one that it should be."""
    path = Path(file)
    if not path.is_file():
        raise NotPossibleNow(
            f"There is no file {file}.",
            "So there is nothing to check.",
            f"Write it first: … --mermaid > {file}",
        )
    was = path.read_text("utf-8")
    if path.suffix in (".md", ".markdown"):
        _, fence, block = was.partition(_FENCE)
        if not fence:
            raise NotPossibleNow(
                f"{file} has no Mermaid block.", "It begins with ```mermaid.", "Put the picture in one."
            )
        return block.partition("```")[0], _as(drawn, "mermaid")
    forms = {".mmd": "mermaid", ".mermaid": "mermaid", ".json": "json"}
    return was, _as(drawn, form or forms.get(path.suffix, "text"))
