"""A file that fills: what an order costs with a thousand and with a million finished runs in it.

A thousand orders are run; their rows are copied through SQL under other numbers and ids until the file
has enough. Ids are random, so that the index over them is met everywhere and not at its end.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw
import orders
from floors import Floors
from programs.talk import an_order
from rows import Calibrated, Row, spread
from sizes import Sizes

from dalsegno import App

MOST = 1.2


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Fill files of several sizes, and run orders in each in turn."""
    with tempfile.TemporaryDirectory(prefix="growth-", dir=directory) as folder, Calibrated() as now:
        files = {count: _made(Path(folder) / f"{count}.db", count) for count in sizes.finished}
        floors = Floors(sizes.floor, directory)
        shares: dict[int, list[float]] = {count: [] for count in files}
        rates: dict[int, list[float]] = {count: [] for count in files}
        for _ in range(sizes.rounds):
            for count, file in files.items():
                rates[count].append(asyncio.run(run_orders(file, sizes.growth_runs)))
                shares[count].append(rates[count][-1] / floors.around()[0])
    few = shares[sizes.finished[0]]
    return [
        Row(
            f"finished runs in the file: cost of an order ÷ at {sizes.finished[0]:,}",
            "dalsegno",
            f"{count:,} finished runs",
            statistics.median(rates[count]),
            "orders/s",
            of=f"the cost at {sizes.finished[0]:,}",
            target=f"≤ {MOST}" if count == sizes.finished[-1] else "",
            calibration_ms=now.ms,
            **spread([one / share for one, share in zip(few, shares[count], strict=True)]),
        )
        for count in files
    ]


def _made(file: Path, count: int) -> Path:
    first = min(count, 1_000)
    asyncio.run(run_orders(file, first))
    if count > first:
        _copy(file, count // first - 1)
    return file


async def run_orders(file: Path, count: int) -> float:
    """Run orders under random ids, all at once, and return how many per second."""
    async with App("growth", include=[orders], store=f"sqlite:///{file}") as client:
        began = time.perf_counter()
        runs = await asyncio.gather(
            *(client.start(orders.order_async, an_order(n), id=os.urandom(8).hex()) for n in range(count))
        )
        for run in runs:
            await run.result()
        return count / (time.perf_counter() - began)


def _copy(file: Path, times: int) -> None:
    """Add copies of all runs and their entries, older ones first: numbers below, ids new."""
    db = apsw.Connection(str(file))
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        found: list[Any] = db.execute("SELECT min(number), max(number) FROM runs").fetchall()
        low, high = found[0]
        width = high - low + 1
        runs = _columns(db, "runs", {"number": "number - ?1", "id": "lower(hex(randomblob(8)))"})
        entries = _columns(db, "entries", {"run": "run - ?1"})
        for copy in range(times, 0, -1):
            db.execute("BEGIN")
            for table, key, (names, values) in (("runs", "number", runs), ("entries", "run", entries)):
                db.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {key} BETWEEN ?2 AND ?3",
                    (width * copy, low, high),
                )
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.close()


def _columns(db: apsw.Connection, table: str, changed: dict[str, str]) -> tuple[str, str]:
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    return ", ".join(names), ", ".join(changed.get(name, name) for name in names)
