"""A service without one of its safeguards is found out by the worlds that the swarm plays."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.helpers.counts import Count
from tests.simulation import service_teeth as teeth
from tests.simulation.service_swarm import attempt

pytestmark = pytest.mark.promise("P1", "P5", "P6", "P8", "P11")


class Tooth(NamedTuple):
    """A safeguard, what its lack must be found by, and within how many seeds."""

    without: teeth.Without
    finding: str
    seeds: int = 200
    first: int = 0  # where the seeds before are known to miss it

    @property
    def name(self) -> str:
        return self.without.__name__.replace("_", " ")


TEETH = (
    Tooth(teeth.fence_of_reactions, "P5"),
    Tooth(teeth.owner_of_partitions, "P5"),
    Tooth(teeth.lines_of_keys, "P8"),
    Tooth(teeth.freeing_of_lanes, "P8|P11"),
    Tooth(teeth.position_after_the_reaction, "P8"),
    Tooth(teeth.silence_of_failed_attempts, "P8"),
    Tooth(teeth.keys_that_are_blocked, "P8"),
    Tooth(teeth.states_not_written_yet, "P8", first=40),
    Tooth(teeth.ends_of_cases, "P8: the row of case"),
    Tooth(teeth.cases_that_are_one, "P8: the row of case"),
    Tooth(teeth.cases_of_runs, "P8: the row of case"),
    Tooth(teeth.calling_off_of_runs, "P8|P11"),
    Tooth(teeth.calling_off_of_latecomers, "P8", first=80),
)


@pytest.mark.parametrize("tooth", TEETH, ids=lambda tooth: tooth.name)
def test_without_a_safeguard_of_services_something_is_found(tooth: Tooth, count: Count) -> None:
    count("teeth", 0, of=1)
    for seed in range(tooth.first, tooth.first + tooth.seeds):
        with tooth.without():
            found = attempt(seed)[1]
        if found is not None:
            assert re.search(tooth.finding, str(found)), f"seed {seed} found something else: {found}"
            count("teeth")
            return
    pytest.fail(f"{tooth.seeds} worlds without the {tooth.name}, and nobody missed it")
