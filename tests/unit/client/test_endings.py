"""Waiting for results: whoever waits is told by this process's worker, or by one look for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from dalsegno.client.endings import Endings
from dalsegno.core.runs import Ending, Status
from dalsegno.errors import StoreUnreachable
from dalsegno.store.protocol import Store
from dalsegno.testing.simloop import make_sim_loop


def ended(number: int) -> Ending:
    return Ending(number, "order", "1", Status.COMPLETED, None, b"1", None)


class Shelf:
    """As much of a store as is looked at; it counts the looks."""

    def __init__(self) -> None:
        self.mark = 0
        self.ended: dict[int, Ending] = {}
        self.looks: list[int] = []
        self.reachable = True

    def end(self, number: int) -> None:
        self.ended[number] = ended(number)
        self.mark += 1

    def change_mark(self) -> int:
        return self.mark

    async def endings(self, numbers: Sequence[int]) -> list[Ending]:
        if not self.reachable:
            raise StoreUnreachable("The store does not answer.")
        self.looks.append(len(numbers))
        return [self.ended[number] for number in numbers if number in self.ended]


def play(scene: Callable[[Endings, Shelf], Awaitable[None]]) -> Shelf:
    shelf = Shelf()

    async def main() -> None:
        await scene(Endings(cast("Store", shelf)), shelf)

    make_sim_loop(1).run(main())
    return shelf


def test_who_is_told_in_time_needs_no_look_at_the_store() -> None:
    async def scene(endings: Endings, shelf: Shelf) -> None:
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(endings.wait(number)) for number in (1, 1, 2)]
            await asyncio.sleep(0.01)
            endings.tell(ended(1))
            endings.tell(ended(2))
        assert [wait.result().number for wait in waits] == [1, 1, 2]
        await asyncio.sleep(10)

    assert play(scene).looks == []


def test_thousands_who_wait_for_others_to_end_their_runs_cost_one_look_when_something_was_written() -> None:
    async def scene(endings: Endings, shelf: Shelf) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(2_000):
                group.create_task(endings.wait(number))
            await asyncio.sleep(60)
            assert shelf.looks == [2_000], "nothing was written: one look, and no other"
            for number in range(2_000):
                shelf.end(number)

    assert play(scene).looks == [2_000, 2_000]


def test_a_run_that_ended_just_before_somebody_waits_for_it_is_not_missed() -> None:
    async def scene(endings: Endings, shelf: Shelf) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(endings.wait(1))
            await asyncio.sleep(1)
            shelf.end(2)
            await asyncio.sleep(1)
            assert (await endings.wait(2)).number == 2
            shelf.end(1)

    play(scene)


def test_what_the_store_cannot_answer_reaches_everybody_who_waits() -> None:
    async def scene(endings: Endings, shelf: Shelf) -> None:
        shelf.reachable = False
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(endings.wait(number)) for number in (1, 2)]
        for wait in waits:
            with pytest.raises(StoreUnreachable):
                await wait
        shelf.reachable = True
        shelf.end(1)
        assert (await endings.wait(1)).number == 1

    play(scene)


def test_who_waits_no_more_is_forgotten_and_the_others_wait_on() -> None:
    async def scene(endings: Endings, shelf: Shelf) -> None:
        patient = asyncio.create_task(endings.wait(1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await endings.wait(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await endings.wait(2)
        shelf.end(1)
        assert (await patient).number == 1
        assert shelf.looks[-1] == 1

    play(scene)
