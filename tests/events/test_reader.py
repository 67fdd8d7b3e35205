"""What a service's reader keeps to: each event once, in order per key, whatever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from dalsegno import App, AsyncClient, Service, event
from dalsegno.core.event import Event, partition_of
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreUnreachable
from dalsegno.events.progress import Progress
from dalsegno.events.reacting import Reacting
from dalsegno.events.reader import Reader
from dalsegno.store.log import Lane
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8"), pytest.mark.asyncio]


@event(key="key")
@dataclass
class Noted:
    key: str
    place: int


@event(key="key")
@dataclass
class Other:
    key: str


def _of_partition(partition: int, partitions: int) -> str:
    return next(key for key in map(str, range(100)) if partition_of(key, 0, partitions) == partition)


@asynccontextmanager
async def _two_partitions(seen: list[Noted]) -> AsyncGenerator[tuple[AsyncClient, Reader]]:
    """A reader of two partitions, which is told by the test what it owns and when it reads."""
    async with _steered(seen) as (client, reader, _):
        yield client, reader


@asynccontextmanager
async def _steered(seen: list[Noted]) -> AsyncGenerator[tuple[AsyncClient, Reader, Reacting]]:
    service = Service("notes", partitions=2)

    @service.on()
    async def note(e: Noted) -> None:
        seen.append(e)

    app = App("notes", include=[service], store="memory:")
    async with app as client:
        assert app._runtime is not None
        reacting = app._runtime.reacting
        reader: Reader = await eventually(lambda: reacting._readers.get("notes"), "the service is read")
        await eventually(lambda: len(reader.owned) == 2, "its partitions are here")
        for task in reacting._tasks:
            task.cancel()
        await asyncio.gather(*reacting._tasks, return_exceptions=True)
        yield client, reader, reacting


async def _read_all(reader: Reader, events: int, seen: list[Noted]) -> None:
    async def done() -> bool:
        await reader._read()
        return len(seen) >= events and not reader.busy

    await eventually(done, f"{events} events are seen")


async def test_partitions_that_come_while_the_log_is_read_lose_no_event() -> None:
    seen: list[Noted] = []
    early, late = _of_partition(0, 2), _of_partition(1, 2)
    async with _two_partitions(seen) as (client, reader):
        del reader.owned[1]
        for place in range(4):
            await client.emit(Noted(late, place))
        await _read_all(reader, 0, seen)
        for place in range(4):
            await client.emit(Noted(early, place))
            await client.emit(Noted(late, 4 + place))
        read_log, store = reader._store.read_log, reader._store

        async def slowly(after: int, limit: int) -> list[Event]:
            events = await read_log(after, limit)
            await reader.own([Progress(1, 0)])
            return events

        store.read_log = slowly  # type: ignore[method-assign]
        await reader._read()
        store.read_log = read_log  # type: ignore[method-assign]
        await _read_all(reader, 12, seen)
    assert [e.place for e in seen if e.key == late] == list(range(8))
    assert [e.place for e in seen if e.key == early] == list(range(4))


async def test_going_back_for_the_sake_of_another_partition_repeats_nothing_that_is_not_written_yet() -> None:
    seen: list[Noted] = []
    here, there = _of_partition(0, 2), _of_partition(1, 2)
    async with _two_partitions(seen) as (client, reader):
        away = reader.owned.pop(1)
        flush, reader._writing.flush = reader._writing.flush, lambda: None  # type: ignore[method-assign]
        await client.emit(Noted(there, 0), Noted(here, 0))
        await reader._read()
        await eventually(lambda: len(seen) == 1, "what is here is seen")
        await reader.own([Progress(1, away.position)])
        await reader._read()
        await eventually(lambda: len(seen) == 2 and not reader._called, "the other partition is read")
        reader._writing.flush = flush  # type: ignore[method-assign]
        reader._writing.flush()
        await _read_all(reader, 2, seen)
    assert [e.key for e in seen] == [here, there]


async def test_partitions_that_could_not_be_begun_with_are_begun_with_later() -> None:
    async with _steered([]) as (_, reader, reacting):
        await reacting._balance(reader, reader.session, 1)
        lanes = reader._store.lanes

        async def fails(service: int) -> list[Lane]:
            raise StoreUnreachable("It is away.")

        reader._store.lanes = fails  # type: ignore[method-assign]
        with pytest.raises(StoreUnreachable):
            await reacting._balance(reader, reader.session, 2)
        reader._store.lanes = lanes  # type: ignore[method-assign]
        await reacting._balance(reader, reader.session, 2)
        assert sorted(reader.owned) == [0, 1]


async def test_partitions_that_could_not_be_given_back_are_gone_on_with() -> None:
    async with _steered([]) as (_, reader, reacting):
        submit = reacting._commits.submit

        async def fails(item: Write, *_: object, **__: object) -> Verdict:
            raise StoreUnreachable("It is away.")

        reacting._commits.submit = fails  # type: ignore[method-assign]
        with pytest.raises(StoreUnreachable):
            await reacting._balance(reader, reader.session, 1)
        reacting._commits.submit = submit  # type: ignore[method-assign]
        await reacting._balance(reader, reader.session, 2)
        assert sorted(reader.owned) == [0, 1]


async def test_a_service_tells_how_far_it_is_though_others_write_all_the_time() -> None:
    service = Service("elsewhere", partitions=2)

    @service.on()
    async def note(e: Other) -> None: ...

    async with App("elsewhere", include=[service, Noted], store="memory:") as client:
        await eventually(client.services.list, "the service is known")

        async def told() -> bool:
            await client.emit(Noted("a", 1))  # always something new, and never for this service
            return (await client.services.get("elsewhere")).position > 0

        await eventually(told, "the position moves")


async def test_what_is_behind_a_blocked_key_is_not_read_again_for_each_event_that_comes() -> None:
    service, asked = Service("notes"), list[int]()

    @service.on(attempts=1)
    async def note(e: Noted) -> None:
        raise ValueError("no")

    app = App("notes", include=[service], store="memory:")
    async with app as client:
        assert app._runtime is not None
        store = app._runtime.store
        await client.emit(Noted("a", 0))
        await eventually(lambda: store.lane(1, "a"), "its key is blocked")
        lane = store.lane

        async def noted(service: int, key: str, limit: int = 1_000_000) -> list[int]:
            asked.append(limit)
            return await lane(service, key, limit)

        store.lane = noted  # type: ignore[method-assign]
        await client.emit(*(Noted("a", place) for place in range(1, 300)))

        async def behind() -> bool:
            return len(await lane(1, "a")) == 300

        await eventually(behind, "all are behind it")
    assert set(asked) == {1} and len(asked) < 30
