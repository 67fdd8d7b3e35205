"""Behaviours of replay and determinism."""

from __future__ import annotations

import asyncio
import random as chance
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dalsegno import Retry, now, random, receive, step, uuid, workflow
from dalsegno.core.runs import DIVERGED
from dalsegno.errors import RunFailed
from tests.helpers.room import Gate, Room, eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.promise("P3", "P6")]


class CardRefused(Exception):
    """An error of the caller's own."""


class Unspeakable(Exception):
    """One that cannot even say what it is."""

    def __init__(self, socket: object) -> None:
        super().__init__(socket)
        self.socket = socket


@pytest.fixture
def done() -> Counter[str]:
    return Counter()


async def test_only_what_had_not_completed_runs_again(tmp_path: Path, done: Counter[str]) -> None:
    """Case 002."""
    gate = Gate()

    @step
    async def part(name: str) -> None:
        done[name] += 1
        if name == "third" and done[name] == 1:
            await gate.pass_()

    @workflow
    async def three() -> None:
        for name in ("first", "second", "third"):
            await part(name)

    async with Room(tmp_path, three) as room:
        await room.client.start(three, id="r")
        await gate.crowd(1)
        await room.crash()
    async with Room(tmp_path, three) as room:
        await room.client.run("r").result()
    assert done == {"first": 1, "second": 1, "third": 2}


async def test_each_turn_of_a_loop_has_an_entry_of_its_own(tmp_path: Path, done: Counter[str]) -> None:
    """Case 003."""
    gate = Gate()

    @step
    async def square(n: int) -> int:
        done[str(n)] += 1
        if n == 3 and done["3"] == 1:
            await gate.pass_()
        return n * n

    @workflow
    async def squares() -> list[int]:
        return [await square(n) for n in range(5)]

    async with Room(tmp_path, squares) as room:
        await room.client.start(squares, id="r")
        await gate.crowd(1)
        await room.crash()
    async with Room(tmp_path, squares) as room:
        assert await room.client.run("r").result() == [0, 1, 4, 9, 16]
        assert [entry.data for entry in await room.journal("r")] == [b"0", b"1", b"4", b"9", b"16"]
    assert done == {"0": 1, "1": 1, "2": 1, "3": 2, "4": 1}


async def test_a_step_that_raises_leaves_no_result_and_runs_again(tmp_path: Path, done: Counter[str]) -> None:
    """Case 004."""

    @step(retry=Retry(attempts=3, first="10ms"))
    async def flaky() -> str:
        done["flaky"] += 1
        if done["flaky"] < 3:
            raise ConnectionError("not yet")
        return "done"

    @workflow
    async def patient() -> str:
        return await flaky()

    async with Room(tmp_path, patient) as room:
        assert await (await room.client.start(patient, id="r")).result() == "done"
        assert [entry.kind.name for entry in await room.journal("r")] == ["ATTEMPT", "ATTEMPT", "STEP"]
    assert done["flaky"] == 3


async def test_what_gather_started_is_told_apart_by_the_order_of_the_calls(tmp_path: Path) -> None:
    """Case 005."""
    gates = {n: Gate() for n in range(6)}

    @step
    async def answer(n: int) -> str:
        await gates[n].pass_()
        return f"answer {n}"

    @workflow
    async def many() -> list[str]:
        return await asyncio.gather(*(answer.start(n) for n in range(6)))

    async with Room(tmp_path, many) as room:
        await room.client.start(many, id="r")
        for count, n in enumerate((4, 1, 5), 1):  # another order than they were called in
            gates[n].open()
            await eventually(partial(_has_entries, room, "r", count), f"{n} is durable")
        assert [entry.op - 1 for entry in await room.journal("r")] == [4, 1, 5]
        await room.crash()
    for gate in gates.values():
        gate.open()
    async with Room(tmp_path, many) as room:
        assert await room.client.run("r").result() == [f"answer {n}" for n in range(6)]
    assert {n: len(gate.came) for n, gate in gates.items()} == {0: 2, 1: 1, 2: 2, 3: 2, 4: 1, 5: 1}


