"""Every scenario, crashed at every write: it ends as it would have, and keeps every promise on the way."""

from __future__ import annotations

import pytest

from dalsegno.testing.explorer import Explorer
from dalsegno.testing.faults import WRITE_CRASHES, ZOMBIES, Exactly, Fault
from dalsegno.testing.setting import Setting
from tests.helpers.counts import Count
from tests.simulation.playing import registry
from tests.simulation.scenarios import SCENARIOS

pytestmark = pytest.mark.promise("P1", "P3", "P4", "P5", "P6", "P9", "P11")

LEASE = 300_000
PAIRS = 20
SETTINGS = {
    "one worker": Setting(lease=LEASE),
    "one program that is client and worker": Setting(lease=LEASE, embedded=True),
    "two workers that keep nothing in memory": Setting(lease=LEASE, workers=2, cache=0),
}
TWO = SETTINGS["two workers that keep nothing in memory"]
TIMES_OUT = "buy_at_once"  # in a process that stands still: the fault decides which error comes first
LEFT_TO_THE_SWARM = {
    *("blocking", "careful", "mistaken", "poison"),  # how these end depends on the faults
    "retry_beside_a_long_step",  # hundreds of writes that are alike
}


def explore(name: str, setting: Setting, modes: tuple[Fault, ...], pairs: int = 0) -> int:
    """Play a scenario with each fault at each write, and pairs of them; return how many plays had one."""
    found = Explorer(SCENARIOS[name], registry(), setting=setting).explore(modes=modes, pairs=pairs)
    found.assert_ok()
    assert found.plays == found.writes * len(modes) + pairs
    return found.plays - pairs


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_survives_a_crash_at_every_write(name: str, setting: str, count: Count) -> None:
    count("crash points", explore(name, SETTINGS[setting], WRITE_CRASHES, PAIRS))
    count("crash pairs", PAIRS)


def test_the_scenarios_play_every_workflow_but_for_those_of_the_swarm_alone(count: Count) -> None:
    known, played = registry(), set[str]()
    for scenario in SCENARIOS.values():
        shadows = Explorer(scenario, known).play(Exactly()).invariants.shadows
        played |= {shadow.run.workflow for shadow in shadows.values()}
    count("workflows crashed at every write", len(played))
    assert {name for name, _ in known.workflows} - played == LEFT_TO_THE_SWARM


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_survives_a_process_that_freezes_at_every_write(name: str, count: Count) -> None:
    count("frozen processes", explore(name, TWO, ZOMBIES))


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_survives_many_pairs_of_crashes(name: str, setting: str, count: Count) -> None:
    modes = WRITE_CRASHES if name.startswith(TIMES_OUT) else (*WRITE_CRASHES, *ZOMBIES)
    explore(name, SETTINGS[setting], modes, 1_000)
    count("crash pairs", 1_000)
