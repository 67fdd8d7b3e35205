"""Who may write next, whatever becomes of those before."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno.client.places import Places

pytestmark = pytest.mark.asyncio


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_next_has_its_turn_when_all_before_have_left() -> None:
    row, done = Places(), list[int]()
    places = [row.take() for _ in range(3)]

    async def go(number: int) -> None:
        await places[number].turn()
        done.append(number)
        places[number].leave()

    tasks = [asyncio.ensure_future(go(number)) for number in (2, 1, 0)]
    await asyncio.gather(*tasks)
    assert done == [0, 1, 2]


async def test_one_that_gives_up_lets_nobody_pass_those_before() -> None:
    row = Places()
    first, second, third = row.take(), row.take(), row.take()
    second.leave()
    waits = asyncio.ensure_future(third.turn())
    await settled()
    assert not waits.done()
    first.leave()
    await waits


async def test_one_that_is_called_off_while_it_waits_ends_no_other_place() -> None:
    row = Places()
    first, second, third = row.take(), row.take(), row.take()
    called_off, waits = asyncio.ensure_future(second.turn()), asyncio.ensure_future(third.turn())
    await settled()
    called_off.cancel()
    second.leave()
    await settled()
    assert not waits.done() and not first.left.done()
    first.leave()
    await waits


async def test_leaving_twice_is_leaving_once() -> None:
    row = Places()
    first, second = row.take(), row.take()
    first.leave()
    first.leave()
    await second.turn()
