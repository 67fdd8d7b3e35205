"""Each safeguard, taken out, is missed: the simulation says so, by the right name, within few seeds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from dalsegno.core.commit import Commit
from dalsegno.testing.faults import Exactly, Fault, Moment
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import World
from tests.helpers.counts import Count
from tests.simulation import teeth
from tests.simulation import workflows as w
from tests.simulation.playing import play
from tests.simulation.swarm import attempt, draw

pytestmark = pytest.mark.promise("P1", "P2", "P3", "P5", "P6", "P7", "P9", "P10", "P11")

Find = Callable[[int, Path], AssertionError | None]
"""Play one seed; return what was found in it."""


def swarm(seed: int, folder: Path) -> AssertionError | None:
    return attempt(draw(seed), folder)[1]


class LateRests(Exactly):
    """The first reply to each commit with which the first worker parks a run is lost."""

    def __init__(self) -> None:
        super().__init__()
        self._lost: set[tuple[int, int]] = set()

    def write(self, moment: Moment) -> Fault | None:
        commits = (item for item in moment.group if isinstance(item, Commit))
        rests = {(item.run, item.turn) for item in commits if item.rest is not None}
        if moment.host.name != "worker1" or rests <= self._lost:
            return None
        self._lost |= rests
        return Fault.LATE


def late_rests(seed: int, folder: Path) -> AssertionError | None:
    """Two workers, one of which always learns late that it has parked a run that is due again at once."""

    async def scenario(world: World) -> None:
        await world.start(w.attempts_in_def, 3, id="run")

    try:
        play(scenario, seed, plan=LateRests(), workers=2)
    except AssertionError as error:
        return error
    return None


def busy_worker(seed: int, folder: Path) -> AssertionError | None:
    """A worker whose loop is held up for many leases, while another one watches."""

    async def scenario(world: World) -> None:
        def block(seconds: float) -> None:
            w.BLOCK.clear()  # once
            world.loop.block(round(seconds * SECOND))

        w.BLOCK[:] = [block]
        await world.start(w.blocking, 3.0, id="run")
        await world.settle()
        assert not world.invariants.ownership.fenced, "P5: a worker that was only busy was judged dead"

    try:
        play(scenario, seed, workers=2, lease=300_000)
    except AssertionError as error:
        return error
    finally:
        w.BLOCK.clear()
    return None


class Tooth(NamedTuple):
    """A safeguard, what its lack must be found by, and within how many seeds."""

    without: teeth.Without
    finding: str
    seeds: int = 200
    find: Find = swarm

    @property
    def name(self) -> str:
        return self.without.__name__.replace("_", " ")


TEETH = (
    Tooth(teeth.fence, "P5: fenced session .* wrote to", 500),
    Tooth(teeth.count_in_the_fence, "cannot be written|P11", 500),
    Tooth(teeth.knowing_ones_own_write, "P5: nobody fenced session .* writes were refused"),
    Tooth(teeth.owner_at_commit, "P5: run belongs to .* wrote", 20, late_rests),
    Tooth(teeth.own_fence_for_old_commits, "P5: fenced session .* wrote to", 500),
    Tooth(teeth.fencing_before_release, "P5: .* (says nothing of it|which nobody fenced)"),
    Tooth(teeth.judging_by_the_stores_clock, "P5: session .* before its lease was over"),
    Tooth(
        teeth.margin_of_the_lease, "P5: .* was begun by fenced session|P6: .* ran again after its entry", 400
    ),
    Tooth(teeth.heartbeat_off_the_loop, "P5: a worker that was only busy was judged dead", 5, busy_worker),
    Tooth(teeth.crash_count, "P11: everything comes to rest"),
    Tooth(teeth.suspects_alone, "P10: .* suspects of killing their worker run side by side"),
    Tooth(teeth.durable_before_delivered, "P6: .* entries"),
    Tooth(
        teeth.durable_before_acknowledged, "P1: (signal .* 0 times taken, 0 times kept|the cancel|no order)"
    ),
    Tooth(teeth.commit_takes_the_signal, "P1: signal .* 0 times taken, 0 times kept"),
    Tooth(teeth.wakes_when_parking, "P1: .* came to rest with delivery .* unseen"),
    Tooth(teeth.one_delivery_per_id, "P1: signal .* [23] times"),
    Tooth(teeth.one_run_per_id, "P2: an id names several runs"),
    Tooth(teeth.looking_at_other_writes, "P7: .* has been due for .* nobody takes it"),
    Tooth(teeth.replaying, "P6: .* ran again after its entry|cannot be written"),
    Tooth(teeth.turn_in_the_cache, "P6: .* ran again after its entry|cannot be written|P5", 500),
    Tooth(teeth.one_entry_at_a_time, "P3: .* (its replay|live it is)", 500),
    Tooth(teeth.clock_of_the_store, "P7: (timer .* early|attempt .* came before its time)"),
    Tooth(teeth.timers_from_the_store, "P7: timer .* was moved"),
    Tooth(teeth.alarm_beside_a_step, "P11: everything comes to rest"),
    Tooth(teeth.stable_key, "P6: attempt 2 .* has a key of its own"),
    Tooth(teeth.intent_before_the_call, "P6: once .* is at_most_once, and ran 2 times", 500),
    Tooth(teeth.registering_before_the_step, "P9: .* owed .* and undid"),
    Tooth(teeth.shield_of_compensation, "P9: .* is cancelled .* and undid"),
    Tooth(teeth.reverse_order, "P9: .* not in reverse order"),
    Tooth(teeth.undoing_what_is_unknown, "P9: .* owed .* and undid", 500),
)


@pytest.mark.parametrize("tooth", TEETH, ids=lambda tooth: tooth.name)
def test_without_a_safeguard_something_is_found(tooth: Tooth, tmp_path: Path, count: Count) -> None:
    count("teeth", 0, of=1)
    for seed in range(tooth.seeds):
        with tooth.without():
            found = tooth.find(seed, tmp_path)
        if found is not None:
            assert re.search(tooth.finding, str(found)), f"seed {seed} found something else: {found}"
            count("teeth")
            return
    pytest.fail(f"{tooth.seeds} worlds without the {tooth.name}, and nobody missed it")


@pytest.mark.parametrize("find", [late_rests, busy_worker], ids=lambda find: find.__name__)
def test_with_all_safeguards_nothing_is_found(find: Find, tmp_path: Path) -> None:
    assert [find(seed, tmp_path) for seed in range(20)] == [None] * 20
