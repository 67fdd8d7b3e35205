"""Thousands of worlds drawn by seeds: in each of them every promise holds, after every write and at rest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from dalsegno.testing.simloop import SECOND
from tests.helpers.counts import Count
from tests.simulation.shrink import command, told
from tests.simulation.swarm import attempt, draw

pytestmark = pytest.mark.promise("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P9", "P10", "P11")

SEEDS = 2_000
SHARD = 40


def shards(first: int, last: int) -> list[range]:
    return [range(start, min(start + SHARD, last)) for start in range(first, last, SHARD)]


def play(seeds: Iterable[int], folder: Path, count: Count) -> None:
    for seed in seeds:
        case = draw(seed)
        try:
            world, error = attempt(case, folder)
        except Exception as broken:
            broken.add_note(f"again: {command(case)}")
            raise
        if error is not None:
            error.add_note(f"swarm {seed}: {case!r}\n{told(case, error, folder)}")
            raise error
        count("seeds")
        count("commits checked", world.invariants.checks)
        count("replays compared", world.rebuilt.compared)
        count("simulated hours", world.loop.now_us / (3_600 * SECOND))


@pytest.mark.parametrize("seeds", shards(0, SEEDS), ids=str)
def test_every_promise_holds_in_every_world(seeds: range, tmp_path: Path, count: Count) -> None:
    play(seeds, tmp_path, count)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", shards(SEEDS, 10 * SEEDS), ids=str)
def test_every_promise_holds_in_many_more_worlds(seeds: range, tmp_path: Path, count: Count) -> None:
    play(seeds, tmp_path, count)
