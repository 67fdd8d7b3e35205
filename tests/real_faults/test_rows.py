"""Workers with rows in the store's own database, killed with kill -9: each row, event and result is there once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dalsegno.core.clock import SystemClock, pause
from tests.helpers.counts import Count
from tests.real_faults import rows

pytestmark = pytest.mark.promise("P1", "P6", "P8")

KILLS = 8
MOST = 2_000  # of each kind, that a quick machine asks for


def hire(store: str, log: Path) -> subprocess.Popen[str]:
    """Start a worker; it is at work when this returns."""
    with log.open("a") as told:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.real_faults.rows", store],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            cwd=Path(__file__).parents[2],
        )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n", log.read_text()
    return worker


def end(worker: subprocess.Popen[str]) -> None:
    """Kill it, as the machine would."""
    worker.kill()
    worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()


@pytest.mark.timeout(180)
def test_rows_are_there_once_however_often_their_workers_are_killed(tmp_path: Path, count: Count) -> None:
    store, log, rng = f"sqlite:///{tmp_path}/rows.db", tmp_path / "log", random.Random(7)
    clock = SystemClock()
    asked: list[int] = []
    with rows.app(store, slots=0) as client:  # and no worker
        with client.transaction() as tx:
            for table in rows.TABLES:
                tx.execute(table)
        for _ in range(KILLS):
            worker = hire(store, log)
            ends = clock.monotonic() + 0.1 + 0.4 * rng.random()
            while clock.monotonic() < ends and len(asked) < MOST:
                number = len(asked)
                with client.transaction(timeout="5s") as tx:
                    tx.execute("INSERT INTO asked VALUES (?)", (str(number),))
                    client.start(rows.noting, number, id=f"run-{number}", tx=tx)
                    client.emit(rows.Asked(f"k{number % 5}", number), tx=tx)
                asked.append(number)
            end(worker)
        last = hire(store, log)
        for number in asked:
            assert client.run(f"run-{number}").result("60s") == [1, 1, 1]
        for _ in range(1_000):
            booked = client.events.list("Booked", limit=10_000)
            if len(booked) >= len(asked):
                break
            pause(0.05)
        end(last)
        with client.transaction(timeout="5s") as tx:
            found = Counter(row[0] for row in tx.execute("SELECT what FROM booked"))
            noted = tx.execute("SELECT count(*), count(DISTINCT what) FROM asked")
    wanted = {f"run-{number}-{part}" for number in asked for part in range(3)}
    wanted |= {f"k{number % 5}-{number}" for number in asked}
    assert found == Counter(wanted), "P8: each row once"
    assert noted == [(len(asked), len(asked))] and len(booked) == len(asked)
    for key in range(5):
        mine = [event.data["number"] for event in booked if event.key == f"k{key}"]
        assert mine == [number for number in asked if number % 5 == key], (
            "P8: once, and in the order of its key"
        )
    count("kills", KILLS)
    assert len(asked) > KILLS
