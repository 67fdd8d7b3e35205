"""Cases under way: what it costs to ask for one, however long the log is, and what it costs to keep their trail.

A few thousand cases are played; their rows are copied through SQL, under other numbers and names, until the log
has as many events as are asked for. All cases are live: each waits for its last event. What is asked is of cases
from anywhere in the log; beside it, in the same moment, one row of theirs is read by an index, with nothing of
ours around it: by a connection that is opened for it, as whoever asks once does it, and by one that is at hand.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import parcels
from calibration import calibrate
from rows import Calibrated, Row, spread
from sizes import Sizes

from dalsegno import App, AsyncClient

AT_MOST = "≤ 100"  # reads of one row by an index, each by a connection of its own
TRAIL = "≥ 0.9"  # of the throughput without


def take(sizes: Sizes, directory: Path) -> list[Row]:
    """Ask in logs of several lengths, and handle events with a process and without."""
    with tempfile.TemporaryDirectory(prefix="cases-", dir=directory) as folder:
        return [*_asked(sizes, Path(folder)), *_trail(sizes, Path(folder))]


def app(file: Path, *, process: bool = True, slots: int = 100) -> App:
    """Return the App that plays, or looks."""
    include = [*parcels.SERVICES, *parcels.KINDS, *([parcels.parcels] if process else [])]
    return App("cases", include=include, store=f"sqlite:///{file}", slots=slots)


# -- asking


def _asked(sizes: Sizes, folder: Path) -> list[Row]:
    files = {count: asyncio.run(made(folder / f"{count}.db", count, sizes)) for count in sizes.log_events}
    rows: list[Row] = []
    first: dict[str, float] = {}
    for count, file in files.items():
        with Calibrated() as now:
            reads, hot, took = asyncio.run(_look(file, sizes))
        for what, rounds in took.items():
            middle = statistics.median(rounds)
            setting = f"{count:,} events, {count // parcels.EVENTS:,} live cases"
            ratios = spread([one / read for one, read in zip(rounds, reads, strict=True)])
            rows.append(
                Row(f"a live case: {what}", "dalsegno", setting, middle * 1000, "ms", of="indexed row reads",
                    target=AT_MOST, calibration_ms=now.ms, **ratios)
            )  # fmt: skip
            ratios = spread([one / read for one, read in zip(rounds, hot, strict=True)])
            rows.append(
                Row(f"a live case: {what} ÷ a row by a connection at hand", "dalsegno", setting, middle * 1000, "ms",
                    of="such reads", calibration_ms=now.ms, **ratios)
            )  # fmt: skip
            share = middle / now.ms / first.setdefault(what, middle / now.ms)
            rows.append(
                Row(f"a live case: {what} ÷ on the shortest log", "dalsegno", setting, middle * 1000, "ms",
                    ratio=share, of="of that", calibration_ms=now.ms)
            )  # fmt: skip
    return sorted(rows, key=lambda row: row.measure)


async def _look(file: Path, sizes: Sizes) -> tuple[list[float], list[float], dict[str, list[float]]]:
    """Ask for cases round by round; return what one row's reading took in each, and one question of each kind."""
    chance = random.Random(1)
    reads: list[float] = []
    hot: list[float] = []
    took: dict[str, list[float]] = {"where": [], "cases.show": [], "cases.get": []}
    db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    async with app(file, slots=0) as client:
        asked: dict[str, Callable[[str], Awaitable[object]]] = {
            "where": client.where,
            "cases.show": client.cases.show,
            "cases.get": client.cases.get,
        }
        names = [str(row[0]) for row in db.execute("SELECT id FROM cases")]
        for _ in range(sizes.rounds):
            chosen = chance.sample(names, min(sizes.questions, len(names)))
            reads.append(_each_read(file, chosen))
            hot.append(_each_read(db, chosen))
            for what, ask in asked.items():
                began = time.perf_counter()
                for case in chosen:
                    await ask(case)
                took[what].append((time.perf_counter() - began) / len(chosen))
    db.close()
    return reads, hot, took


def _each_read(place: Path | apsw.Connection, cases: list[str]) -> float:
    """Read a row of each case; from a file by a connection for each."""
    began = time.perf_counter()
    for case in cases:
        db = (
            apsw.Connection(str(place), flags=apsw.SQLITE_OPEN_READONLY) if isinstance(place, Path) else place
        )
        db.execute("SELECT * FROM cases WHERE namespace = 'default' AND id = ?", (case,)).fetchall()
        if isinstance(place, Path):
            db.close()
    return (time.perf_counter() - began) / len(cases)


