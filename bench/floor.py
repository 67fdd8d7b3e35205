"""The floor: what the disk and SQLite allow, before a line of ours has run.

One table with one primary key, six rows of 200 bytes for each workflow, durable commits. Nothing of
the package is used and nothing here follows its schema, so the numbers stay comparable when ours
change. Other benches divide by them.

    python bench/floor.py [--seconds 3] [--directory .]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import apsw

ROWS_PER_WORKFLOW = 6
BLOB = bytes(range(200))
BATCHES = (100, 1)


@dataclass(frozen=True)
class Floor:
    """What was measured: ``rows`` durable rows in ``seconds``, ``batch`` of them per commit.

    ``commit`` is how many seconds the middle one of all commits took.
    """

    batch: int
    rows: int
    seconds: float
    commit: float

    @property
    def workflows_per_second(self) -> float:
        return self.rows / ROWS_PER_WORKFLOW / self.seconds

    @property
    def seconds_per_workflow(self) -> float:
        return 1 / self.workflows_per_second


def measure(seconds: float, batch: int, directory: str | Path) -> Floor:
    """Insert rows for that many seconds, ``batch`` per commit, into a new file in the directory."""
    with tempfile.TemporaryDirectory(prefix="floor-", dir=directory) as folder:
        db = apsw.Connection(str(Path(folder) / "floor.db"))
        try:
            return _insert(_prepare(db), seconds, batch)
        finally:
            db.close()


def _prepare(db: apsw.Connection) -> apsw.Connection:
    mode = db.execute("pragma journal_mode = wal").get
    if mode != "wal":
        raise RuntimeError(f"this file system gives no WAL, but {mode}")
    db.execute("pragma synchronous = full")
    db.execute("pragma fullfsync = on")  # on macOS; elsewhere it changes nothing
    db.execute("create table floor (run integer, n integer, body blob, primary key (run, n))")
    return db


def _insert(db: apsw.Connection, seconds: float, batch: int) -> Floor:
    took: list[float] = []
    rows, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        keys = (divmod(row, ROWS_PER_WORKFLOW) for row in range(rows, rows + batch))
        db.execute("begin immediate")
        db.executemany("insert into floor values (?, ?, ?)", ((run, n, BLOB) for run, n in keys))
        db.execute("commit")
        rows += batch
        took.append(time.perf_counter() - now)
    return Floor(batch, rows, now - began, statistics.median(took))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=3.0, help="for each way of committing")
    options.add_argument("--directory", type=Path, default=Path(), help="on the disk to be measured")
    chosen = options.parse_args()
    print(f"SQLite {apsw.sqlite_lib_version()}, WAL, synchronous=FULL, {ROWS_PER_WORKFLOW} rows per workflow")
    for batch in BATCHES:
        floor = measure(chosen.seconds, batch, chosen.directory)
        print(
            f"{batch:>4} rows per commit: {floor.workflows_per_second:>9,.0f} workflows/s, "
            f"{floor.seconds_per_workflow * 1e6:>7.1f} µs each"
        )


if __name__ == "__main__":
    main()
