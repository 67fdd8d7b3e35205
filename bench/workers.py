"""Several workers on one file, next to one: from the first run's start to the last one's end."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import orders
from programs.talk import an_order
from rows import Calibrated, Row, spread
from sizes import Sizes

from dalsegno import App

BENCH = Path(__file__).parent.resolve()


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Let one, two, four processes work off the same number of orders, in rounds."""
    rates: dict[int, list[float]] = {count: [] for count in sizes.workers}
    with Calibrated() as now:
        for _ in range(sizes.rounds):
            for count in sizes.workers:
                rates[count].append(_work(count, sizes.shared_runs, directory))
    return [
        Row(
            "workers on one file: throughput ÷ one worker's",
            "dalsegno",
            f"{count} worker{'s' if count > 1 else ''}, {sizes.shared_runs:,} orders, {os.cpu_count()} cores",
            statistics.median(rates[count]),
            "orders/s",
            of="of one",
            target="≥ 1" if count > 1 else "",
            calibration_ms=now.ms,
            **spread([rate / alone for rate, alone in zip(rates[count], rates[1], strict=True)]),
        )
        for count in sizes.workers
    ]


def hire(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program of ours and wait until it is ready; it ends when its stdin is closed."""
    worker = subprocess.Popen(
        [sys.executable, "-m", f"programs.{program}", *arguments],
        cwd=BENCH,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(BENCH), *filter(None, sys.path[1:])])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    if worker.stdout.readline() != "ready\n":
        dismiss(worker)
        raise RuntimeError(f"the program {program} did not start")
    return worker


def dismiss(worker: subprocess.Popen[str]) -> None:
    """Let it end, and wait for it."""
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _work(count: int, runs: int, directory: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="workers-", dir=directory) as folder:
        store = f"sqlite:///{Path(folder).resolve()}/bench.db"
        asyncio.run(_fill(store, runs))
        crew = [hire("worker", store) for _ in range(count)]
        try:
            for worker in crew:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            return asyncio.run(_watch(store, runs))
        finally:
            for worker in crew:
                dismiss(worker)


async def _fill(store: str, runs: int) -> None:
    async with App("bench", include=[orders], store=store, slots=0) as client:
        await asyncio.gather(
            *(client.start(orders.order_async, an_order(n), id=f"o-{n}") for n in range(runs))
        )


async def _watch(store: str, runs: int) -> float:
    """Wait until all have ended; return how many per second, by what the store has noted."""
    async with App("bench", include=[orders], store=store, slots=0) as client:
        await asyncio.gather(*(client.run(f"o-{n}").result() for n in range(runs)))
        done = await client.runs("completed", limit=runs)
    began = min(run.started_at for run in done if run.started_at is not None)
    ended = max(run.ended_at for run in done if run.ended_at is not None)
    return runs / (ended - began).total_seconds()
