"""A thousand racers for one id, many children of one parent, more runs than anybody looks at (21, 23, 69)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dalsegno import step, workflow
from tests.bad_input.kit import program
from tests.helpers.room import Room
from tests.real_faults.harness import House

RACER = """
import asyncio, json, sys
from dalsegno import App, workflow

@workflow
def raced(number: int) -> int:
    return number

async def main():
    app = App("race", include=[raced], store=sys.argv[1])
    runtime = app.runtime(worker=False)
    client = await runtime.open()
    print("ready", flush=True)
    sys.stdin.readline()
    runs = await asyncio.gather(*(client.start(raced, 7, id=f"one-{n % 5}") for n in range(int(sys.argv[2]))))
    numbers = {run.id: (await runtime.operations.row(run.id)).number for run in runs}
    print(json.dumps([len(runs), numbers]))
    await runtime.close()

asyncio.run(main())
"""


@pytest.mark.promise("P2")
@pytest.mark.timeout(120)
def test_a_thousand_racers_in_eight_processes_get_the_same_run_for_the_same_id(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    racers = [program(RACER, f"sqlite:///{tmp_path}/race.db", "125") for _ in range(8)]
    for racer in racers:
        assert racer.stdout is not None and racer.stdin is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = []
    for racer in racers:
        out, err = racer.communicate(timeout=60)
        assert racer.returncode == 0, err
        told.append(json.loads(out))
    assert sum(starts for starts, _ in told) == 1_000
    assert all(numbers == told[0][1] for _, numbers in told), "they were given different runs"
    assert len(told[0][1]) == 5
    count("racing starts", 1_000)


@step
async def square(number: int) -> int:
    return number * number


@workflow
async def part(number: int) -> int:
    return await square(number)


@workflow
async def whole(many: int) -> int:
    return sum(await asyncio.gather(*(part.start(number) for number in range(many))))


@pytest.mark.promise("P10")
@pytest.mark.parametrize("many", [800, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_a_parent_of_very_many_children_gets_every_result_within_bounded_memory(
    tmp_path: Path, count: Callable[..., None], many: int
) -> None:
    before = _megabytes()

    async def scenario() -> int:
        async with Room(tmp_path, whole, part, slots=200, cache=100) as room:
            result: int = await (await room.client.start(whole, many, id="whole")).result("500s")
            return result

    assert asyncio.run(scenario()) == sum(number * number for number in range(many))
    assert _megabytes() - before < 50 + many // 25, "memory grew by more than the journal of the parent"
    count("children of one parent", many)


def _megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


@pytest.mark.slow
@pytest.mark.promise("P1", "P3", "P4", "P6")
@pytest.mark.timeout(1_200)
def test_eight_workers_share_five_thousand_runs_while_they_are_killed_and_lose_none(
    tmp_path: Path, count: Callable[..., None]
) -> None:
    house = House(tmp_path, seed=8)
    kills = 40

    async def scenario() -> None:
        await house.runtime.open()
        try:
            workers = [house.hire() for _ in range(8)]
            await asyncio.gather(*(house.ready(worker) for worker in workers))
            stop = asyncio.Event()
            load = asyncio.create_task(house.load(stop, pause=0.001))
            killed = 0
            while len(house.started) < 5_000:
                await asyncio.sleep(0.5)
                if killed < kills:
                    killed += 1
                    house.kill(house.rng.choice(house.workers))
                    await house.ready(house.hire())
            stop.set()
            await load
            await house.settle(300)
            await house.check(kills)
            count("kills", killed)
        finally:
            house.end()
            await house.runtime.close()

    asyncio.run(scenario())
    shares = Counter(json.loads(line)["pid"] for line in house.ledger.read_text().splitlines())
    assert len(shares) >= 8 and max(shares.values()) < 0.5 * shares.total(), "one did most of the work"
