"""An event that kills whoever reads it: found within the deaths that the limits allow, and no other is blamed."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from dalsegno.core.limits import Limits
from dalsegno.core.runs import KILLS_ITS_WORKER
from dalsegno.testing.setting import Setting
from dalsegno.testing.world import World
from tests.simulation import services as s
from tests.simulation.eventful import emit, facts, known, mend, open_books, registry

pytestmark = pytest.mark.promise("P8", "P11")

POISON = s.Ordered("bad", 2, "deadly")  # quicker than the others


def crowd(*, before: int, after: int) -> list[s.Ordered]:
    """Make orders, each of another key, with the poison among them."""
    orders = [s.Ordered(f"o{n}", n) for n in range(1, before + after + 1)]
    return [*orders[:before], POISON, *orders[before:]]


def play(
    orders: list[s.Ordered],
    limits: Limits,
    *,
    services: tuple[s.Service, ...] = (s.payments,),
    partitions: int = 1,
    workers: int = 1,
    seed: int = 0,
) -> tuple[World, list[str]]:
    """Play orders; return the world at rest, and the runs that were parked in it for killing their worker."""
    parked: list[str] = []

    async def scenario(world: World) -> None:
        await emit(world, *orders)
        await world.settle()
        parked.extend(run.id for run in world.runs() if run.reason == KILLS_ITS_WORKER)
        await mend(world)

    setting = Setting(workers=workers, limits=limits, lease=300_000)
    world = World(seed, registry(), setting=setting, known=known(services))
    open_books(world)
    with patch.object(s.payments, "partitions", partitions), patch.object(s.stock, "partitions", partitions):
        world.run(scenario)
    facts(world)
    return world, parked


@pytest.mark.parametrize("limits", [Limits(), Limits(suspect=1, crashes=2), Limits(suspect=2, crashes=8)])
@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("partitions", [1, 4])
def test_what_kills_its_worker_is_parked_after_as_many_deaths_as_the_limits_allow(
    limits: Limits, before: int, partitions: int
) -> None:
    world, parked = play(crowd(before=before, after=5), limits, partitions=partitions)
    assert parked == [f"payments.pay#{before + 1}"]
    assert world.crashes <= limits.crashes + 1


@pytest.mark.parametrize("seed", range(5))
def test_what_is_slow_beside_what_kills_is_never_blamed(seed: int) -> None:
    slow = [s.Ordered(f"o{n}", 1) for n in range(1, 30)]
    _, parked = play([*slow, POISON], Limits(), services=(s.payments, s.stock), partitions=4, seed=seed)
    assert [run for run in parked if run != "payments.pay#30"] == []


@pytest.mark.parametrize("seed", range(5))
def test_several_workers_find_what_kills_them(seed: int) -> None:
    world, parked = play(crowd(before=10, after=10), Limits(), partitions=4, workers=3, seed=seed)
    assert parked == ["payments.pay#11"]
    assert world.crashes <= Limits().crashes + 1
