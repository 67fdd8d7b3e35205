"""kill -9, again and again, while runs are started and signalled: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real_faults.harness import House, until

pytestmark = pytest.mark.promise("P1", "P2", "P3", "P4", "P6")


async def _kill_cycles(house: House, cycles: int) -> None:
    await house.runtime.open()
    try:
        first, second = house.hire(), house.hire()
        await asyncio.gather(house.ready(first), house.ready(second))
        stop = asyncio.Event()
        load = asyncio.create_task(house.load(stop))
        for _ in range(cycles):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), house.rng.uniform(0.02, 0.25))
            house.kill(house.rng.choice(house.workers))
            await house.ready(house.hire())
        stop.set()
        await load
        await house.settle()
    finally:
        house.end()


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_by_a_hundred_kills_of_two_workers_on_one_file(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    kill_again_and_again(tmp_path, 100, count, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(10, 15))
def test_nothing_acknowledged_is_lost_by_a_thousand_kills_in_five_parts(
    tmp_path: Path, count: Callable[..., None], seed: int
) -> None:
    kill_again_and_again(tmp_path, 200, count, seed=seed)


def kill_again_and_again(folder: Path, cycles: int, count: Callable[..., None], *, seed: int) -> None:
    """Kill one of two workers again and again under load, then hold the accounts."""
    house = House(folder, seed=seed)

    async def scenario() -> None:
        try:
            await _kill_cycles(house, cycles)
            repeated = await house.check(cycles)
        finally:
            await house.runtime.close()
        count("kills", cycles)
        count("runs under kills", len(house.started))
        count("steps repeated under one key", repeated.total())
        assert len(house.started) > cycles
        assert repeated, "no kill hit a step"

    asyncio.run(scenario())


@pytest.mark.timeout(120)
def test_another_worker_takes_over_from_a_killed_one_before_its_lease_ends(tmp_path: Path) -> None:
    house = House(tmp_path, seed=2, lease=10.0)

    async def scenario() -> None:
        await house.runtime.open()
        try:
            victim, heir = house.hire(), house.hire()
            await asyncio.gather(house.ready(victim), house.ready(heir))
            session = await house.session_of(victim.pid)
            assert session is not None
            house.kill(victim)

            async def fenced() -> bool:
                sessions = await house.runtime.store.sessions()
                return all(other.number != session.number for other in sessions)

            took = await until(fenced, 5, "the dead worker's session is fenced")
            print(f"a lease of 10 s, and its dead holder was fenced after {took:.2f} s")
        finally:
            house.end()
            await house.runtime.close()

    asyncio.run(scenario())
