"""SIGSTOP past the lease, then SIGCONT: the zombie's late writes are refused, and nothing runs twice
under two keys."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real_faults.harness import CLOCK, House, until

pytestmark = pytest.mark.promise("P1", "P3", "P5", "P6")


async def _freeze(house: House, worker: subprocess.Popen[str]) -> float | None:
    """Freeze a worker until its session is fenced; return how long that took.

    None when it froze inside its write transaction: then the whole file stands still, nobody could
    take its runs, and once it goes on it commits and renews as if nothing had been.
    """
    session = await house.session_of(worker.pid)
    assert session is not None
    os.kill(worker.pid, signal.SIGSTOP)
    stopped = CLOCK.monotonic()

    async def fenced() -> bool:
        now = await house.runtime.store.sessions(live=False)
        return any(other.number == session.number and other.fenced_at is not None for other in now)

    async def fenced_or_blocked() -> bool:
        return await fenced() or (
            house.holder() == worker.pid and CLOCK.monotonic() - stopped > 2 * house.lease
        )

    await until(fenced_or_blocked, house.lease + 5, "the frozen worker is fenced")
    took = CLOCK.monotonic() - stopped if await fenced() else None
    os.kill(worker.pid, signal.SIGCONT)
    return took


@pytest.mark.timeout(300)
def test_zombies_can_commit_nothing_and_are_taken_over_within_lease_and_a_second(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    freeze_again_and_again(tmp_path, 12, count, seed=3)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(30, 34))
def test_a_hundred_zombies_in_four_parts_can_commit_nothing(
    tmp_path: Path, count: Callable[..., None], seed: int
) -> None:
    freeze_again_and_again(tmp_path, 25, count, seed=seed)


def freeze_again_and_again(folder: Path, zombies: int, count: Callable[..., None], *, seed: int) -> None:
    """Freeze one of two workers in turn until so many were fenced and went on; then hold the accounts."""
    house = House(folder, seed=seed)
    takeovers: list[float] = []
    frozen = 0

    async def scenario() -> None:
        nonlocal frozen
        await house.runtime.open()
        try:
            workers = [house.hire(), house.hire()]
            await asyncio.gather(*(house.ready(worker) for worker in workers))
            stop = asyncio.Event()
            load = asyncio.create_task(house.load(stop, pause=0.02))
            while len(takeovers) < zombies:
                worker = workers[frozen % 2]
                frozen += 1
                assert frozen <= 3 * zombies, "too many froze inside their transaction"
                took = await _freeze(house, worker)
                if took is not None:
                    takeovers.append(took)
                await until(
                    lambda pid=worker.pid: _awake(house, pid), 10, "the zombie has begun a new session"
                )
            stop.set()
            await load
            await house.settle()
            await house.check(frozen)
        finally:
            house.end()
            await house.runtime.close()

    asyncio.run(scenario())
    count("zombies", zombies)
    count("workers frozen inside a transaction, whom nobody could take for dead", frozen - zombies)
    assert max(takeovers) <= house.lease + 1.0


async def _awake(house: House, pid: int) -> bool:
    session = await house.session_of(pid)
    return session is not None and session.fenced_at is None
