"""What waits on the log: catching up in bounded memory, on a log that grows, and with several workers."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import things
from floor import ROWS_PER_WORKFLOW
from floors import Floors
from peers import ASYNC, OUR_EVENTS, Program
from processes import peak_mb
from rows import Calibrated, Row, spread
from sizes import Sizes
from workers import dismiss, hire

ROWS_PER_EVENT = 2
MOST_MB = 300
MOST = 1.2
FIRST = 1_000  # events that are emitted and handled before they are copied
_PATIENCE = 300.0  # seconds for several workers


def take(sizes: Sizes, directory: Path, cache: Path) -> list[Row]:
    """Measure it all."""
    return [*_catch_up(sizes, directory, cache), *_growth(sizes, directory), *_workers(sizes, directory)]


def _per_event(floors: Floors) -> float:
    """Return how many events per second the floor would take."""
    return floors.around()[0] * ROWS_PER_WORKFLOW / ROWS_PER_EVENT


# -- a service that was down


def _catch_up(sizes: Sizes, directory: Path, cache: Path) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="backlog-", dir=directory) as folder, Calibrated() as now:
        file = Path(folder) / "backlog.db"
        asyncio.run(things.fill(file, range(sizes.backlog)))
        floors = Floors(sizes.floor, directory)
        with Program(OUR_EVENTS, cache=cache, directory=directory) as program:
            done = program.ask("handle", way=ASYNC, count=sizes.backlog, file=str(file))
            most = peak_mb(program.pid)
        floor = _per_event(floors)
    who, setting = "dalsegno", f"{sizes.backlog:,} events"
    rate = done["events"] / done["seconds"]
    yield Row(
        "a service that was down: events handled",
        who,
        setting,
        rate,
        "events/s",
        rate / floor,
        "of the floor",
        calibration_ms=now.ms,
    )
    yield Row(
        "a service that was down: most memory of its worker",
        who,
        setting,
        most,
        "MiB",
        target=f"≤ {MOST_MB}",
        calibration_ms=now.ms,
    )
    yield Row(
        "a service that was down: events out of the order of their key",
        who,
        setting,
        done["disordered"],
        "events",
        target="≤ 0",
        calibration_ms=now.ms,
    )


# -- a log that grows


def _growth(sizes: Sizes, directory: Path) -> list[Row]:
    count = max(1, sizes.events // 2)
    with tempfile.TemporaryDirectory(prefix="log-", dir=directory) as folder, Calibrated() as now:
        files = {behind: _made(Path(folder) / f"{behind}.db", behind) for behind in sizes.finished}
        floors = Floors(sizes.floor, directory)
        rates: dict[int, list[float]] = {behind: [] for behind in files}
        shares: dict[int, list[float]] = {behind: [] for behind in files}
        for _ in range(sizes.rounds):
            for behind, file in files.items():
                rates[behind].append(_handle_more(file, count))
                shares[behind].append(rates[behind][-1] / _per_event(floors))
    few = sizes.finished[0]
    return [
        Row(
            f"events on the log: cost of handling one ÷ at {few:,}",
            "dalsegno",
            f"{behind:,} events behind",
            statistics.median(rates[behind]),
            "events/s",
            of=f"the cost at {few:,}",
            target=f"≤ {MOST}" if behind == sizes.finished[-1] else "",
            calibration_ms=now.ms,
            **spread([one / share for one, share in zip(shares[few], shares[behind], strict=True)]),
        )
        for behind in files
    ]


def _made(file: Path, count: int) -> Path:
    first = min(count, FIRST)
    _handle_more(file, first)
    if count > first:
        things.copy(file, count // first - 1)
    return file


def _handle_more(file: Path, count: int) -> float:
    """Emit more events, and return how many of them are handled per second afterwards."""
    after = things.end_of(file) if file.exists() else 0
    asyncio.run(things.fill(file, range(count)))
    done = asyncio.run(things.handle(file, ASYNC, range(count), after=after))
    return done.events / done.seconds


# -- several workers


def _workers(sizes: Sizes, directory: Path) -> list[Row]:
    rates: dict[int, list[float]] = {count: [] for count in sizes.workers}
    with Calibrated() as now:
        for _ in range(sizes.rounds):
            for count in sizes.workers:
                rates[count].append(_share(count, sizes.events, directory))
    return [
        Row(
            "workers that share a service: events handled ÷ one worker's",
            "dalsegno",
            f"{count} worker{'s' if count > 1 else ''}, {sizes.events:,} events, {os.cpu_count()} cores",
            statistics.median(rates[count]),
            "events/s",
            of="of one",
            calibration_ms=now.ms,
            **spread([rate / alone for rate, alone in zip(rates[count], rates[1], strict=True)]),
        )
        for count in sizes.workers
    ]


def _share(count: int, events: int, directory: Path) -> float:
    """Let so many workers handle what waits; return how many per second, by when the store noted each."""
    with tempfile.TemporaryDirectory(prefix="share-", dir=directory) as folder:
        file = Path(folder).resolve() / "shared.db"
        asyncio.run(things.fill(file, range(events)))
        crew = [hire("event_worker", str(file)) for _ in range(count)]
        try:
            for worker in crew:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            return _watch(file, events)
        finally:
            for worker in crew:
                dismiss(worker)


def _watch(file: Path, events: int) -> float:
    """Look from outside until all have been reacted to: two columns of what was written tell how long it took."""
    db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(10_000)
    try:
        ends = time.monotonic() + _PATIENCE
        while True:
            found: list[Any] = db.execute("SELECT count(*), min(at), max(at) FROM reactions").fetchall()
            done, began, ended = found[0]
            if done >= events:
                took: int = max(1, ended - began)
                return events / took * 1_000_000
            if time.monotonic() > ends:
                raise RuntimeError(f"{done} of {events} events were handled in {_PATIENCE:.0f} s")
            time.sleep(0.05)
    finally:
        db.close()
