"""``dalsegno metrics``: what a store says now, and files for Grafana and Prometheus."""

from __future__ import annotations

import asyncio
from importlib import resources

import click

from dalsegno.cli.console import put
from dalsegno.cli.exits import Command, Commands
from dalsegno.cli.view import View, viewing


@click.group(cls=Commands)
def metrics() -> None:
    """Show what a store says of itself; print a dashboard and alert rules."""


@metrics.command(examples=["dalsegno metrics show", "dalsegno metrics show --store orders.db"])
@viewing(json=False, utc=False)
def show(view: View) -> None:
    """Print what the store says of itself, as a worker's page of metrics has it.

    What a worker counts is on its own page alone: dalsegno worker --metrics 127.0.0.1:9464.
    """
    asyncio.run(_show(view))


async def _show(view: View) -> None:
    from dalsegno.cli.view import gone_here
    from dalsegno.insight.metrics.exposition import Scrape, written
    from dalsegno.insight.metrics.gauges import read_gauges

    async with view.store() as store:
        gauges = await read_gauges(store, view.namespace, gone=gone_here())
    page, _ = written(Scrape(None, gauges), process=False)
    put(page.decode().rstrip("\n"))


@metrics.command("dashboard", cls=Command, examples=["dalsegno metrics dashboard > dalsegno.json"])
def dashboard() -> None:
    """Print a dashboard for Grafana: import it, and choose the Prometheus that scrapes the workers."""
    put(_file("dashboard.json"))


@metrics.command("rules", cls=Command, examples=["dalsegno metrics rules > /etc/prometheus/dalsegno.yml"])
def rules() -> None:
    """Print alert rules for Prometheus: name the file under rule_files."""
    put(_file("rules.yml"))


def _file(name: str) -> str:
    return resources.files("dalsegno.insight.metrics").joinpath(name).read_text("utf-8").rstrip("\n")
