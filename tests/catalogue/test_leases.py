"""Leases while steps block, while a worker drains, and while the store does not answer (10, 19, 20)."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dalsegno import Retry, step, step_info, workflow
from dalsegno.core.clock import SystemClock
from dalsegno.core.runs import Run, Status
from dalsegno.engine import engine
from dalsegno.store.sqlite import SqliteStore
from tests.bad_input.kit import beside
from tests.bad_input.test_held import HOLDER, _let_go
from tests.helpers.command import dalsegno, worker
from tests.helpers.room import Room, eventually
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P5", "P6")

PROGRAM = """
import threading, time
from pathlib import Path
from dalsegno import step, workflow

HERE = Path(__file__).parent

def note(line):
    with (HERE / "calls").open("a") as calls:
        calls.write(line + "\\n")

@step
async def hogs(seconds: float) -> str:
    note("hogs")
    time.sleep(seconds)  # the loop stands still
    return "hogged"

@workflow
async def blocking(seconds: float) -> str:
    return await hogs(seconds)

@step
def stands() -> str:
    note("stands")
    while not (HERE / "open").exists():
        threading.Event().wait(0.01)
    return "stood"

@workflow
def standing() -> str:
    return stands()
"""
STORE = "leases.db"


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    (tmp_path / "leases.py").write_text(PROGRAM)
    return tmp_path


def start(yard: Path, *args: str) -> None:
    done = dalsegno("start", *args, "--id", "it", "--store", STORE, cwd=yard)
    assert done.returncode == 0, done.stderr


def calls(yard: Path) -> list[str]:
    file = yard / "calls"
    return file.read_text().split() if file.exists() else []


def look(yard: Path) -> tuple[Run, list[int]]:
    """Read the run, and which processes' sessions were fenced."""

    async def read() -> tuple[Run, list[int]]:
        store = SqliteStore(str(yard / STORE), SystemClock())
        await store.open()
        run = await store.find("default", "it")
        assert run is not None
        fenced = [s.pid for s in await store.sessions(live=False) if s.fenced_at is not None]
        await store.close()
        return run, fenced

    return asyncio.run(read())


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def test_a_step_that_blocks_the_loop_beyond_the_lease_keeps_its_run_by_the_heart_and_runs_once(
    yard: Path,
) -> None:
    with (
        worker("leases.py", "--store", STORE, "--lease", "1s", cwd=yard),
        worker("leases.py", "--store", STORE, "--lease", "1s", cwd=yard),
    ):
        start(yard, "leases.py:blocking", "3.5")
        until(lambda: look(yard)[0].status is Status.COMPLETED, "it completes", within=30)
        run, fenced = look(yard)
    assert (run.turn, run.crashes, fenced) == (1, 0, [])
    assert calls(yard) == ["hogs"]


def test_a_worker_that_drains_longer_than_its_lease_keeps_its_run_and_the_step_is_not_done_twice(
    yard: Path,
) -> None:
    with worker("leases.py", "--store", STORE, "--lease", "1s", "--grace", "1m", cwd=yard) as first:
        start(yard, "leases.py:standing")
        until(lambda: calls(yard) == ["stands"], "its step runs")
        with worker("leases.py", "--store", STORE, "--lease", "1s", cwd=yard) as second:
            first.tell(signal.SIGTERM)
            first.says("draining")
            _wait(2.5)
            run, fenced = look(yard)
            assert (run.status, run.turn, fenced) == (Status.RUNNING, 1, []), "nobody took it over"
            (yard / "open").touch()
            assert first.ended() == 0
            until(lambda: look(yard)[0].status is Status.COMPLETED, "it completes", within=30)
            assert second.pid != first.pid
    assert calls(yard) == ["stands"]


@pytest.mark.parametrize("margin", [None, 1_000.0], ids=["as it is", "without the margin"])
def test_a_worker_that_cannot_renew_its_lease_begins_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[..., None], margin: float | None
) -> None:
    """The second attempt is due while nobody can write; it needs no commit to begin, only the lease."""
    if margin is not None:
        monkeypatch.setattr(engine, "_LEASE_MARGIN", margin)
    free, held = threading.Event(), threading.Event()
    began_while_held: list[bool] = []

    @step(retry=Retry(attempts=2, first="1500ms", jitter=0))
    async def fails_once() -> int:
        if step_info().attempt == 1:
            raise ConnectionError("once")
        began_while_held.append(held.is_set() and not free.is_set())
        return 2

    @step
    async def keeps_it_live() -> None:
        await asyncio.to_thread(free.wait, 20)

    @workflow
    async def body() -> int:
        """Stay in memory: a run that only waits for its next attempt would have to be claimed for it."""
        attempted, _ = await asyncio.gather(fails_once(), keeps_it_live())
        return attempted

    async def scenario() -> None:
        async with Room(tmp_path, body, lease="1s") as room:
            await room.client.start(body, id="it")
            await room.has_entries("it", "ATTEMPT")
            with beside(HOLDER, str(tmp_path / "room.db"), "BEGIN IMMEDIATE") as holder:
                held.set()
                await asyncio.to_thread(_wait, 3.0)
                free.set()
                _let_go(holder)
                holder.wait(20)
            await eventually(lambda: began_while_held, "the second attempt")
            await room.reaches("it", "completed")

    asyncio.run(scenario())
    assert began_while_held == [margin is not None]
    if margin is not None:
        count("teeth", of=1)


def test_where_and_doctor_say_that_a_frozen_worker_has_lost_its_lease_and_then_that_it_is_back(
    yard: Path,
) -> None:
    with worker("leases.py", "--store", STORE, "--lease", "1s", cwd=yard) as frozen:
        start(yard, "leases.py:standing")
        until(lambda: calls(yard) == ["stands"], "its step runs")
        frozen.tell(signal.SIGSTOP)
        try:
            said = until(lambda: _asked(yard, "where", "it", "ran out"), "where tells", within=20)
            assert f"the lease of its worker, pid {frozen.pid}" in said
            assert "no live worker has its code" in said
            assert f"worker pid {frozen.pid}" in _asked(yard, "doctor", "its lease ran out")
        finally:
            frozen.tell(signal.SIGCONT)
        until(lambda: _asked(yard, "where", "it", "running on worker"), "it goes on", within=20)
        (yard / "open").touch()
        until(lambda: look(yard)[0].status is Status.COMPLETED, "it completes", within=30)
    assert calls(yard) == ["stands"], "nobody else was there to take it, and it was not done again"


def _asked(yard: Path, *args: str) -> str:
    """Ask the command line; return what it said if it has the last of these words, else nothing."""
    *command, word = args
    said = dalsegno(*command, "--store", STORE, cwd=yard).stdout
    return said if word in said else ""
