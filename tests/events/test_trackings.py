"""The three ways to know a case's state: the same order process under each of them, asked at several moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dalsegno import App, AsyncClient, Limits, Process, Service, all_of
from dalsegno.client.case_views import CaseStory
from dalsegno.client.event_views import EventInfo
from dalsegno.events.json_mode import read_json, write_json
from dalsegno.events.outside import to_envelope
from dalsegno.events.process import Tracking
from dalsegno.events.stamps import Stamp
from examples import choreography as shop
from examples.choreography import (
    ConfirmationSent,
    OrderPlaced,
    OrderRejected,
    OrderShipped,
    OutOfStock,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentRefunded,
    StockReleased,
    StockReserved,
)
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8", "P11"), pytest.mark.asyncio]

TRACKINGS: tuple[Tracking, ...] = ("event_sourced", "stamp", "front_controller")

payment = Service("payment")
shipping = Service("shipping", reads_stamp=["payment"])


@payment.on()
def authorize(e: OrderPlaced, stamp: Stamp) -> PaymentAuthorized | PaymentDeclined:
    stamp.add(charged=str(e.amount), by="card")
    return shop.authorize(e)


@payment.on(compensates=PaymentAuthorized)
def refund(e: OutOfStock | StockReleased, stamp: Stamp) -> PaymentRefunded:
    stamp.add(refunded=stamp.own.get("charged"))
    return shop.refund(e)


@shipping.on()
def ship(e: StockReserved, stamp: Stamp) -> OrderShipped | shop.NoCourier:
    stamp.add(insured=stamp["payment"].get("charged"))
    return shop.ship(e)


FIRST = (payment,)
ALL = (payment, shop.inventory, shipping, shop.orders, shop.notification)
PLACED = (
    OrderPlaced("1", Decimal("99.99")),
    OrderPlaced("2", Decimal(5_000)),
    OrderPlaced("3", Decimal(20), item="baton"),
    OrderPlaced("4", Decimal(20), city="Atlantis"),
)
STOPS = {"1": "PaymentAuthorized", "2": "PaymentDeclined", "3": "PaymentAuthorized", "4": "PaymentAuthorized"}
ENDS = {"1": "ConfirmationSent", "2": "OrderRejected", "3": "OrderRejected", "4": "OrderRejected"}


def the_app(folder: Path, tracking: Tracking, services: Sequence[Service], **options: Any) -> App:
    order = Process("order", starts=OrderPlaced, ends=ConfirmationSent | OrderRejected, tracking=tracking)
    include = [order, *services, *(vars(shop)[name] for name in _EVENTS)]
    return App("shop", include=include, store=f"sqlite:///{folder}/{tracking}.db", **options)


_EVENTS = ("OrderPlaced", "PaymentAuthorized", "PaymentDeclined", "ConfirmationSent", "OrderRejected")


class Told(NamedTuple):
    """What one asks of a case."""

    state: str
    started: datetime
    end: str | None
    ended: datetime | None


def told_by_row(story: CaseStory) -> Told:
    case = story.case
    return Told(case.state, case.started_at, case.end, case.ended_at)


def told_by_events(story: CaseStory) -> Told:
    """Fold the events of a case, as whoever has nothing but these would."""
    last = next((event for event in story.events if event.type in ENDS.values()), None)
    state = "open" if last is None else "ended"
    started = story.events[0].at
    return Told(state, started, *((last.type, last.at) if last else (None, None)))


def told_by_stamp(story: CaseStory) -> Told:
    stamp = story.stamp
    assert stamp is not None and stamp.started_at is not None
    return Told(stamp.state, stamp.started_at, stamp.end, stamp.ended_at)


async def told(client: AsyncClient, case: str, tracking: Tracking) -> tuple[str, str | None]:
    """Answer as a tracking can, having seen that it is what its row says and when the events were."""
    story = await client.cases.show(case)
    by_row = told_by_row(story)
    if tracking == "event_sourced":
        assert told_by_events(story) == by_row and story.stamp is None
    elif tracking == "stamp":
        assert told_by_events(story) == told_by_stamp(story) == by_row
    else:
        ends = [event for event in await client.events.list(case_id=case) if event.type in ENDS.values()]
        assert [event.number for event in story.events[1:]] == [event.number for event in ends]
        assert by_row.started == story.events[0].at and by_row.ended == (ends[0].at if ends else None)
        assert not story.reactions and not story.runs and story.untold
    return by_row.state, by_row.end


async def until(client: AsyncClient, types: dict[str, str]) -> None:
    """Wait until each order has an event of its type."""

    async def there() -> bool:
        found = {(event.key, event.type) for event in await client.events.list(limit=1_000)}
        return found >= set(types.items())

    await eventually(there, f"{types} are there")


async def answers(folder: Path, tracking: Tracking) -> list[dict[str, tuple[str, str | None]]]:
    """Ask at three moments: when all are placed, when one service has reacted, and at the end."""

    async def ask() -> None:
        found.append({one.order_id: await told(client, f"order-{one.order_id}", tracking) for one in PLACED})

    found: list[dict[str, tuple[str, str | None]]] = []
    async with the_app(folder, tracking, ()) as client:
        await client.emit(*PLACED)
        await ask()
    async with the_app(folder, tracking, FIRST) as client:
        await until(client, STOPS)
        await ask()
    async with the_app(folder, tracking, ALL) as client:
        await until(client, ENDS)
        await ask()
    return found


async def test_the_same_orders_stand_the_same_under_each_tracking_at_each_moment(tmp_path: Path) -> None:
    found = {tracking: await answers(tmp_path, tracking) for tracking in TRACKINGS}
    placed, paid, ended = found["event_sourced"]
    assert set(placed.values()) == set(paid.values()) == {("open", None)}
    assert ended == {key: ("ended", end) for key, end in ENDS.items()}
    assert found["stamp"] == found["front_controller"] == found["event_sourced"]


def hops(events: Sequence[EventInfo]) -> list[tuple[str, dict[str, Any]]]:
    """Tell what each event of a case carries of services' parts."""
    return [(each.type, dict(each.stamp.parts)) for each in events if each.stamp is not None]


