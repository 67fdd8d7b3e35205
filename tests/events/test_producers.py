"""Producers and the log's end: who has to wait, what is removed, and what stops before a hole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Retention, Service, emit, event, workflow
from dalsegno.client.standing import Reason
from dalsegno.core.reactions import SteerService
from dalsegno.errors import DefinitionError, Overloaded, RetentionPassed
from dalsegno.insight.whereabouts import where
from dalsegno.store.log import EventQuery
from tests.helpers.room import eventually

pytestmark = pytest.mark.promise("P8", "P10")


@event(key="key")
@dataclass
class Placed:
    key: str


@event(key="key")
@dataclass
class Unheard:
    key: str


def app_in(folder: Path, *include: object, **options: Any) -> App:
    return App("producers", include=include, store=f"sqlite:///{folder}/producers.db", **options)


@workflow
async def places_many(count: int) -> int:
    for place in range(count):
        emit(Placed(f"run-{place}"))
        await asyncio.sleep(0.02)
    return count


class Slow:
    """A service that reacts to nothing before it is let go."""

    def __init__(self, max_lag: int) -> None:
        self.seen: list[str] = []
        self.free = asyncio.Event()
        self.service = Service("slow", max_lag=max_lag)

        @self.service.on(max_in_flight=1)
        async def crawl(e: Placed) -> None:
            await self.free.wait()
            self.seen.append(e.key)


@pytest.mark.asyncio
@pytest.mark.parametrize("together", [Placed, Unheard])
async def test_what_is_emitted_at_once_is_on_the_log_in_the_order_of_the_calls(
    tmp_path: Path, together: type[Any]
) -> None:
    slow = Slow(max_lag=1_000)  # so that the first of them has to look how far it is
    async with app_in(tmp_path, slow.service) as client:
        for _ in range(5):
            await asyncio.gather(*(client.emit(together(f"{number}")) for number in range(20)))
            await asyncio.sleep(0.12)  # until another look is due
        slow.free.set()
        keys = [int(each.key or "") for each in await client.events.list(limit=1_000)]
    assert keys == list(range(20)) * 5


@pytest.mark.asyncio
async def test_from_outside_a_service_that_is_too_far_behind_takes_no_more(tmp_path: Path) -> None:
    slow = Slow(max_lag=20)
    async with app_in(tmp_path, slow.service) as client:
        taken = 0
        with pytest.raises(Overloaded) as refused:  # noqa: PT012 - which of many it is depends on the machine
            while taken < 10_000:
                await client.emit(Placed(str(taken)))
                taken += 1
        await client.emit(Unheard("nobody waits for it"))
        assert refused.value.service == "slow"
        assert 20 < refused.value.lag <= taken + 1
        assert refused.value.retry_after > 0
        slow.free.set()
        await eventually(lambda: len(slow.seen) == taken, "all that was taken, and nothing else")

        async def taken_again() -> bool:
            try:
                await client.emit(Placed("again"))
            except Overloaded:
                return False
            return True

        await eventually(taken_again, "it has caught up")


@pytest.mark.asyncio
async def test_a_run_waits_with_its_events_and_loses_none(tmp_path: Path) -> None:
    slow = Slow(max_lag=5)
    async with app_in(tmp_path, slow.service, places_many) as client:
        run = await client.start(places_many, 40, id="many")

        async def held() -> bool:
            row = await client.run("many").info()
            return row.status == "waiting"

        await eventually(held, "the run is held")
        assert len(await client.events.list(limit=100)) < 40
        slow.free.set()
        assert await run.result("60s") == 40
        await eventually(lambda: len(slow.seen) == 40, "all forty")
    assert slow.seen == [f"run-{place}" for place in range(40)]


@workflow
async def says_last(key: str) -> str:
    emit(Unheard(key))
    emit(Placed(key))
    return key


@pytest.mark.asyncio
@pytest.mark.parametrize("evicted", [False, True])
async def test_a_run_whose_code_has_ended_rests_with_its_last_events_and_says_so(
    tmp_path: Path, *, evicted: bool
) -> None:
    slow = Slow(max_lag=5)
    app = app_in(tmp_path, slow.service, says_last)
    async with app as client:
        with pytest.raises(Overloaded):  # noqa: PT012 - which of many it is depends on the machine
            for place in range(10_000):
                await client.emit(Placed(str(place)))
        run = await client.start(says_last, "last", id="last")

        async def held() -> bool:
            return (await run.info()).status == "waiting"

        await eventually(held, "the run is held")
        assert app._runtime is not None
        (stands,) = (await where(app._runtime.store, "default", "last")).runs
        assert stands.why.kind is Reason.PRESSURE
        assert await client.events.list(type="Unheard") == []
        if evicted:
            for live in app._runtime.engine._cache.empty():
                live.execution.evict()
        slow.free.set()
        assert await run.result("60s") == "last"
        await eventually(lambda: slow.seen.count("last") == 1, "its event is reacted to")
        assert len(await client.events.list(type="Unheard")) == 1


# -- retention


async def emitted(folder: Path, service: Service | None, first: int, last: int, **options: Any) -> None:
    include = [Placed] if service is None else [service]
    async with app_in(folder, *include, **options) as client:
        await client.emit(*[Placed(str(place)) for place in range(first, last)])


@pytest.mark.asyncio
@pytest.mark.parametrize("unread", [False, True])
async def test_by_size_the_oldest_go_until_the_rest_fits(tmp_path: Path, *, unread: bool) -> None:
    reader = Service("reads")
    seen: list[str] = []

    @reader.on()
    async def note(e: Placed) -> None:
        seen.append(e.key)

    async with app_in(tmp_path, reader) as client:
        await client.emit(*[Placed(f"{place:04}") for place in range(1_500)])
        await eventually(lambda: len(seen) == 1_500, "all of them")
    await emitted(tmp_path, None, 1_500, 3_000)
    app = app_in(tmp_path, Placed, retention=Retention(bytes=300 * len(b'{"key":"0000"}'), unread=unread))
    async with app:
        assert app._runtime is not None
        store, first = app._runtime.store, 2_701 if unread else 1_501

        async def removed() -> bool:
            return (await store.head()).first >= first

        await eventually(removed, "what is too much is removed")
        assert (await store.head()).first == first


@pytest.mark.asyncio
async def test_what_all_have_read_and_is_old_enough_is_removed_and_nothing_else(tmp_path: Path) -> None:
    reader = Service("reads")
    seen: list[str] = []

    @reader.on()
    async def note(e: Placed) -> None:
        seen.append(e.key)

    async with app_in(tmp_path, reader) as client:
        await client.emit(*[Placed(str(place)) for place in range(10)])
        await eventually(lambda: len(seen) == 10, "the first ten")
    await emitted(tmp_path, None, 10, 20)
    app = app_in(tmp_path, Placed, retention=Retention(events=5))
    async with app as client:
        assert app._runtime is not None
        store = app._runtime.store

        async def removed() -> bool:
            return (await store.head()).first > 1

        await eventually(removed, "something is removed")
        assert (await store.head()).first == 11
        assert [e.key for e in await store.events(EventQuery(limit=1))] == ["10"]


@pytest.mark.asyncio
async def test_a_service_that_comes_back_too_late_stands_still_until_it_is_told_to_skip(
    tmp_path: Path,
) -> None:
    reader = Service("reads")
    seen: list[str] = []

    @reader.on()
    async def note(e: Placed) -> None:
        seen.append(e.key)

    async with app_in(tmp_path, reader) as client:
        await client.emit(Placed("0"))
        await eventually(lambda: seen == ["0"], "the first")
    await emitted(tmp_path, None, 1, 10)
    async with app_in(tmp_path, Placed, retention=Retention(events=3, unread=True)) as client:

        async def removed() -> bool:
            return not await client.events.list(key="5")

        await eventually(removed, "what it has not read is removed")
    app = app_in(tmp_path, reader)
    async with app as client:
        runtime = app._runtime
        assert runtime is not None

        def lost() -> RetentionPassed | None:
            found = runtime.reacting._readers.get("reads")
            return None if found is None else found.lost

        error = await eventually(lost, "it stands still")
        assert (error.first_lost, error.last_lost) == (2, 7)
        await client.emit(Placed("10"))
        assert seen == ["0"]
        await runtime.commits.submit(SteerService("default", "reads", by="me", skip=True))
        await eventually(lambda: "10" in seen, "it goes on")
    assert seen == ["0", "7", "8", "9", "10"]


@pytest.mark.asyncio
async def test_a_new_service_begins_with_the_oldest_event_that_is_left(tmp_path: Path) -> None:
    async with app_in(tmp_path, Placed, retention=Retention(events=2)) as client:
        await client.emit(*[Placed(str(place)) for place in range(5)])
    app = app_in(tmp_path, Placed, retention=Retention(events=2))
    async with app as client:

        async def removed() -> bool:
            return not await client.events.list(key="0")

        await eventually(removed, "the oldest are removed")
    late, seen = Service("late"), list[str]()

    @late.on()
    async def note(e: Placed) -> None:
        seen.append(e.key)

    async with app_in(tmp_path, late):
        await eventually(lambda: len(seen) == 2, "what is left")
    assert seen == ["3", "4"]


def test_a_retention_that_means_nothing_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is no number of events"):
        Retention(events=-1)
