"""What a run leaves behind is freed at once: a worker that runs for weeks must not wait for a collection."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dalsegno import App, Workflow, sleep, step, workflow
from dalsegno.core.clock import nap
from dalsegno.core.execution import Execution
from dalsegno.core.loop import RunLoop

CACHE = 1


@step
async def add(n: int) -> int:
    return n + 1


@step
def add_def(n: int) -> int:
    return n + 1


@workflow
async def with_steps(n: int) -> int:
    return await add(await add(n)) + sum(await asyncio.gather(add(1), add_def.start(2)))


@workflow
def in_def(n: int) -> int:
    waits = add_def.start(n)
    return add_def(n) + waits.result()


@workflow
async def asleep(n: int) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1000))
        async with asyncio.timeout(2000):
            await asyncio.wait([group.create_task(asyncio.sleep(3000))])


@workflow
def asleep_in_def(n: int) -> None:
    add_def(n)
    sleep("1h")


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def app(folder: Path) -> App:
    made = App("freed", store=f"sqlite:///{folder}/freed.db")
    made.options = replace(made.options, cache=CACHE)
    return made


def left() -> int:
    """How many runs are in memory, dead or alive, counted by what each has of its own."""
    return sum(isinstance(found, Execution | RunLoop) for found in gc.get_objects()) // 2


@pytest.mark.parametrize("what", [with_steps, in_def], ids=lambda what: what.name)
@pytest.mark.asyncio
@pytest.mark.usefixtures("no_collector")
async def test_runs_that_ended_leave_nothing_for_the_collector(
    what: Workflow[int, int], tmp_path: Path
) -> None:
    async with app(tmp_path) as client:
        for n in range(5):
            run = await client.start(what, n, id=f"run-{n}")
            await run.result("20s")
        await until_left(1)  # the commit queue still holds the last group


@pytest.mark.parametrize("what", [asleep, asleep_in_def], ids=lambda what: what.name)
@pytest.mark.asyncio
@pytest.mark.usefixtures("no_collector")
async def test_runs_that_were_evicted_leave_nothing_for_the_collector(
    what: Workflow[int, None], tmp_path: Path
) -> None:
    async with app(tmp_path) as client:
        for n in range(5):
            run = await client.start(what, n, id=f"run-{n}")
            async with asyncio.timeout(5):
                while await run.status() != "waiting":
                    await nap(0)
        await until_left(CACHE)


async def until_left(few: int) -> None:
    """Let the last verdict arrive; fail when more than ``few`` runs stay in memory."""
    async with asyncio.timeout(5):
        while left() > few:
            await nap(0)
