"""``dalsegno alerts``: what holds, and what would hold if somebody looked now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Commands
from dalsegno.cli.view import View, viewing

if TYPE_CHECKING:
    from dalsegno.insight.alerts.checks import Holding
    from dalsegno.insight.alerts.rules import Alert


@click.group(cls=Commands)
def alerts() -> None:
    """List alerts, and look whether rules hold."""


@alerts.command("list", examples=["dalsegno alerts list", "dalsegno alerts list --all --json"])
@click.option("--all", "ended", is_flag=True, help="Also those that have ended.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")
@viewing()
def list_(view: View, ended: bool, limit: int) -> None:
    """List the alerts that hold, the newest first.

    TOLD says whether those who are to hear of it have: of its beginning, and of its end.
    """
    asyncio.run(_list(view, limit, ended=ended))


async def _list(view: View, limit: int, *, ended: bool) -> None:
    from dalsegno.core.clock import to_datetime
    from dalsegno.insight.alerts.listing import listed, render_alerts

    async with view.store() as store:
        rows = await store.alerts(view.namespace, limit) if ended else await store.open_alerts(view.namespace)
        now = to_datetime(store.now())
    found = [listed(row) for row in sorted(rows, key=lambda row: -row.number)[:limit]]
    view.answer({"at": now, "alerts": found}, render_alerts(found, now, view.style))
    if not found:
        say("no alert" if ended else "no alert holds")


@alerts.command(
    examples=["dalsegno alerts check", "dalsegno alerts check orders.py", "dalsegno alerts check --json"]
)
@click.argument("files", nargs=-1, metavar="FILE...")
@viewing()
def check(view: View, files: tuple[str, ...]) -> None:
    """Look once whether rules hold: those of the Apps in files, and of the nearest configuration file.

    Nothing is written and nobody is told. It ends with 1 where one holds. Rates are told from what
    workers have counted, which they do where their own rules ask for it.
    """
    asyncio.run(_check(view, files))


async def _check(view: View, files: tuple[str, ...]) -> None:
    from dalsegno.cli.programs import load
    from dalsegno.cli.settings import alert_rules
    from dalsegno.insight.alerts.checks import check as look
    from dalsegno.insight.alerts.listing import render_checks
    from dalsegno.insight.alerts.rules import check_rules

    own = load(files, view.place.address).options.alerts if files else ()
    rules = check_rules([*own, *alert_rules()])
    if not rules:
        raise click.UsageError(
            "There is no rule to look at: App(alerts=[…]) in a FILE, or [[alerts]] in dalsegno.toml."
        )
    async with view.store() as store:
        found = [(rule, await look(rule, store, view.namespace)) for rule in rules]
    view.answer(
        {"rules": [_said(rule, holding) for rule, holding in found]}, render_checks(found, view.style)
    )
    if any(holding for _, holding in found):
        raise SystemExit(1)


def _said(rule: Alert, holding: list[Holding]) -> dict[str, Any]:
    return {"name": rule.name, "on": rule.on, "holds": holding}
