"""Every scenario, crashed at every write: it ends as it would have, and keeps every promise on the way."""

from __future__ import annotations

import pytest

from dalsegno.testing.explorer import Explorer
from dalsegno.testing.world import Setting
from tests.simulation.playing import registry
from tests.simulation.scenarios import SCENARIOS

LEASE = 300_000


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_survives_a_crash_at_every_write(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = Explorer(SCENARIOS[name], registry(), setting=Setting(lease=LEASE)).explore(pairs=20)
    with capsys.disabled():
        print(f"\n{name}: {found.writes} writes, {found.plays} crashes explored", end="")
    found.assert_ok()
