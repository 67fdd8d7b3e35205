"""Behaviours of sagas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dalsegno import NOTHING, saga, step
from dalsegno.core.runs import COMPENSATED
from dalsegno.errors import RunFailed
from tests.helpers.room import Gate, Room, names

pytestmark = [pytest.mark.asyncio, pytest.mark.promise("P9")]

IDS = {
    "113": "test_a_refused_step_undoes_those_before_it_and_not_itself",
    "117": "test_what_completed_last_is_undone_first",
}


class Refused(Exception):
    """A participant answered that it will not."""


class Booking:
    """Steps A, B and C over a list of what they did; ``fails`` names the one that refuses."""

    def __init__(self, fails: str) -> None:
        self.did: list[str] = []
        self._fails = fails
        self.a, self.b, self.c = (self._step(name) for name in "abc")

    def _step(self, name: str) -> Any:
        def undo(order: str, result: str | None) -> None:
            self.did.append(f"undo {name} {order} {result}")

        def act(order: str) -> str:
            if name == self._fails:
                raise Refused(name)
            self.did.append(f"do {name}")
            return f"{name} of {order}"

        undo.__qualname__ = f"undo_{name}"
        return step(name=name, compensate=undo)(act)


def _saga_of(booking: Booking, colour: str) -> Any:
    parts = (booking.a, booking.b, booking.c)

    @saga(name="book", strict=True)
    def blocking(order: str) -> None:
        for part in parts:
            part(order)

    @saga(name="book", strict=True)
    async def awaited(order: str) -> None:
        for part in parts:
            await part.start(order)

    return blocking if colour == "def" else awaited


@pytest.mark.parametrize("colour", ["def", "async def"])
async def test_a_refused_step_undoes_those_before_it_and_not_itself(tmp_path: Path, colour: str) -> None:
    """Case 113: the undo gets the step's own arguments, and its result."""
    booking = Booking(fails="b")
    book = _saga_of(booking, colour)
    async with Room(tmp_path, book) as room:
        with pytest.raises(RunFailed, match="Refused: b"):
            await (await room.client.start(book, "77", id="r")).result()
        row = await room.row("r")
        assert (row.status.value, row.reason) == ("failed", COMPENSATED)
        assert len(names(await room.journal("r"))) == 3  # a, b as a failure, a undone
    assert booking.did == ["do a", "undo a 77 a of 77"]


@pytest.mark.parametrize("colour", ["def", "async def"])
async def test_what_completed_last_is_undone_first(tmp_path: Path, colour: str) -> None:
    """Case 117."""
    booking = Booking(fails="c")
    book = _saga_of(booking, colour)
    async with Room(tmp_path, book) as room:
        with pytest.raises(RunFailed, match="Refused: c"):
            await (await room.client.start(book, "77", id="r")).result()
        assert (await room.row("r")).reason == COMPENSATED
    assert booking.did == ["do a", "do b", "undo b 77 b of 77", "undo a 77 a of 77"]


async def test_a_crash_between_two_compensations_repeats_neither_order_nor_what_is_done(
    tmp_path: Path,
) -> None:
    """Beside case 117: the next worker goes on with the undoing where it stood."""
    gate, did = Gate(), []

    @step
    async def undo_a() -> None:
        if not gate.came:
            await gate.pass_()
        did.append("undo a")

    @step
    async def undo_b() -> None:
        did.append("undo b")

    @step(compensate=undo_a)
    async def a() -> None:
        did.append("do a")

    @step(compensate=undo_b)
    async def b() -> None:
        did.append("do b")

    @step(compensate=NOTHING)
    async def c() -> None:
        raise Refused("c")

    @saga(strict=True)
    async def book() -> None:
        await a()
        await b()
        await c()

    async with Room(tmp_path, book) as room:
        await room.client.start(book, id="r")
        await gate.crowd(1)
        await room.crash()
    async with Room(tmp_path, book) as room:
        with pytest.raises(RunFailed, match="Refused: c"):
            await room.client.run("r").result()
        assert (await room.row("r")).reason == COMPENSATED
    assert did == ["do a", "do b", "undo b", "undo a"]