async def test_a_side_effect_happens_once_and_its_result_is_in_the_journal(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 006."""

    @step
    def charge(amount: int) -> dict[str, int]:
        done["charge"] += 1
        return {"receipt": amount}

    @workflow
    def pay() -> int:
        return charge(7)["receipt"]

    async with Room(tmp_path, pay) as room:
        assert await (await room.client.start(pay, id="r")).result() == 7
        (entry,) = await room.journal("r")
    assert (entry.name.rpartition(".")[2], entry.data, done) == ("charge", b'{"receipt":7}', {"charge": 1})


async def test_a_side_effect_is_durable_before_the_next_one_begins(tmp_path: Path) -> None:
    """Case 007."""
    seen: list[int] = []

    @step
    async def note(n: int) -> int:
        seen.append(len(await room.journal("r")))
        return n

    @workflow
    async def notes() -> int:
        return sum([await note(n) for n in range(5)])

    async with Room(tmp_path, notes) as room:
        await (await room.client.start(notes, id="r")).result()
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("where", ["workflow", "step"])
async def test_what_cannot_be_recorded_is_a_clear_error_and_the_run_ends(
    tmp_path: Path, done: Counter[str], where: str
) -> None:
    """Case 008."""

    @step
    async def open_something() -> Any:
        done["step"] += 1
        return {"items": [1, object()]}

    @workflow
    async def careless() -> Any:
        if where == "step":
            return await open_something()
        return {"items": [1, object()]}

    async with Room(tmp_path, careless) as room:
        with pytest.raises(RunFailed, match=r"\$\.items\[1\] is of type object") as raised:
            await (await room.client.start(careless, id="r")).result()
        assert (await room.row("r")).status == "failed"
    assert raised.value.error.type == "dalsegno.errors.NotEncodable"
    assert done["step"] == (1 if where == "step" else 0)


async def test_an_error_keeps_its_class_in_the_workflow_and_its_name_and_text_for_callers(
    tmp_path: Path,
) -> None:
    """Case 009: a caller gets RunFailed with the error as data, in this process or another."""
    caught: list[BaseException] = []

    @step
    async def charge() -> None:
        raise CardRefused("no money")

    @workflow
    async def pay() -> None:
        try:
            await charge()
        except CardRefused as error:
            caught.append(error)
            raise

    @workflow
    async def odd() -> None:
        raise Unspeakable(object())

    async with Room(tmp_path, pay, odd) as room:
        await room.client.start(pay, id="pay")
        await room.client.start(odd, id="odd")
        await room.reaches("pay", "failed")
        await room.reaches("odd", "failed")
    assert [type(error) for error in caught] == [CardRefused]
    async with Room(tmp_path, worker=False) as elsewhere:  # it has no code at all
        with pytest.raises(RunFailed, match="no money") as raised:
            await elsewhere.client.run("pay").result()
        assert raised.value.error.type.endswith("CardRefused")
        assert raised.value.error.args == ("no money",)
        with pytest.raises(RunFailed, match="object object at") as raised:
            await elsewhere.client.run("odd").result()
        assert raised.value.error.type.endswith("Unspeakable")


# -- determinism


async def _parked(room: Room, id: str) -> Any:
    row = await room.row(id)
    return row if row.parked else None


@pytest.mark.parametrize("change", ["sleep for a call", "another step", "another child", "another signal"])
async def test_a_workflow_that_behaves_differently_is_parked_and_does_nothing_more(
    tmp_path: Path, done: Counter[str], change: str
) -> None:
    """Case 011."""

    @step
    async def count() -> None:
        done["count"] += 1

    @step
    async def look() -> None:
        return None

    @step
    async def count_more() -> None:
        done["more"] += 1

    @workflow(name="one")
    async def one() -> None:
        await receive(int)

    @workflow(name="two")
    async def two() -> None:
        done["more"] += 1

    bodies: dict[str, tuple[Any, Any]] = {
        "sleep for a call": (lambda: asyncio.sleep(3_600), count_more),
        "another step": (look, count_more),
        "another child": (one.start, two.start),
        "another signal": (lambda: receive(int, name="a"), count_more),
    }
    before, after = bodies[change]

    @workflow(name="fickle")
    async def first() -> None:
        await count()
        await before()
        await receive(str)

    @workflow(name="fickle")
    async def second() -> None:
        await count()
        await after()
        await receive(str)

    async with Room(tmp_path, first, one) as room:
        await room.client.start(first, id="r")
        await room.reaches("r", "waiting")
        if change == "another signal":
            await room.client.signal("r", 1, name="a")
            await eventually(lambda: _has_entries(room, "r", 2), "the signal is taken")
        await room.crash()
    async with Room(tmp_path, second, one, two) as room:
        await room.client.signal("r", "go on")
        row = await eventually(lambda: _parked(room, "r"), "it is parked")
        assert row.reason == DIVERGED
        assert b"Diverged" in (row.error or b"")
    assert done == {"count": 1}


async def _has_entries(room: Room, id: str, count: int) -> bool:
    return len(await room.journal(id)) >= count


async def test_ids_chance_and_time_come_back_the_same_after_eviction(tmp_path: Path) -> None:
    """Case 015."""
    drawn: list[tuple[str, float, datetime]] = []

    @workflow
    async def draw() -> None:
        for _ in range(2):
            drawn.append((str(uuid()), random().random(), now()))
            await receive(str)

    async with Room(tmp_path, draw, cache=0) as room:
        run = await room.client.start(draw, id="r")
        await room.reaches("r", "waiting")
        await run.signal("go on")
        await eventually(lambda: len(drawn) >= 3, "it was replayed")
        await room.reaches("r", "waiting")
        await run.signal("go on")
        await run.result()
    assert len(drawn) == 5  # 1 live; 1 replayed, 1 live; 2 replayed
    assert drawn[0] == drawn[1] == drawn[3]
    assert drawn[2] == drawn[4]
    assert drawn[0][:2] != drawn[2][:2]


async def test_coroutines_that_become_ready_together_go_on_in_the_order_of_their_making(
    tmp_path: Path,
) -> None:
    """Case 018."""
    orders: list[list[int]] = []

    @workflow
    async def crowd() -> list[int]:
        order: list[int] = []
        orders.append(order)
        start, chosen = asyncio.Event(), list(range(8))
        chance.Random(3).shuffle(chosen)

        async def member(n: int) -> None:
            await start.wait()
            order.append(n)

        async with asyncio.TaskGroup() as group:
            for n in chosen:
                group.create_task(member(n))
            await receive(str)
            start.set()
        await receive(str)
        return order

    async with Room(tmp_path, crowd) as room:
        run = await room.client.start(crowd, id="r")
        await run.signal("start")
        await eventually(lambda: _has_entries(room, "r", 1), "all are ready")
        await room.reaches("r", "waiting")
        await room.crash()
    async with Room(tmp_path, crowd) as room:
        await room.client.signal("r", "end")
        result = await room.client.run("r").result()
    made = list(range(8))
    chance.Random(3).shuffle(made)
    assert result == made
    assert len(orders) == 2 and orders[0] == orders[1] == made
