"""What a run leaves behind is freed at once: a worker that runs for weeks must not wait for a collection."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
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


Left = Callable[[], int]


@pytest.fixture
def left() -> Iterator[Left]:
    """Stop the collector; return how many runs made since then are in memory, dead or alive."""
    gc.collect()
    gc.disable()
    # Kept, not only counted: what other tests of this process left must not lend its id to something new.
    before = parts_of_runs()
    known = {id(part) for part in before}
    try:
        # Each run has one of either.
        yield lambda: sum(id(part) not in known for part in parts_of_runs()) // 2
    finally:
        gc.enable()


def parts_of_runs() -> list[Execution | RunLoop]:
    return [found for found in gc.get_objects() if isinstance(found, Execution | RunLoop)]


def app(folder: Path) -> App:
    made = App("freed", store=f"sqlite:///{folder}/freed.db")
    made.options = replace(made.options, cache=CACHE)
    return made


@pytest.mark.parametrize("what", [with_steps, in_def], ids=lambda what: what.name)
@pytest.mark.asyncio
async def test_runs_that_ended_leave_nothing_for_the_collector(
    what: Workflow[int, int], tmp_path: Path, left: Left
) -> None:
    async with app(tmp_path) as client:
        for n in range(5):
            run = await client.start(what, n, id=f"run-{n}")
            await run.result("20s")
        await until_left(left, 1)  # the commit queue still holds the last group


@pytest.mark.parametrize("what", [asleep, asleep_in_def], ids=lambda what: what.name)
@pytest.mark.asyncio
async def test_runs_that_were_evicted_leave_nothing_for_the_collector(
    what: Workflow[int, None], tmp_path: Path, left: Left
) -> None:
    async with app(tmp_path) as client:
        for n in range(5):
            run = await client.start(what, n, id=f"run-{n}")
            async with asyncio.timeout(5):
                while await run.status() != "waiting":
                    await nap(0)
        await until_left(left, CACHE)


async def until_left(left: Left, few: int) -> None:
    """Let the last verdict arrive; fail when more than ``few`` runs stay in memory."""
    async with asyncio.timeout(5):
        while left() > few:
            await nap(0)