async def made(file: Path, count: int, sizes: Sizes) -> Path:
    """Make a log of so many events, of cases that are all under way."""
    cases = sizes.log_events[0] // parcels.EVENTS
    async with app(file) as client:
        await played(client, cases)
    copies = count // (cases * parcels.EVENTS) - 1
    if copies > 0:
        _copy(file, copies)
    return file


async def played(client: AsyncClient, cases: int) -> float:
    """Begin so many cases and let them come to where they wait; return how long the services took."""
    began = time.perf_counter()
    for first in range(0, cases, 1_000):
        await client.emit(*(parcels.Ordered(str(n)) for n in range(first, min(cases, first + 1_000))))
    await _settled(client)
    took = time.perf_counter() - began
    scans = [parcels.Scanned(str(n), depot) for depot in range(parcels.SCANS) for n in range(cases)]
    for at in range(0, len(scans), 1_000):
        few = scans[at : at + 1_000]
        await asyncio.gather(*(client.emit(scan, case_id=f"parcel-{scan.parcel}") for scan in few))
    await _settled(client)
    return took


async def _settled(client: AsyncClient) -> None:
    """Wait until no service is behind."""
    while True:
        infos = [await client.services.get(service.name) for service in parcels.SERVICES]
        if not any(info.lag_events for info in infos):
            return
        await asyncio.sleep(0.02)


def _copy(file: Path, times: int) -> None:
    """Add copies of all events, reactions and cases, as of other parcels, behind those that there are."""
    db = apsw.Connection(str(file))
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        width, cases = _last(db, "events"), _last(db, "cases")
        events = {
            "number": "number + ?1", "cause": "cause + ?1", "key": "key || '.' || ?2",
            "case_id": "case_id || '.' || ?2", "id": "id || '.' || ?2",
        }  # fmt: skip
        rows = {
            "number": "number + ?1", "began_event": "began_event + ?3", "key": "key || '.' || ?2",
            "id": "id || '.' || ?2",
        }  # fmt: skip
        for copy in range(1, times + 1):
            db.execute("BEGIN")
            by = (width * copy, str(copy))
            _insert(db, "events", events, f"number <= {width}", by)
            _insert(db, "reactions", {"event": "event + ?1"}, f"event <= {width}", by[:1])
            _insert(db, "cases", rows, f"number <= {cases}", (cases * copy, str(copy), width * copy))
            db.execute("COMMIT")
        db.execute("UPDATE log_head SET last = ?", (width * (times + 1),))
        db.execute("UPDATE partitions SET position = ?", (width * (times + 1),))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.close()


def _last(db: apsw.Connection, table: str) -> int:
    return int(str(db.execute(f"SELECT max(number) FROM {table}").fetchall()[0][0]))


def _insert(
    db: apsw.Connection, table: str, changed: dict[str, str], which: str, values: tuple[object, ...]
) -> None:
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    made = ", ".join(changed.get(name, name) for name in names)
    db.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {made} FROM {table} WHERE {which}", values)


# -- the trail


def _trail(sizes: Sizes, folder: Path) -> list[Row]:
    """Handle the same events with the process declared and without, in turns."""
    cases = max(1, sizes.trail_events // 3)
    rates: dict[bool, list[float]] = {True: [], False: []}
    work: dict[bool, list[float]] = {True: [], False: []}
    loops: list[float] = []
    for turn in range(2 * sizes.rounds + 1):
        for process in (True, False) if turn % 2 else (False, True):
            loops.append(calibrate())
            rate, cpu = asyncio.run(_handled(folder / f"{turn}-{process}.db", cases, process=process))
            if turn:  # the first is for warming up
                rates[process].append(rate)
                work[process].append(cpu)
    setting, now = f"{cases * 3:,} events", statistics.median(loops)
    what = "a process is declared: {} ÷ without it"
    return [
        Row(what.format("events written and handled"), "dalsegno", setting, statistics.median(rates[True]),
            "events/s", of="of that", target=TRAIL, calibration_ms=now, **spread(_shares(rates))),
        Row(what.format("CPU of 1,000 events"), "dalsegno", setting, statistics.median(work[True]), "s",
            of="of that", calibration_ms=now, **spread(_shares(work))),
    ]  # fmt: skip


def _shares(found: dict[bool, list[float]]) -> list[float]:
    return [one / other for one, other in zip(found[True], found[False], strict=True)]


async def _handled(file: Path, cases: int, *, process: bool) -> tuple[float, float]:
    """Return events per second, and seconds of the processor for a thousand."""
    async with app(file, process=process) as client:
        began, worked = time.perf_counter(), time.process_time()
        for first in range(0, cases, 1_000):
            await client.emit(*(parcels.Ordered(str(n)) for n in range(first, min(cases, first + 1_000))))
        await _settled(client)
        return cases * 3 / (time.perf_counter() - began), (time.process_time() - worked) / cases / 0.003
