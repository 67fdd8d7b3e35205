"""The frontier of real cases: what the store knows of them, put together with what is registered there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dalsegno import App, Process, Service, all_of, emit, event, receive, workflow
from dalsegno.insight.case_flow import read_case, read_declared
from dalsegno.insight.flow import Frontier, as_text, frontier, picture, read_flow
from dalsegno.insight.unused import unused
from tests.events.order_events import CalledOff, Declined, Paid, Placed, Refunded, Reserved, Shipped
from tests.helpers.room import eventually

pytestmark = pytest.mark.asyncio


@event(key="order", nobody=True)
@dataclass
class Noted:
    order: str


@workflow
async def desk(order: str) -> None:
    emit(Placed(order))
    await receive(Shipped)


class Shop:
    """Payment and stock react to one event, shipping joins what they give; one order cannot be reserved."""

    def __init__(self) -> None:
        self.process = Process("order", starts=Placed, ends=Shipped | Declined, cancel=CalledOff, due="10m")
        self.payments, self.stock, self.shipping = Service("payments"), Service("stock"), Service("shipping")

        @self.payments.on()
        async def pay(e: Placed) -> Paid | Declined:
            return Declined(e.order) if e.order == "poor" else Paid(e.order)

        @self.payments.on(compensates=Paid)
        async def refund(e: CalledOff) -> Refunded:
            return Refunded(e.order)

        @self.stock.on(attempts=1)
        async def reserve(e: Placed) -> Reserved:
            if e.order.startswith("sold"):
                raise KeyError("sku")
            return Reserved(e.order)

        @self.shipping.on(all_of(Paid, Reserved))
        async def ship(paid: Paid, reserved: Reserved) -> Shipped:
            return Shipped(paid.order)

    def app(self, folder: Path, *more: object) -> App:
        parts = [self.process, self.payments, self.stock, self.shipping, desk, *more]
        return App("shop", include=parts, store=f"sqlite:///{folder}/shop.db")


async def stands(app: App, case: str) -> Frontier:
    assert app._runtime is not None
    store = app._runtime.store
    flow = await read_declared(store, "default")
    return frontier(flow, "order", await read_case(store, "default", case))


async def until(app: App, case: str, done: set[str], *owing: str) -> Frontier:
    """Wait until the case has these events, and those who owe something stand so."""

    async def there() -> bool:
        found = await stands(app, case)
        debtors = {one for each in found.owed for one in each.by}
        return set(found.done) == done and sorted(one.state for one in debtors) == sorted(owing)

    await eventually(there, f"{case} has {done}")
    return await stands(app, case)


async def test_an_order_that_went_through_owes_nothing(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"))
        found = await until(app, "order-1", {"Placed", "Paid", "Reserved", "Shipped"})
    assert [end.state for end in found.ends] == ["reached", "unreachable"]
    assert found.ended and not found.then and not found.debts
    assert set(found.unreachable) == {"Declined", "CalledOff", "Refunded"}


async def test_a_dead_letter_is_owed_still_and_says_by_whom(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("sold"))
        await eventually(lambda: _letters(client), "it is a dead letter")
        found = await until(app, "order-sold", {"Placed", "Paid"}, "dead letter")
    (owed,) = found.owed
    (debtor,) = owed.by
    assert (owed.type, owed.stuck, owed.certain) == ("Reserved", True, False)
    assert (debtor.by, debtor.event, debtor.state) == ("stock.reserve", 1, "dead letter")
    assert [(later.type, later.by, later.after) for later in found.then] == [
        ("Shipped", ("shipping.ship",), ("Reserved",))
    ]


async def _letters(client: object) -> bool:
    return bool(await client.dead_letters.list())  # type: ignore[attr-defined]


async def test_a_declined_order_cannot_be_shipped(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("poor"))
        found = await until(app, "order-poor", {"Placed", "Declined", "Reserved"})
    assert set(found.unreachable) == {"Paid", "Shipped", "CalledOff", "Refunded"}
    assert [end.state for end in found.ends] == ["unreachable", "reached"]


async def test_a_cancelled_order_is_undone(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.emit(Placed("sold out"))
        await until(app, "order-sold out", {"Placed", "Paid"}, "dead letter")
        await client.cancel_case(CalledOff("sold out"))
        found = await until(app, "order-sold out", {"Placed", "Paid", "CalledOff", "Refunded"})
    assert not found.then and not found.debts
    assert set(found.unreachable) == {"Declined", "Reserved", "Shipped"}


async def test_a_run_takes_part_until_it_ends(tmp_path: Path) -> None:
    app = Shop().app(tmp_path)
    async with app as client:
        await client.start(desk, "sold by desk", id="order-sold by desk", case_id="order-sold by desk")
        found = await until(app, "order-sold by desk", {"Placed", "Paid"}, "running", "dead letter")
    by = {debtor.by: debtor.state for owed in found.owed for debtor in owed.by}
    assert by == {"desk": "running", "stock.reserve": "dead letter"}


async def test_a_handler_that_came_later_owes_nothing_for_what_was_passed(tmp_path: Path) -> None:
    async with Shop().app(tmp_path) as client:
        await client.emit(Placed("1"))
        await eventually(lambda: _shipped(client), "it is shipped")
    later = Shop()

    @later.payments.on()
    async def cheer(e: Placed) -> Refunded | None:
        return None

    app = later.app(tmp_path)
    async with app as client:
        await client.emit(Placed("2"))
        await until(app, "order-2", {"Placed", "Paid", "Reserved", "Shipped"})
        found = await stands(app, "order-1")
    assert not found.owed and not found.then


async def _shipped(client: object) -> bool:
    return bool(await client.events.list("Shipped"))  # type: ignore[attr-defined]


async def test_what_is_registered_looks_as_what_is_declared(tmp_path: Path) -> None:
    shop = Shop()
    app = shop.app(tmp_path)
    async with app:
        assert app._runtime is not None
        store = app._runtime.store

        async def registered() -> bool:
            return len((await read_declared(store, "default")).handlers) == 4

        await eventually(registered, "all is registered")
        stored = await read_declared(store, "default")
    declared = read_flow(
        [
            each.declaration()
            for one in (shop.payments, shop.stock, shop.shipping)
            for each in one.handlers.values()
        ],
        [shop.process.declaration()],
        [{"name": "desk", "gives": [["Placed", 1]], "awaits": [["Shipped", 1]]}],
    )
    assert as_text(picture(stored, "order")) == as_text(picture(declared, "order"))
    assert "workflow desk  emits Placed, waits for Shipped" in as_text(picture(stored, "order"))


async def test_steps_that_nothing_took_are_told_by_what_led_to_their_events(tmp_path: Path) -> None:
    shop = Shop()

    @shop.payments.on()
    async def note(e: Paid | Declined) -> Noted:
        return Noted(e.order)

    app = shop.app(tmp_path)
    async with app as client:
        await client.emit(Placed("1"))
        await until(app, "order-1", {"Placed", "Paid", "Reserved", "Shipped", "Noted"})
        assert app._runtime is not None
        store = app._runtime.store
        flow = await read_declared(store, "default")
        dead = await unused(store, "default", flow, "order", since=0)
        all_of_them = await unused(store, "default", flow, "order", since=store.now() + 1)
    assert {(one.edge.after, one.edge.by, one.edge.type) for one in dead if one.last_at is None} == {
        (("Placed",), "payments.pay", "Declined"),
        (("Declined",), "payments.note", "Noted"),
        (("CalledOff",), "payments.refund", "Refunded"),
        ((), "desk", "Placed"),
    }
    assert len(dead) == 4
    assert len(all_of_them) == 8
    assert all(one.last_at is not None for one in all_of_them[4:])
