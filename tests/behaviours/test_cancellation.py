"""Behaviours of cancellation."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dalsegno import Workflow, receive, sleep, step, workflow
from dalsegno.errors import RunCancelled, RunNotFound
from tests.helpers.room import Gate, Room

pytestmark = pytest.mark.asyncio


@pytest.fixture
def done() -> Counter[str]:
    return Counter()


def _async_body(done: Counter[str]) -> Workflow[None, Any]:
    @step
    async def clean() -> None:
        done["cleaned"] += 1

    @step
    async def work() -> None:
        done["worked"] += 1

    @workflow
    async def tidy() -> None:
        done["begun"] += 1
        try:
            await work()
        finally:
            await clean()

    return tidy


def _def_body(done: Counter[str]) -> Workflow[None, Any]:
    @step
    def clean() -> None:
        done["cleaned"] += 1

    @step
    def work() -> None:
        done["worked"] += 1

    @workflow
    def tidy() -> None:
        done["begun"] += 1
        try:
            work()
        finally:
            clean()

    return tidy


@pytest.mark.parametrize("make", [_async_body, _def_body])
async def test_a_run_that_is_cancelled_before_it_began_begins_and_may_clean_up(
    tmp_path: Path, done: Counter[str], make: Callable[[Counter[str]], Workflow[None, Any]]
) -> None:
    """Case 080."""
    tidy = make(done)
    async with Room(tmp_path, tidy, worker=False) as room:
        await room.client.start(tidy, id="r")
        assert await room.client.cancel("r")
    async with Room(tmp_path, tidy) as room:
        with pytest.raises(RunCancelled):
            await room.client.run("r").result()
    assert done == {"begun": 1, "cleaned": 1}


async def test_what_is_shielded_completes_and_then_the_cancel_goes_on(tmp_path: Path) -> None:
    """Case 081."""
    gate, seen = Gate(), list[str]()

    @step
    async def hand_over() -> str:
        await gate.pass_()
        seen.append("handed over")
        return "receipt"

    @workflow
    async def careful() -> None:
        task = hand_over.start()
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            seen.append(await task)
            raise

    async with Room(tmp_path, careful) as room:
        run = await room.client.start(careful, id="r")
        await gate.crowd(1)
        assert await run.cancel()
        await room.has_entries("r", "CANCEL")
        gate.open()
        with pytest.raises(RunCancelled):
            await run.result()
    assert seen == ["handed over", "receipt"]


@pytest.mark.promise("P4")
async def test_cancelling_what_has_ended_or_twice_does_nothing_and_an_unknown_id_is_an_error(
    tmp_path: Path,
) -> None:
    """Case 084."""

    @workflow
    async def quick() -> str:
        return "done"

    @workflow
    async def slow() -> None:
        await receive(str)

    async with Room(tmp_path, quick, slow) as room:
        run = await room.client.start(quick, id="ended")
        assert await run.result() == "done"
        assert await run.cancel() is False
        assert await run.result() == "done"
        waiting = await room.client.start(slow, id="waiting")
        assert [await waiting.cancel(), await waiting.cancel()] == [True, False]
        with pytest.raises(RunCancelled):
            await waiting.result()
        assert await waiting.cancel() is False
        with pytest.raises(RunNotFound):
            await room.client.cancel("nobody")


async def test_children_end_with_their_parent_and_detached_ones_live_on(tmp_path: Path) -> None:
    """Case 085."""

    @workflow
    async def child(name: str) -> str:
        return await receive(str)

    @workflow
    async def parent() -> None:
        await child.start("free", id="free", detached=True)
        await child.start("bound", id="bound")

    async with Room(tmp_path, parent, child) as room:
        run = await room.client.start(parent, id="parent")
        for run_id in ("parent", "free", "bound"):
            await room.reaches(run_id, "waiting")
        assert await run.cancel()
        await room.reaches("parent", "cancelled")
        await room.reaches("bound", "cancelled")
        assert (await room.row("free")).status == "waiting"
        await room.client.signal("free", "lives")
        assert await room.client.run("free").result() == "lives"


async def test_a_sleeping_def_run_is_cancelled_where_it_sleeps(tmp_path: Path) -> None:
    """Beside case 080: def code hears of a cancel at the wait where it stands."""
    seen: list[str] = []

    @workflow
    def sleeper() -> None:
        try:
            sleep("30d")
        except asyncio.CancelledError:
            seen.append("woken")
            raise

    async with Room(tmp_path, sleeper) as room:
        run = await room.client.start(sleeper, id="r")
        await room.reaches("r", "waiting")
        await room.crash()
    async with Room(tmp_path, sleeper) as room:
        assert await room.client.cancel("r")
        with pytest.raises(RunCancelled):
            await room.client.run(run.id).result()
        row = await room.row("r")
        assert await room.runtime.store.timers(row.number) == []
    assert seen == ["woken"]
