"""A worker that finds a thousand runs at its start, and one whose steps eat up its memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dalsegno import App
from dalsegno.app import Runtime
from dalsegno.core import failure
from dalsegno.core.runs import KILLS_ITS_WORKER, Run
from dalsegno.store.protocol import RunQuery
from tests.real_faults import hardships
from tests.real_faults.harness import until

pytestmark = pytest.mark.promise("P10", "P11")

ROOT = Path(__file__).parents[2]
SOON = 60.0


class Yard:
    """A store with a client, and one worker at a time, hired again whenever it has died."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.store = f"sqlite:///{folder}/hardships.db"
        self._arguments = arguments
        self._log = (folder / "worker.log").open("a")
        app = App("hardships", include=[hardships.looks, hardships.hoards], store=self.store)
        self.runtime: Runtime = app.runtime(worker=False)
        self.worker: subprocess.Popen[str] | None = None
        self.deaths = 0

    def hire(self) -> None:
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "tests.real_faults.hardships", self.store, *self._arguments],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            text=True,
            cwd=ROOT,
        )

    async def all_rest(self) -> bool:
        """Whether every run has ended or is parked; a worker that has died is hired again."""
        assert self.worker is not None
        if self.worker.poll() is not None:
            self.deaths += 1
            self.hire()
        return all(run.status.ended or run.parked for run in await self.runs())

    async def runs(self) -> list[Run]:
        return await self.runtime.store.runs(RunQuery(limit=10_000))

    async def close(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
        await self.runtime.close()
        self._log.close()


@pytest.mark.timeout(180)
def test_a_thousand_runs_that_are_pending_at_boot_all_end_and_the_threads_stay_few(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    async def scenario() -> list[Run]:
        yard = Yard(tmp_path)
        await yard.runtime.open()
        try:
            client = yard.runtime.operations
            ids = (f"looks-{number}" for number in range(1_000))
            await asyncio.gather(*(client.start(hardships.looks, 1, name, None) for name in ids))
            yard.hire()
            await until(yard.all_rest, SOON, "all thousand have ended")
            assert yard.deaths == 0
            return await yard.runs()
        finally:
            await yard.close()

    runs = asyncio.run(scenario())
    assert [run.status.value for run in runs] == ["completed"] * 1_000
    threads = max(int(run.output or b"0") for run in runs)
    assert threads <= 8 + 8, f"{threads} threads: 8 for steps, and the few of the store and the heart"
    count("runs pending at boot", 1_000)


@pytest.mark.timeout(180)
def test_steps_that_eat_up_the_memory_fail_or_are_parked_by_name_and_their_neighbours_end(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    async def scenario() -> tuple[list[Run], int]:
        yard = Yard(tmp_path, "150")
        await yard.runtime.open()
        try:
            client = yard.runtime.operations
            for number in range(40):
                await client.start(hardships.looks, number, f"looks-{number}", None)
                if number % 10 == 0:
                    await client.start(hardships.hoards, 100_000, f"hoards-{number}", None)
            yard.hire()
            await until(yard.all_rest, SOON, "everything has ended or is parked")
            return await yard.runs(), yard.deaths
        finally:
            await yard.close()

    runs, deaths = asyncio.run(scenario())
    for run in runs:
        if run.workflow == "looks":
            assert run.status.value == "completed", f"{run.id} is {run.status}, {run.reason}"
        elif run.parked:
            assert run.reason == KILLS_ITS_WORKER
        else:
            assert run.status.value == "failed" and run.error is not None
            assert failure.decode(run.error).type == "builtins.MemoryError"
    count("workers that ran out of memory and died", deaths)
    count("steps that ran out of memory", 4)
