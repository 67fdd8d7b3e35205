"""A saga that is cancelled while it is undone, and one whose step was done and not written down (76, 78)."""

from __future__ import annotations

from collections import Counter

import pytest

from dalsegno.core.runs import COMPENSATING
from dalsegno.testing.faults import Fault
from dalsegno.testing.world import World
from tests.simulation import workflows as w
from tests.simulation.playing import play

pytestmark = pytest.mark.promise("P9")


@pytest.mark.parametrize("seed", range(10))
def test_a_saga_that_is_cancelled_while_it_is_undone_and_again_undoes_everything_once(seed: int) -> None:
    async def scenario(world: World) -> None:
        await world.start(w.buy_at_once, w.Order("o", fails_at=3), id="run")
        await world.until(lambda: _reason(world) == COMPENSATING, "it is being undone")
        told.append(await world.cancel("run"))
        told.append(await world.cancel("run"))

    told: list[bool] = []
    world = play(scenario, seed)
    assert len(told) == 2 and told[0], "it was still being undone"
    assert world.outcome["run"][1] == "compensated"
    undone = Counter(effect.key for effect in world.ledger.effects if effect.step == "give_back_slowly")
    assert sorted(undone.values()) == [1, 1]


def _reason(world: World) -> str | None:
    row = world.row("run")
    return None if row is None else row.reason


def test_a_step_whose_effect_happened_and_whose_entry_did_not_is_undone_when_the_saga_fails() -> None:
    async def scenario(world: World) -> None:
        await world.start(w.buy, w.Order("o", fails_at=2), id="run")

    done_again = 0
    for write in range(1, play(scenario).seam.writes):
        world = play(scenario, plan={write: Fault.BEFORE}, lease=300_000)
        assert world.outcome["run"][:2] == ("failed", "compensated")
        taken = [effect.key for effect in world.ledger.effects if effect.step == "take"]
        done_again += taken.count(taken[0]) > 1
        assert world.ledger.keys("give_back") == [f"{taken[0]}/undo"]
    assert done_again, "no crash came between the step and its entry"
