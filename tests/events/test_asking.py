"""What programs ask of the log and of services, through the client, with a real worker on a real file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from dalsegno import App, AsyncClient, Service, event
from dalsegno.core.clock import to_datetime
from dalsegno.core.commit import Done
from dalsegno.core.reactions import Forget
from dalsegno.errors import EventNotFound, InvalidInput, RetentionPassed, ServiceNotFound
from dalsegno.events.json_mode import read_json
from tests.helpers.room import eventually


@event("Ordered", key="order_id")
@dataclass
class Ordered:
    order_id: str


@event("Paid", key="order_id")
@dataclass
class Paid:
    order_id: str


class Shop:
    """Two services, one of which answers the other."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.sent: list[str] = []
        self.payments, self.shipping = Service("payments"), Service("shipping")
        self.payments.on(name="pay")(self.pay)
        self.shipping.on(name="ship", where=lambda paid: paid.order_id != "digital")(self.ship)

    def pay(self, e: Ordered) -> Paid:
        self.paid.append(e.order_id)
        return Paid(e.order_id)

    def ship(self, e: Paid) -> None:
        self.sent.append(e.order_id)

    def app(self, folder: Path, **options: int) -> App:
        include = [self.payments, self.shipping]
        return App("shop", include=include, store=f"sqlite:///{folder}/shop.db", **options)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest_asyncio.fixture
