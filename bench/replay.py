"""Replay of a long journal: from opening a worker to the result of a run that only has to read it all again."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from pathlib import Path

from rows import Calibrated, Row
from sizes import Sizes

from dalsegno import App, Workflow, receive, step, workflow
from dalsegno.core.clock import nap

MOST = 0.5  # seconds, on a quiet machine


@step
async def add(n: int) -> int:
    return n + 1


@step
def add_def(n: int) -> int:
    return n + 1


@workflow
async def one_by_one(n: int) -> int:
    total = 0
    for i in range(n):
        total += await add(i)
    return total + await receive(int, name="go")


@workflow
async def by_hundreds(n: int) -> int:
    total = 0
    for i in range(0, n, 100):
        total += sum(await asyncio.gather(*(add(j) for j in range(i, min(i + 100, n)))))
    return total + await receive(int, name="go")


@workflow
def in_def(n: int) -> int:
    total = 0
    for i in range(n):
        total += add_def(i)
    return total + receive(int, name="go").result()


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Write three journals of the same length, and replay each."""
    logging.getLogger("dalsegno").setLevel(logging.ERROR)  # that a run is long is what we want
    rows = []
    for way, name in ((one_by_one, "async def"), (by_hundreds, "async def, gathered"), (in_def, "def")):
        with tempfile.TemporaryDirectory(prefix="replay-", dir=directory) as folder, Calibrated() as now:
            seconds = asyncio.run(_replay(way, sizes.entries, folder))
        rows.append(
            Row(
                "replay: from opening the worker to the result",
                "dalsegno",
                f"{name}, {sizes.entries:,} entries",
                seconds,
                "s",
                target=f"≤ {MOST}",
                calibration_ms=now.ms,
            )
        )
    return rows


async def _replay(way: Workflow[int, int], entries: int, folder: str) -> float:
    store = f"sqlite:///{folder}/replay.db"
    include = [one_by_one, by_hundreds, in_def, add, add_def]
    async with App("replay", include=include, store=store) as client:
        run = await client.start(way, entries, id="long")
        while await run.status() != "waiting":
            await nap(0.05)
    async with App("replay", include=include, store=store, slots=0) as client:
        await client.signal("long", 0, name="go")
    began = time.perf_counter()
    async with App("replay", include=include, store=store) as client:
        total = await client.run("long").result()
        took = time.perf_counter() - began
    assert total == entries * (entries + 1) // 2
    return took
