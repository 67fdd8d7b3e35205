"""What the simulation found: for each finding the smallest scenario that shows it."""

from __future__ import annotations

import contextlib

import pytest

from dalsegno.errors import RunEnded
from dalsegno.testing.faults import Fault
from dalsegno.testing.world import World
from tests.simulation import workflows
from tests.simulation.playing import play

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_that_answered_while_its_siblings_failure_was_written_is_settled_once(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_at_once, workflows.Order("o", fails_at=1), id="run")

    world = play(scenario, seed)
    assert world.outcome["run"][:2] == ("failed", "compensated")


def test_a_run_goes_on_after_a_task_group_lost_a_member() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.grouped, 3, id="run")

    assert play(scenario).outcome["run"] == ("completed", None, b'"1 declined, then 42"')


def test_a_child_that_its_parent_gave_up_on_in_its_last_turn_is_cancelled() -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.impatient_parent, 3, id="run")

    assert play(scenario).outcome["run.2"][0] == "cancelled"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_detached_child_of_the_last_turn_starts_though_a_signal_comes_at_that_moment(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.parting, 3, id="run")
        with contextlib.suppress(RunEnded):
            for number in range(30):
                await world.signal("run", workflows.Decision(f"{number}"))

    assert play(scenario, seed).outcome["parting-3"][0] == "completed"


@pytest.mark.parametrize("crash", range(3, 12))
def test_a_child_is_cancelled_with_its_parent_though_the_worker_died_on_the_way(crash: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.failing_parent, 3, id="run")

    world = play(scenario, plan={crash: Fault.AFTER}, lease=200_000)
    assert {name: end[0] for name, end in world.outcome.items()} == {"run": "failed", "run.1": "cancelled"}


@pytest.mark.parametrize("write", range(4, 9))
def test_an_attempt_waits_until_the_failure_before_it_is_written(write: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_at_once, workflows.Order("o", fails_at=2), id="run")

    world = play(scenario, plan={write: Fault.LATE})
    assert world.outcome["run"][:2] == ("failed", "compensated")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_may_order_a_retry_twice(seed: int) -> None:
    async def scenario(world: World) -> None:
        workflows.MENDED.clear()
        await world.start(workflows.buy_stubbornly, workflows.Order("o", fails_at=3), id="run")
        await world.until(lambda: world.ends()["run"][1] == "parked: compensation failed", "it is parked")
        await world.retry("run")
        await world.retry("run")

    assert play(scenario, seed).outcome["run"][1] == "parked: compensation failed"