async def client(shop: Shop, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with shop.app(tmp_path) as client:
        await eventually(client.services.list, "the services are known")
        yield client


async def sent(shop: Shop, *order_ids: str) -> None:
    await eventually(lambda: sorted(shop.sent) == sorted(order_ids), f"{order_ids} are sent; {shop.sent} are")


# -- events


@pytest.mark.asyncio
async def test_events_are_listed_by_type_key_case_place_and_time(shop: Shop, client: AsyncClient) -> None:
    await client.emit(Ordered("1"), case_id="case-1")
    await sent(shop, "1")
    await client.emit(Ordered("2"))
    await sent(shop, "1", "2")
    found = await client.events.list()
    assert [(one.number, one.type, one.key, one.cause) for one in found] == [
        (1, "Ordered", "1", None),
        (2, "Paid", "1", 1),
        (3, "Ordered", "2", None),
        (4, "Paid", "2", 3),
    ]

    async def numbers(**asked: object) -> list[int]:
        return [one.number for one in await client.events.list(**asked)]  # type: ignore[arg-type]

    assert await numbers(type="Paid") == [2, 4]
    assert await numbers(key="2") == [3, 4]
    assert await numbers(case_id="case-1") == [1, 2]
    assert await numbers(after=1, before=4) == [2, 3]
    assert await numbers(newest=True, limit=2) == [4, 3]
    assert await numbers(since=found[2].at) == [3, 4]
    assert await numbers(until=found[2].at) == [1, 2]


@pytest.mark.asyncio
async def test_an_event_is_shown_with_what_came_of_it_and_what_it_led_to(
    shop: Shop, client: AsyncClient
) -> None:
    await client.emit(Ordered("digital"), case_id="case-1")

    async def filtered() -> bool:
        return await client.events.end() == 2 and bool((await client.events.show(2)).reactions)

    await eventually(filtered, "both have reacted")
    story = await client.events.show(1)
    (reaction,) = story.reactions
    assert (reaction.service, reaction.handler, reaction.outcome) == ("payments", "pay", "done")
    assert [one.number for one in story.followed] == [2]
    assert not story.partial
    paid = await client.events.show(2)
    assert (paid.event.source, paid.event.id) == ("dalsegno:default/payments.pay", "2")
    assert [one.outcome for one in paid.reactions] == ["filtered"]


@pytest.mark.asyncio
async def test_an_event_without_a_case_is_still_shown_with_what_it_led_to(
    shop: Shop, client: AsyncClient
) -> None:
    await client.emit(Ordered("1"))
    await sent(shop, "1")
    assert [one.number for one in (await client.events.show(1)).followed] == [2]


@pytest.mark.asyncio
async def test_a_foreign_event_is_found_by_its_source_and_id(client: AsyncClient) -> None:
    text = '{"specversion":"1.0","type":"x","source":"/bank","id":"a1","data":1,"subject":"s","tone":"low"}'
    (number,) = await client.emit(read_json(text))
    found = await client.events.get("/bank#a1")
    assert (found.number, found.source, found.id, found.data) == (number, "/bank", "a1", 1)
    assert dict(found.more) == {"subject": "s", "tone": "low"}


@pytest.mark.asyncio
async def test_an_event_that_is_not_there_is_no_event(client: AsyncClient) -> None:
    for name in (1, "1", "/bank#7", "nonsense", "9" * 40):
        with pytest.raises(EventNotFound):
            await client.events.get(name)


@pytest.mark.asyncio
async def test_the_log_is_followed_from_now_on_or_from_a_place(shop: Shop, client: AsyncClient) -> None:
    await client.emit(Ordered("1"))
    await sent(shop, "1")
    coming = client.events.tail(after=0)
    assert [(await anext(coming)).number, (await anext(coming)).number] == [1, 2]
    news = asyncio.ensure_future(_first(client.events.tail(type="Paid", after=2)))
    await client.emit(Ordered("2"))
    assert (await news).number == 4


async def _first(coming: AsyncIterator[object]) -> object:
    return await anext(coming)


@pytest.mark.asyncio
async def test_who_follows_the_log_is_told_of_events_that_were_removed_before_he_read_them(
    shop: Shop, client: AsyncClient
) -> None:
    await client.emit(Ordered("1"), Ordered("2"))
    await sent(shop, "1", "2")
    assert await client.events.desk.write(Forget(3)) == Done(2)
    with pytest.raises(RetentionPassed) as told:
        await anext(client.events.tail(after=1))
    assert (told.value.first_lost, told.value.last_lost) == (2, 2)
    with pytest.raises(RetentionPassed):
        await client.events.get(1)


@pytest.mark.asyncio
async def test_who_lists_from_a_place_on_is_told_of_events_that_were_removed_behind_it(
    shop: Shop, client: AsyncClient
) -> None:
    await client.emit(Ordered("1"), Ordered("2"))
    await sent(shop, "1", "2")
    assert [one.number for one in await client.events.list(after=0)] == [1, 2, 3, 4]
    await client.events.desk.write(Forget(3))
    for options in ({"after": 0}, {"after": 1}, {"after": 0, "newest": True}, {"after": 0, "type": "Paid"}):
        with pytest.raises(RetentionPassed) as told:
            await client.events.list(**options)  # type: ignore[arg-type]
        assert (told.value.first_lost, told.value.last_lost) == (options["after"] + 1, 2)
    assert [one.number for one in await client.events.list(after=2)] == [3, 4]
    assert [one.number for one in await client.events.list()] == [3, 4]


# -- services


@pytest.mark.asyncio
async def test_services_tell_how_far_they_are(shop: Shop, client: AsyncClient) -> None:
    await client.emit(Ordered("1"))
    await sent(shop, "1")

    async def up_to_date() -> bool:
        return all(one.lag_events == 0 for one in await client.services.list())

    await eventually(up_to_date, "both are up to date")
    payments, shipping = await client.services.list()
    assert (payments.name, payments.position, payments.lag_seconds) == ("payments", 2, 0.0)
    assert payments.owned == payments.partitions == 64
    (handler,) = payments.handlers
    assert (handler.name, handler.takes, handler.follows) == ("pay", ("Ordered",), "Paid")
    assert shipping.handlers[0].follows == "None"
    assert {part.position for part in await client.services.partitions("payments")} == {2}
    with pytest.raises(ServiceNotFound, match="It knows: payments, shipping"):
        await client.services.get("billing")


@pytest.mark.asyncio
async def test_a_paused_service_lets_events_lie_until_it_is_resumed(shop: Shop, client: AsyncClient) -> None:
    assert await client.services.pause("shipping", by="ann")
    assert not await client.services.pause("shipping", by="bob")
    await eventually(lambda: _reader(client, "shipping").paused, "its reader has heard of it")
    await client.emit(Ordered("1"))

    async def behind() -> bool:
        payments, shipping = await client.services.list()
        return payments.lag_events == 0 and shipping.lag_events == 2

    await eventually(behind, "one is behind")
    shipping = await client.services.get("shipping")
    assert (shipping.paused_by, shop.sent) == ("ann", [])
    assert shipping.paused_at is not None
    assert await client.services.resume("shipping", by="bob")
    assert not await client.services.resume("shipping")
    await sent(shop, "1")


@pytest.mark.asyncio
async def test_a_replayed_service_reacts_again_to_all_that_lies_behind_a_place_or_a_time(
    shop: Shop, client: AsyncClient
) -> None:
    await client.emit(Ordered("1"), Ordered("2"))
    await sent(shop, "1", "2")
    last = (await client.events.list(newest=True, limit=1))[0]
    assert await client.services.count("shipping", 0) == 2
    assert await client.services.replay("shipping", after=0, by="ann") == 0
    await sent(shop, "1", "1", "2", "2")
    assert (await client.services.get("shipping")).generation == 2
    assert await client.services.replay("shipping", since=last.at) in (2, 3)
    assert await client.services.replay("shipping", since=to_datetime(2**52)) == 4
    for wrong in ({}, {"after": 0, "since": last.at}, {"after": 99}, {"after": -1}):
        with pytest.raises(InvalidInput):
            await client.services.replay("shipping", **wrong)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_replay_of_what_retention_has_removed_is_refused(shop: Shop, client: AsyncClient) -> None:
    await client.emit(Ordered("1"), Ordered("2"))
    await sent(shop, "1", "2")
    await client.events.desk.write(Forget(4))
    with pytest.raises(RetentionPassed):
        await client.services.replay("shipping", after=1)
    assert await client.services.replay("shipping", after=0) == 3
    await sent(shop, "1", "2", "2")


@pytest.mark.asyncio
async def test_a_service_that_lost_events_stands_still_until_a_person_lets_it_skip_them(
    shop: Shop, tmp_path: Path
) -> None:
    async with shop.app(tmp_path) as client:
        await eventually(client.services.list, "the services are known")
        assert not await client.services.skip("payments")
    async with shop.app(tmp_path, slots=0) as client:
        await client.emit(Ordered("1"), Ordered("2"), Ordered("3"))
        await client.events.desk.write(Forget(3))
        assert (await client.services.get("payments")).lost == 2
    async with shop.app(tmp_path) as client:
        await eventually(lambda: _lost(client, "payments"), "it stands still")
        assert await client.services.skip("payments", by="ann")
        await eventually(lambda: shop.paid == ["3"], "it goes on with the third")


def _lost(client: AsyncClient, name: str) -> bool:
    readers = client._operations._emitted.__self__.reacting._readers  # type: ignore[union-attr]
    return name in readers and readers[name].lost is not None


def _reader(client: AsyncClient, name: str):  # type: ignore[no-untyped-def]
    return client._operations._emitted.__self__.reacting._readers[name]  # type: ignore[union-attr]


def test_the_blocking_rooms_say_the_same(tmp_path: Path) -> None:
    shop = Shop()
    with shop.app(tmp_path) as client:
        coming = client.events.tail()
        client.emit(Ordered("1"))
        assert [next(coming).type, next(coming).type] == ["Ordered", "Paid"]
        assert [one.number for one in client.events.list(key="1")] == [1, 2]
        assert client.events.get(2).type == "Paid"
        assert client.events.show(1).event == client.events.get(1)
        assert [one.name for one in client.services.list()] == ["payments", "shipping"]
        assert client.services.get("shipping").name == "shipping"
        assert len(client.services.partitions("shipping")) == 64
        assert client.services.pause("shipping")
        assert client.services.resume("shipping")
        assert client.services.replay("shipping", after=2) == 2
        assert client.services.count("shipping", 0) == 1
        assert not client.services.skip("shipping")
        assert client.dead_letters.list() == client.dead_letters.groups() == []
        assert client.dead_letters.redrive_many(service="shipping").letters == ()
