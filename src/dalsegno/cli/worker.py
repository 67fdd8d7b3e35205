"""``dalsegno worker``: a process that runs workflows until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import say
from dalsegno.cli.exits import Command, debug_option

if TYPE_CHECKING:
    from dalsegno.app import AppOptions
    from dalsegno.cli.programs import Program
    from dalsegno.errors import StoreError
    from dalsegno.insight.metrics.metrics import Metrics


@click.command(
    cls=Command,
    examples=["dalsegno worker orders.py", "dalsegno worker orders.py billing.py --queue slow --slots 50"],
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--queue", help="Take runs of this queue.")
@click.option("--slots", type=click.IntRange(1), help="How many runs to hold at once.")
@click.option("--threads", type=click.IntRange(1), help="How many def steps to run at once.")
@click.option("--lease", metavar="TIME", help="How long the store waits for a sign of life.")
@click.option("--grace", metavar="TIME", help="How long steps may take to end, once it is to stop.")
@click.option(
    "--metrics",
    metavar="ADDRESS",
    help="Serve Prometheus metrics there: 127.0.0.1:9464, or a port of this machine.",
)
@click.option("--store", metavar="ADDRESS", help="A file, or sqlite:///path, instead of the App's own.")
@debug_option
def worker(files: tuple[str, ...], store: str | None, **settings: Any) -> None:
    """Run the workflows of files until stopped.

    FILE is a path (orders.py) or a module (shop.orders). The App in it gives options and store; where
    there is none, one is made, whose store lies beside the file.

    The first SIGTERM or ^C drains: nothing new begins, steps under way may end within the grace, and what
    is left goes on elsewhere. The second one ends the process at once. Either way nothing is lost, and no
    run fails of it.
    """
    from dalsegno.cli.programs import load

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    program = load(files, store)
    if not program.registry.workflows and not program.known.services:
        raise click.UsageError(
            f"{program.label} has no workflow and no service: put @workflow or @saga above a function."
        )
    options = _options(program.options, **settings)
    from dalsegno.client.portal import new_loop

    signals = Signals()
    signals.install()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_work(program, options, signals))


def _options(
    options: AppOptions,
    *,
    queue: str | None,
    slots: int | None,
    threads: int | None,
    lease: str | None,
    grace: str | None,
    metrics: str | None,
) -> AppOptions:
    """Change an App's options as the command line says."""
    from dalsegno.cli.settings import alert_rules
    from dalsegno.core.clock import SECOND
    from dalsegno.core.durations import microseconds
    from dalsegno.insight.alerts.rules import check_rules

    worker = options.worker
    if queue:
        worker = replace(worker, queue=queue)
    if slots:
        worker = replace(worker, slots=slots)
    if lease:
        worker = replace(worker, lease=max(microseconds(lease, what="lease"), SECOND // 5))
    if grace:
        worker = replace(worker, grace=microseconds(grace, what="grace"))
    return replace(
        options,
        worker=worker,
        threads=threads or options.threads,
        metrics=metrics or options.metrics,
        alerts=check_rules([*options.alerts, *alert_rules()]),
    )


class Signals:
    """SIGTERM and SIGINT: the first asks for an end, the second is one."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: asyncio.Event | None = None

    def install(self) -> None:
        """Listen from now on: even a worker that is still opening its store can be stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)

    async def asked(self) -> None:
        """Wait for the first."""
        self._loop, self._asked = asyncio.get_running_loop(), asyncio.Event()
        if self.first is None:
            await self._asked.wait()

    def ask(self) -> None:
        """Ask for an end without any signal."""
        if self._asked is not None:
            self._asked.set()

    def _heard(self, number: int, frame: object) -> None:
        # Python calls this between two instructions of the main thread, so it works while the loop is wedged.
        if self.first is not None:
            os.write(2, b"stopped at once; what was under way goes on with the next worker\n")
            os._exit(128 + number)
        self.first = signal.Signals(number)
        if self._loop is not None and self._asked is not None:
            self._loop.call_soon_threadsafe(self._asked.set)


async def _work(program: Program, options: AppOptions, signals: Signals) -> None:
    from dalsegno.app import Runtime, open_store
    from dalsegno.core.clock import SystemClock

    names = _names(program)
    runtime = Runtime(
        open_store(program.place.address, SystemClock()), program.registry, options, known=program.known
    )
    hopeless: list[StoreError] = []

    def give_up(error: StoreError) -> None:
        hopeless.append(error)
        signals.ask()

    runtime.commits.on_hopeless = give_up
    await runtime.open()
    _introduce(program, options, names, runtime.instruments.metrics)
    await signals.asked()
    if not hopeless:
        name = signals.first.name if signals.first is not None else "an order"
        say(f"{name}: draining; nothing new begins, and once more stops at once")
    await runtime.close()
    if hopeless:
        raise hopeless[0]
    say("stopped; what is not finished goes on with the next worker")


def _names(program: Program) -> list[str]:
    """Name what a program has, before the reactions of its services are workflows too."""
    named = ", ".join(f"{name} v{version}" for name, version in sorted(program.registry.workflows))
    services = ", ".join(sorted(program.known.services))
    told = [f"  workflows  {named}"] if named or not services else []
    return [*told, *([f"  services   {services}"] if services else [])]


def _introduce(program: Program, options: AppOptions, names: list[str], metrics: Metrics | None) -> None:
    from dalsegno.core.durations import text

    worker = options.worker
    say(f"worker of {program.label}, pid {os.getpid()}, Python {sys.version.split()[0]}")
    say(f"  store      {program.place}")
    for line in names:
        say(line)
    say(f"  queue      {worker.queue}; {worker.slots} slots, {options.threads} threads")
    say(f"  lease      {text(worker.lease)}; {text(worker.grace)} to end in")
    if options.alerts:
        say(f"  alerts     {', '.join(rule.name for rule in options.alerts)}")
    if metrics is not None:
        say(f"  metrics    http://{metrics.address}/metrics")
    say("ready; ^C drains it")
