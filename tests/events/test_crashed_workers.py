"""Which events are suspected when workers die, and which one is parked for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from dalsegno.app import open_store
from dalsegno.core.commit import Emit, EndSession, Release
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import CAREFUL_AFTER, Partition, React, Register, TakePartitions
from dalsegno.core.reactions import Service as Known
from dalsegno.testing.conformance.world import SetClock, World

pytestmark = [pytest.mark.promise("P8", "P11"), pytest.mark.asyncio]


@pytest_asyncio.fixture(params=["memory:", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[World]:
    clock = SetClock()
    address = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/events.db"
    store = open_store(address, clock)
    await store.open()
    yield World(store, clock)
    await store.close()


class Lives:
    """Workers of one service, one after the other, each of which dies."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def begin(self, *, events: int) -> None:
        await self._world.one(Register("default", (Known("notes", (), partitions=2),)))
        await self._world.one(Emit(tuple(NewEvent(type="Noted", key=str(n)) for n in range(events))))

    async def live(self, *, alone: int | None = None, passed: int | None = None) -> None:
        """Take the partitions, begin an event of the first alone or pass some, and die."""
        session = await self._world.session()
        await self._world.one(TakePartitions(session, 1, 2))
        if alone is not None:
            await self._world.one(React(session, 1, 1, suspects=((0, alone),)))
        if passed is not None:
            await self._world.one(React(session, 1, 1, positions=((0, passed),)))
        await self._world.write(EndSession(session), Release())

    async def look(self) -> tuple[Partition, Partition]:
        first, second = await self._world.store.partitions(1)
        return first, second


async def test_workers_that_die_where_nothing_more_is_to_come_die_of_something_else(world: World) -> None:
    lives = Lives(world)
    await lives.begin(events=3)
    await lives.live(passed=3)
    await lives.live()
    assert [part.crashes for part in await lives.look()] == [0, 2]


async def test_what_gets_further_is_suspected_no_more(world: World) -> None:
    lives = Lives(world)
    await lives.begin(events=3)
    for _ in range(CAREFUL_AFTER):
        await lives.live()
    await lives.live(alone=1, passed=1)
    first, _ = await lives.look()
    assert (first.position, first.suspect, first.crashes) == (1, None, 1)


async def test_an_event_is_charged_with_its_own_lone_attempts_only(world: World) -> None:
    lives = Lives(world)
    await lives.begin(events=3)
    for _ in range(9):
        await lives.live()
    await lives.live(alone=1)
    assert (await lives.look())[0].crashes == CAREFUL_AFTER, "nobody has died of it alone before"
    await lives.live()
    assert (await lives.look())[0].crashes == CAREFUL_AFTER, "it was not begun"
    await lives.live(alone=1)
    await lives.live(alone=1)
    assert (await lives.look())[0].crashes == CAREFUL_AFTER + 2
