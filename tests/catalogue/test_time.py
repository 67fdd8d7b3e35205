"""A sleep that outlasts its worker, a tie of signal and timer, very many timers at once (8, 56, 61)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import dalsegno
from dalsegno import Limits, sleep, workflow
from dalsegno.core.entries import Kind
from dalsegno.core.runs import Status
from dalsegno.store.protocol import RunQuery
from dalsegno.testing.world import World
from tests.helpers.room import Room, SettableClock, eventually
from tests.simulation import workflows as w
from tests.simulation.playing import play

pytestmark = pytest.mark.promise("P3", "P7")


@workflow
def month() -> float:
    before = dalsegno.now()
    sleep("30d")
    return (dalsegno.now() - before) / timedelta(days=1)


@workflow
def idle() -> int:
    return 1


def test_a_sleep_of_thirty_days_ends_when_it_would_have_though_its_worker_died_on_the_way(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        clock = SettableClock()
        async with Room(tmp_path, month, clock=clock) as room:
            await room.client.start(month, id="m")
            due = (await room.reaches("m", "waiting")).due_at
            clock.set_on("10d")
            await room.crash()
        async with Room(tmp_path, month, idle, clock=clock) as room:
            clock.set_on("19d23h")
            await (await room.client.start(idle, id="other")).result("20s")
            row = await room.row("m")
            assert (row.status, row.due_at) == (Status.WAITING, due), "it does not begin anew"
            clock.set_on("1h")
            slept = await room.client.run("m").result("20s")
            assert 30 <= float(slept) < 30.1

    asyncio.run(scenario())


@pytest.mark.parametrize(("late", "winner"), [(-1, Kind.SIGNAL), (0, Kind.SIGNAL), (1, Kind.TIMER)])
def test_of_a_signal_and_a_timer_the_earlier_wins_and_at_the_same_microsecond_the_signal(
    late: int, winner: Kind
) -> None:
    """The worker stands still meanwhile, and finds both; the replay at the end takes them in that order."""

    async def scenario(world: World) -> None:
        await world.start(w.signal_or_timeout, 2, id="run")
        await world.until_waiting("run")
        row = world.row("run")
        assert row is not None and row.due_at is not None
        world.pause("worker1", 5.0)
        await world.sleep((row.due_at + late - world.clock.now()) / 1_000_000)
        assert world.clock.now() == row.due_at + late
        await world.signal("run", w.Decision("her"), id="s")

    world = play(scenario, lease=20_000_000, latency=0)
    first = next(entry for entry in world.journal("run") if entry.kind in (Kind.SIGNAL, Kind.TIMER))
    assert first.kind is winner
    assert world.outcome["run"][2] == (b'"her True"' if winner is Kind.SIGNAL else b'"late 2"')


@workflow
def dozes() -> int:
    sleep("1h")
    return 1


@pytest.mark.parametrize("many", [1_500, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_very_many_timers_that_are_due_at_once_all_fire_once_and_none_too_early(
    tmp_path: Path, count: Callable[..., None], many: int
) -> None:
    async def scenario() -> None:
        async with Room(tmp_path, dozes, cache=100, limits=Limits()) as room:
            await asyncio.gather(*(room.client.start(dozes, id=f"d-{n}") for n in range(many)))

            async def all_are(status: str) -> bool:
                return (await room.runtime.store.counts("default")).get(status, 0) == many

            await eventually(lambda: all_are("waiting"), "all sleep")
            dues = {run.number: run.due_at for run in await room.runtime.store.runs(RunQuery(limit=many))}
            room.clock.set_on("1h")
            await eventually(lambda: all_are("completed"), "all have woken")
            (session,) = await room.runtime.store.sessions(live=False)
            assert session.fenced_at is None, "the heart was not starved"
            for number, due in dues.items():
                (entry,) = await room.runtime.store.journal(number)
                assert due is not None and entry.at >= due, "P7: early"

    asyncio.run(scenario())
    count("timers due at once", many)
