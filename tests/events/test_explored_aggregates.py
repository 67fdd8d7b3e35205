"""A crash at every point of a workflow whose steps decide by an aggregate: it is decided once, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno import Retry, aggregate, async_aggregate, step, workflow
from dalsegno.testing import Play, explore
from tests.events.test_aggregates import Account

pytestmark = pytest.mark.promise("P1", "P6", "P8")

QUICK = Retry(attempts=None, first="10ms", max="20ms")


@step(retry=QUICK)
async def deposit(cents: int) -> int:
    account = async_aggregate(Account, "a-1")
    await account.run(Account.deposit, cents)
    return (await account.load()).cents


@step(retry=QUICK)
async def withdraw(cents: int) -> None:
    await async_aggregate(Account, "a-1").run(Account.withdraw, cents)


@step
def look() -> list[int]:
    return aggregate(Account, "a-1").load().history


@workflow
async def in_turn(cents: int) -> list[int]:
    await deposit(cents)
    await withdraw(3)
    return await look.start()


@workflow
async def at_once(cents: int) -> list[int]:
    await asyncio.gather(deposit(cents), deposit(1))
    return await look.start()


def test_a_crash_at_every_point_leaves_each_decision_once() -> None:
    def check(play: Play) -> None:
        (run,) = play.runs()
        assert run.result() == [10, 7]

    explore(in_turn, 10, check=check, may_repeat=(deposit, withdraw, look), pairs=0).assert_ok()


def test_so_it_is_where_steps_are_in_each_others_way() -> None:
    def check(play: Play) -> None:
        (run,) = play.runs()
        assert run.result() in ([10, 11], [1, 11])

    explore(at_once, 10, check=check, may_repeat=(deposit, look), pairs=0).assert_ok()
