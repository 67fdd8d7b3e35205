"""An order by services that know events alone: some are as they must be, each other one has a mistake."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dalsegno import Process, Service, all_of, event, keep, saga, step, step_info, workflow
from dalsegno.testing import Service as FarSide


class CardDeclined(Exception): ...


@event(key="order")
@dataclass
class Placed:
    order: str
    total: int = 100


@dataclass
class OfOrder:
    order: str


@event(key="order")
class Paid(OfOrder): ...


@event(key="order")
class Declined(OfOrder): ...


@event(key="order")
class Reserved(OfOrder): ...


@event(key="order")
class Released(OfOrder): ...


@event(key="order")
class Shipped(OfOrder): ...


@event(key="order")
class Rejected(OfOrder): ...


bank = FarSide("bank", charge="receipt")
stock = FarSide("stock")
courier = FarSide("courier")
broker = FarSide("broker", keys=False)


def key() -> str:
    return step_info().idempotency_key


# -- as they must be: charged and reserved side by side, shipped when both are there, released if declined

payments, inventory, shipping = Service("payments"), Service("inventory"), Service("shipping")


@dataclass
class Totals:
    orders: int = 0


ledger = Service("ledger", state=Totals)
order = Process("shop", starts=Placed, ends=Shipped | Rejected)


@payments.on(attempts=2)
def charge(e: Placed) -> Paid | Declined:
    try:
        bank.charge(e.total, key=key())
    except CardDeclined:
        return Declined(e.order)
    return Paid(e.order)


@inventory.on()
async def reserve(e: Placed) -> Reserved:
    stock.reserve(e.order, key=key())
    return Reserved(e.order)


@inventory.on(compensates=Reserved)
def release(e: Declined) -> Released:
    stock.release(e.order, key=key())
    return Released(e.order)


@shipping.on(all_of(Paid, Reserved))
def ship(paid: Paid, reserved: Reserved) -> Shipped:
    courier.ship(paid.order, key=key())
    return Shipped(paid.order)


@payments.on()
def reject(e: Released) -> Rejected:
    return Rejected(e.order)


@ledger.on()
def count(e: Paid, state: Totals | None) -> None:
    keep(Totals((state or Totals()).orders + 1))


SOUND = (payments, inventory, shipping, ledger)

# -- charges without a key

careless = Service("careless")


@careless.on()
def charge_without_a_key(e: Placed) -> Paid:
    bank.charge(e.total)
    return Paid(e.order)


# -- says that a card was declined, and nobody undoes what was reserved

forgetful = Service("forgetful")


@forgetful.on()
async def reserve_for_good(e: Placed) -> Reserved:
    stock.reserve(e.order, key=key())
    return Reserved(e.order)


@forgetful.on()
def reject_what_was_released(e: Released) -> Rejected:
    return Rejected(e.order)


# -- tells a broker itself, which brings it back as an event, instead of returning it

chatty = Service("chatty")


@chatty.on(emits=Paid)
def charge_and_publish(e: Placed) -> None:
    bank.charge(e.total, key=key())
    broker.publish(e.order)


# -- throws dice in workflow code, and goes by the order of a set

packing, sorting, sagas = Service("packing"), Service("sorting"), Service("sagas")


@step
def wrap(what: str) -> None:
    courier.wrap(what, key())


@packing.on()
@workflow
def pack(e: Placed) -> Shipped:
    if random.random() < 0.5:
        wrap(e.order)
    return Shipped(e.order)


@sorting.on()
@workflow
def sort(e: Placed) -> Shipped:
    things = {"label", "box", "tape", "foam", "note"}
    for what in things:
        wrap(what)
    return Shipped(e.order)


@step
def book_without_undo(order: str) -> None:
    courier.book(order, key())


@sagas.on()
@saga
def book(e: Placed) -> Shipped:
    book_without_undo(e.order)
    wrap(e.order)
    return Shipped(e.order)
