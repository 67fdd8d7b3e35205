"""Power cuts under a real worker, with its threads and clocks: what was told to anybody is still true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from dalsegno import App, Client, receive, step, workflow
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.disk import Disk
from dalsegno.testing.invariants import peek
from dalsegno.testing.power import cuts
from tests.power.stage import Still, small_wal

pytestmark = pytest.mark.promise("P1", "P3", "P4", "P6")

JOBS = 12
SOON = 60.0
LOOKED_AT, GONE_ON = 250, 8


@dataclass
class Told:
    """What the world was told, and how far the disk's log was by then."""

    disk: Disk | None = None
    facts: list[tuple[int, str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, kind: str, what: Any) -> None:
        with self.lock:
            if self.disk is not None:
                self.facts.append((self.disk.now, kind, what))


TOLD = Told()


@step
def first(number: int) -> int:
    return number + 1


@step
async def second(number: int) -> int:
    TOLD.tell("after first", number - 1)
    return number * 2


@workflow
async def job(number: int) -> str:
    doubled = await second(await first.start(number))
    return f"{doubled} {await receive(str)}"


def _app(path: Path) -> App:
    return App("cuts", include=[job], store=f"sqlite:///{path}", lease="1s")


def _ask(client: Client, numbers: range) -> None:
    """Start jobs and signal them; a program that was cut off asks for the same again."""
    for number in numbers:
        run = client.start(job, number, id=f"job-{number}")
        TOLD.tell("started", number)
        run.signal(f"word {number}", id="word")
        TOLD.tell("signalled", number)


def _results(client: Client, numbers: range) -> dict[int, str]:
    found = {}
    for number in numbers:
        found[number] = str(client.run(f"job-{number}").result(SOON))
        TOLD.tell("result", (number, found[number]))
    return found


def _dump(path: Path) -> tuple[dict[int, tuple[Any, ...]], dict[int, list[Any]], list[Any]]:
    """Read runs, journals and inboxes of a store through the store itself, after a check of all of it."""
    store = SqliteStore(str(path), Still(), threaded=False)
    peek(store.open())
    try:
        assert peek(store.check()) == []
        reader: apsw.Connection = store._reader  # type: ignore[assignment]
        runs = {row[0]: row[1:] for row in reader.execute("SELECT number, id, status, output FROM runs")}
        entries: dict[int, list[Any]] = {number: [] for number in runs}
        for row in reader.execute("SELECT * FROM entries ORDER BY run, position"):
            entries[row[0]].append(row[1:])
        return runs, entries, reader.execute("SELECT run, id FROM deliveries").fetchall()
    finally:
        peek(store.close())


def test_what_a_worker_or_client_was_told_survives_every_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[..., None]
) -> None:
    disk = Disk(tmp_path / "play.db")
    monkeypatch.setattr(TOLD, "disk", disk)
    monkeypatch.setattr(TOLD, "facts", [])
    with small_wal(monkeypatch), disk.mounted(), _app(disk.path) as client:
        _ask(client, range(JOBS))
        results = _results(client, range(JOBS))
    monkeypatch.setattr(TOLD, "disk", None)
    _, journals, _ = _dump(disk.path)
    rng = Random(5)
    looked = []
    for number, cut in enumerate(cuts(disk.log, rng, shuffles=1, every=max(1, disk.now * 2 // LOOKED_AT))):
        path = tmp_path / f"{number}.db"
        cut.lay(path, rng)
        runs, entries, deliveries = _dump(path)
        looked.append(path)
        for run, lines in entries.items():
            assert lines == journals[run][: len(lines)], "P3: the journal is another one"
        ids = {row[0]: (run, *row[1:]) for run, row in runs.items()}
        for at, kind, what in TOLD.facts:
            if at <= cut.after:
                _holds(kind, what, ids, entries, deliveries)
    count("power cuts", len(looked))
    for path in rng.sample(looked, GONE_ON):
        with _app(path) as client:
            _ask(client, range(JOBS))
            assert _results(client, range(JOBS)) == results
    count("states gone on from", GONE_ON)


def _holds(
    kind: str, what: Any, runs: dict[Any, Any], entries: dict[int, list[Any]], deliveries: list[Any]
) -> None:
    number = what[0] if kind == "result" else what
    run, status, output = runs[f"job-{number}"]  # P1: an acknowledged start is there
    if kind == "signalled":
        assert (run, "signal:word") in deliveries, "P1: an acknowledged signal is lost"
    elif kind == "after first":
        assert any("first" in line for line in entries[run]), "P6: a result was used, and is not there"
    elif kind == "result":
        assert (status, output.decode()) == ("completed", f'"{what[1]}"'), "P4"
