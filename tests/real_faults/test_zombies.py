"""SIGSTOP past the lease, then SIGCONT: the zombie's late writes are refused, and nothing runs twice
under two keys."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.real_faults.harness import CLOCK, House, until

ZOMBIES = 20


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
def test_zombies_can_commit_nothing_and_are_taken_over_within_lease_and_a_second(tmp_path: Path) -> None:
    house = House(tmp_path, seed=3)
    takeovers: list[float] = []
    blocked = 0

    async def scenario() -> None:
        nonlocal blocked
        await house.runtime.open()
        try:
            workers = [house.hire(), house.hire()]
            await asyncio.gather(*(house.ready(worker) for worker in workers))
            stop = asyncio.Event()
            load = asyncio.create_task(house.load(stop, pause=0.02))
            for number in range(ZOMBIES):
                took = await _freeze(house, workers[number % 2])
                if took is None:
                    blocked += 1
                else:
                    takeovers.append(took)

                async def awake(pid: int = workers[number % 2].pid) -> bool:
                    session = await house.session_of(pid)
                    return session is not None and session.fenced_at is None

                await until(awake, 10, "the zombie has begun a new session")
            stop.set()
            await load
            await house.settle()
            repeated = await house.check(ZOMBIES)
            print(
                f"{ZOMBIES} zombies, {len(house.started)} runs; takeover worst {max(takeovers):.2f} s "
                f"with a lease of {house.lease} s; {blocked} froze inside a transaction; {dict(repeated)}"
            )
        finally:
            house.end()
            await house.runtime.close()

    asyncio.run(scenario())
    assert takeovers, "every worker froze inside its transaction"
    assert max(takeovers) <= house.lease + 1.0