async def test_a_stamp_carries_each_part_under_its_service_with_its_size_at_each_hop(tmp_path: Path) -> None:
    async with the_app(tmp_path, "stamp", ALL) as client:
        await client.emit(PLACED[0], PLACED[3])
        await until(client, {"1": "ConfirmationSent", "4": "OrderRejected"})
        healthy, undone = await client.cases.show("order-1"), await client.cases.show("order-4")
    paid: dict[str, Any] = {"payment": {"charged": "99.99", "by": "card"}}
    sent = {**paid, "shipping": {"insured": "99.99"}}
    assert hops(healthy.events) == [
        ("OrderPlaced", {}),
        ("PaymentAuthorized", paid),
        ("StockReserved", paid),
        ("OrderShipped", sent),
        ("ConfirmationSent", sent),
    ]
    assert healthy.stamp is not None and healthy.stamp.parts == sent
    sizes = [each.stamp.bytes for each in healthy.events if each.stamp is not None]
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] == sizes[2] < sizes[3] < sizes[4] < 300
    assert undone.stamp is not None and undone.stamp.parts == {
        "payment": {"charged": "20", "by": "card", "refunded": "20"},
        "shipping": {"insured": "20"},
    }


async def test_a_stamp_leaves_and_comes_back_as_an_extension_of_the_cloud_event(tmp_path: Path) -> None:
    async with the_app(tmp_path, "stamp", FIRST) as client:
        await client.emit(PLACED[0])
        await until(client, {"1": "PaymentAuthorized"})
        (event,) = await client.events.list(type="PaymentAuthorized")
        row = await client._operations.store.event(event.number)
    assert row is not None and event.stamp is not None
    outside = write_json(to_envelope(row))
    assert read_json(outside).extensions["stamp"] == row.stamp
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with the_app(elsewhere, "stamp", ALL) as client:
        await client.emit(read_json(outside))
        await until(client, {"1": "ConfirmationSent"})
        (last,) = await client.events.list(type="ConfirmationSent")
    assert last.stamp is not None and last.stamp.parts == {
        "payment": {"charged": "99.99", "by": "card"},
        "shipping": {"insured": "99.99"},
    }


greedy, nosy, joining = (
    Service("greedy"),
    Service("nosy"),
    Service("joining", reads_stamp=["payment", "shipping"]),
)


@greedy.on()
def hoard(e: OrderPlaced, stamp: Stamp) -> PaymentAuthorized:
    stamp.add(everything="x" * 200)
    return PaymentAuthorized(e.order_id, e.item, e.city)


@nosy.on(attempts=1)
def peep(e: PaymentAuthorized, stamp: Stamp) -> StockReserved:
    return StockReserved(str(stamp["payment"]["charged"]), e.city)


@joining.on(all_of(StockReserved, OrderShipped))
def settle(reserved: StockReserved, shipped: OrderShipped, stamp: Stamp) -> StockReleased:
    stamp.add(insured=stamp["shipping"]["insured"], charged=stamp["payment"]["charged"])
    return StockReleased(reserved.order_id)


async def the_letter(client: AsyncClient) -> str:
    async def there() -> Any:
        return await client.dead_letters.list()

    (letter,) = await eventually(there, "there is a dead letter")
    assert letter.attempts == 1
    return str(letter.error)


async def test_a_stamp_that_grows_too_large_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    async with the_app(tmp_path, "stamp", [greedy], limits=Limits(stamp=200)) as client:
        await client.emit(PLACED[0])
        said = await the_letter(client)
        assert len(await client.events.list()) == 1
    assert "StampTooLarge: The stamp after handler greedy.hoard has 296 bytes, and may have 200." in said


async def test_a_service_gets_no_part_that_it_does_not_declare(tmp_path: Path) -> None:
    async with the_app(tmp_path, "stamp", [payment, nosy]) as client:
        await client.emit(PLACED[0])
        said = await the_letter(client)
    assert "Service nosy reads the part of payment of a stamp, and does not declare it." in said


async def test_a_join_has_the_parts_of_all_its_events(tmp_path: Path) -> None:
    async with the_app(tmp_path, "stamp", [*ALL, joining]) as client:
        await client.emit(PLACED[0])
        await until(client, {"1": "StockReleased"})
        (event,) = await client.events.list(type="StockReleased")
    assert event.stamp is not None
    assert event.stamp.parts["joining"] == {"insured": "99.99", "charged": "99.99"}
    assert set(event.stamp.parts) == {"payment", "shipping", "joining"}


async def test_another_extension_named_stamp_means_nothing_and_is_kept(tmp_path: Path) -> None:
    foreign = (
        '{"specversion": "1.0", "id": "1", "source": "/post", "type": "OrderPlaced", "stamp": "penny red", '
    )
    placed = '"data": {"order_id": "1", "amount": "5"}}'
    async with the_app(tmp_path, "event_sourced", FIRST) as client:
        await client.emit(read_json(foreign + placed))
        await until(client, {"1": "PaymentAuthorized"})
        first, second = await client.events.list()
    assert sorted(first.more.items()) == [("stamp", "penny red")] or second.more == {"stamp": "penny red"}
    assert (first.stamp, second.stamp) == (None, None)
