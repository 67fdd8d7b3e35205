"""Behaviours of identity and of child runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from dalsegno import receive, step, workflow
from dalsegno.errors import ChildCancelled, ChildFailed, RunConflict
from tests.helpers.room import Gate, Room

pytestmark = [pytest.mark.asyncio, pytest.mark.promise("P2")]


class OutOfStock(Exception):
    """An error of a child."""


@pytest.fixture
def done() -> Counter[str]:
    return Counter()


async def test_one_id_is_one_run_and_another_input_or_function_is_a_conflict(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 034."""

    @workflow
    async def double(n: int) -> int:
        done["double"] += 1
        return 2 * n

    @workflow
    async def triple(n: int) -> int:
        return 3 * n

    async with Room(tmp_path, double, triple) as room:
        first = await room.client.start(double, 4, id="r")
        second = await room.client.start(double, 4, id="r")
        assert await asyncio.gather(first.result(), second.result()) == [8, 8]
        with pytest.raises(RunConflict, match="was started with another input"):
            await room.client.start(double, 5, id="r")
        with pytest.raises(RunConflict, match="is a run of workflow"):
            await room.client.start(triple, 4, id="r")
    assert done["double"] == 1


async def test_many_starts_at_once_are_one_run_and_its_step_is_never_done_twice_at_a_time(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 035."""

    @step
    def charge() -> int:
        done["under way"] += 1
        done["most"] = max(done["most"], done["under way"])
        done["charged"] += 1
        done["under way"] -= 1
        return 7

    @workflow
    async def pay() -> int:
        done["body"] += 1
        return await charge.start()

    async with Room(tmp_path, pay) as room:
        runs = await asyncio.gather(*(room.client.start(pay, id="r") for _ in range(100)))
        assert await asyncio.gather(*(run.result() for run in runs)) == [7] * 100
    assert (done["body"], done["charged"], done["most"]) == (1, 1, 1)


async def test_the_id_of_a_completed_run_stays_its_own(tmp_path: Path, done: Counter[str]) -> None:
    """Case 036: other parameters are a conflict, where others answer with the first task."""

    @workflow
    async def double(n: int) -> int:
        done["double"] += 1
        return 2 * n

    async with Room(tmp_path, double) as room:
        assert await (await room.client.start(double, 4, id="r")).result() == 8
        with pytest.raises(RunConflict) as raised:
            await room.client.start(double, 5, id="r")
        assert raised.value.run_id == "r"
        assert len(await room.client.runs()) == 1
        assert await room.client.run("r").result() == 8
    assert done["double"] == 1


async def test_a_start_after_the_end_finds_the_same_run_and_its_result(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 039."""

    @workflow
    async def double(n: int) -> int:
        done["double"] += 1
        return 2 * n

    async with Room(tmp_path, double) as room:
        assert await (await room.client.start(double, 4, id="r")).result() == 8
        number = (await room.row("r")).number
    async with Room(tmp_path, double) as room:
        again = await room.client.start(double, 4, id="r")
        assert (again.id, await again.result()) == ("r", 8)
        assert (await room.row("r")).number == number
    assert done["double"] == 1


# -- children


async def test_a_recovered_parent_finds_its_child_and_starts_no_second_one(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 087."""
    gate = Gate()

    @step
    async def work() -> str:
        done["worked"] += 1
        await gate.pass_()
        return "made"

    @workflow
    async def child() -> str:
        return await work()

    @workflow
    async def parent() -> str:
        done["parent"] += 1
        return await child.start()

    async with Room(tmp_path, parent, child) as room:
        await room.client.start(parent, id="r")
        await gate.crowd(1)
        (started,) = [run for run in await room.client.runs() if run.id != "r"]
        await room.crash()
    gate.open()
    async with Room(tmp_path, parent, child) as room:
        await room.client.signal("r", "look")  # so that the parent is replayed, too
        assert await room.client.run("r").result() == "made"
        assert sorted(run.id for run in await room.client.runs()) == sorted(["r", started.id])
    assert started.id.startswith("r.")
    assert done["parent"] == 2


async def test_a_parent_gets_a_childs_end_as_a_typed_error_with_its_cause(tmp_path: Path) -> None:
    """Case 089."""
    seen: list[tuple[type, str, type | None]] = []

    @workflow
    async def failing() -> None:
        raise OutOfStock("no bolts")

    @workflow
    async def waiting() -> None:
        await receive(str)

    @workflow
    async def parent() -> None:
        for child, name in ((failing, "failing"), (waiting, "waiting")):
            try:
                await child.start(id=name)
            except (ChildFailed, ChildCancelled) as error:
                seen.append((type(error), error.run_id, type(error.__cause__)))

    async with Room(tmp_path, parent, failing, waiting) as room:
        run = await room.client.start(parent, id="r")
        await room.reaches("failing", "failed")
        await room.reaches("r", "waiting")
        await room.reaches("waiting", "waiting")
        await room.client.cancel("waiting")
        await run.result()
    assert seen == [
        (ChildFailed, "failing", OutOfStock),
        (ChildCancelled, "waiting", type(None)),
    ]
