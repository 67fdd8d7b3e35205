"""Hundreds of worlds with services, drawn by seeds: in each of them every promise holds."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.helpers.counts import Count
from tests.simulation.service_swarm import attempt, draw

pytestmark = pytest.mark.promise("P1", "P2", "P5", "P6", "P8", "P10", "P11")

SEEDS = 150
SHARD = 10


def shards(first: int, last: int) -> list[range]:
    return [range(start, min(start + SHARD, last)) for start in range(first, last, SHARD)]


def play(seeds: Iterable[int], count: Count) -> None:
    for seed in seeds:
        world, error = attempt(seed)
        if error is not None:
            error.add_note(f"seed {seed}: {draw(seed)}")
            raise error
        count("seeds with services")
        count("events judged", len(world.invariants.chronicle.events))


@pytest.mark.parametrize("seeds", shards(0, SEEDS), ids=str)
def test_every_promise_holds_in_every_world_with_services(seeds: range, count: Count) -> None:
    play(seeds, count)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", shards(SEEDS, 20 * SEEDS), ids=str)
def test_every_promise_holds_in_many_more_worlds_with_services(seeds: range, count: Count) -> None:
    play(seeds, count)
