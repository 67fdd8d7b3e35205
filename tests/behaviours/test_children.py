"""Behaviours of child runs that a single end of a single child does not show."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from threading import Event, Semaphore

import pytest

from dalsegno import receive, step, workflow
from tests.helpers.room import PATIENCE, Room

pytestmark = pytest.mark.asyncio

IDS = {
    "035": "test_starts_while_a_def_step_is_under_way_find_the_run_and_begin_no_second_one",
    "085": "test_a_cancel_reaches_grandchildren_though_no_worker_lived_when_it_came",
    "089": "test_a_child_that_took_too_long_is_cancelled_and_its_parent_goes_on",
}


@pytest.mark.parametrize("crash", [False, True])
async def test_a_child_that_took_too_long_is_cancelled_and_its_parent_goes_on(
    tmp_path: Path, crash: bool
) -> None:
    """Case 089: the child times out; with ``crash``, while no worker lives."""

    @workflow
    async def child() -> str:
        return await receive(str)

    @workflow
    async def parent() -> str:
        try:
            async with asyncio.timeout(3_600):
                return await child.start(id="child")
        except TimeoutError:
            return await receive(str)  # it lives on, so its end is not what cancels the child

    async with Room(tmp_path, parent, child) as room:
        run = await room.client.start(parent, id="r")
        await room.reaches("child", "waiting")
        await room.reaches("r", "waiting")
        if crash:
            await room.crash()
        room.clock.set_on("2h")
        if not crash:
            await room.reaches("child", "cancelled")
            await run.signal("too late")
            assert await run.result(PATIENCE) == "too late"
    if crash:
        async with Room(tmp_path, parent, child, clock=room.clock) as again:
            await again.reaches("child", "cancelled")
            await again.client.signal("r", "too late")
            assert await again.client.run("r").result(PATIENCE) == "too late"


@pytest.mark.promise("P1")
async def test_a_cancel_reaches_grandchildren_though_no_worker_lived_when_it_came(tmp_path: Path) -> None:
    """Case 085, two levels down."""

    @workflow
    async def leaf() -> str:
        return await receive(str)

    @workflow
    async def middle() -> None:
        await leaf.start(id="free", detached=True)
        await leaf.start(id="bound")

    @workflow
    def top() -> None:
        middle.start(id="middle").result()

    everyone = (top, middle, leaf)
    async with Room(tmp_path, *everyone) as room:
        await room.client.start(top, id="top")
        for run_id in ("top", "middle", "bound", "free"):
            await room.reaches(run_id, "waiting")
        await room.crash()
    async with Room(tmp_path, *everyone, worker=False) as room:
        assert await room.client.cancel("top")
    async with Room(tmp_path, *everyone) as room:
        for run_id in ("top", "middle", "bound"):
            await room.reaches(run_id, "cancelled")
        await room.client.signal("free", "lives")
        assert await room.client.run("free").result(PATIENCE) == "lives"


@pytest.mark.promise("P2")
async def test_starts_while_a_def_step_is_under_way_find_the_run_and_begin_no_second_one(
    tmp_path: Path,
) -> None:
    """Case 035, with a step that is in its thread while the later starts come."""
    came, go, done = Semaphore(0), Event(), Counter[str]()

    @step
    def charge() -> int:
        done["charged"] += 1
        came.release()
        assert go.wait(PATIENCE)
        return 7

    @workflow
    def pay() -> int:
        done["body"] += 1
        return charge()

    async with Room(tmp_path, pay) as room:
        runs = await asyncio.gather(*(room.client.start(pay, id="r") for _ in range(50)))
        assert await asyncio.to_thread(came.acquire, True, PATIENCE)
        runs += await asyncio.gather(*(room.client.start(pay, id="r") for _ in range(50)))
        go.set()
        assert await asyncio.gather(*(run.result(PATIENCE) for run in runs)) == [7] * 100
    assert done == {"charged": 1, "body": 1}
