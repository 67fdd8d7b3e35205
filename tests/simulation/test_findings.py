"""What the simulation found: for each finding the smallest scenario that shows it."""

from __future__ import annotations

import pytest

from dalsegno.testing.world import World
from tests.simulation import workflows
from tests.simulation.playing import play

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_that_answered_while_its_siblings_failure_was_written_is_settled_once(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(workflows.buy_at_once, workflows.Order("o", fails_at=1), id="run")

    world = play(scenario, seed)
    assert world.ends()["run"][:2] == ("failed", "compensated")
