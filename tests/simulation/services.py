"""Services that the simulations play, and the book in which their handlers write what they did.

An order says itself how its handlers fare (``mood``), so that a world's log can be told from what was
emitted into it. A handler writes into the book as the last thing before it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from dalsegno import Process, Retry, Service, all_of, emit, event, keep, receive, step, step_info, workflow
from dalsegno.events.stamps import Stamp
from dalsegno.testing.effects import perform

QUICK = Retry(attempts=3, first="20ms", factor=2, jitter=0.5)


@event("sim.Ordered", key="order")
@dataclass
class Ordered:
    """``mood``: "" is well, "flaky" fails twice, "ill" until it is mended, "lost" always, "deadly" kills."""

    order: str
    place: int = 1
    mood: str = ""


@event("sim.Paid", key="order")
@dataclass
class Paid:
    order: str
    place: int


@event("sim.Rumoured", key="order")
@dataclass
class Rumoured:
    order: str
    place: int


@event("sim.Reserved", key="order")
@dataclass
class Reserved:
    order: str
    place: int


@event("sim.Shipped", key="order")
@dataclass
class Shipped:
    order: str
    place: int


@event("sim.Packed", key="order")
@dataclass
class Packed:
    order: str
    place: int


@event("sim.CalledOff", key="order")
@dataclass
class CalledOff:
    order: str


@event("sim.Refunded", key="order")
@dataclass
class Refunded:
    order: str


@event("sim.Tick", key="clock")
@dataclass
class Tick:
    clock: str
    place: int


class Did(NamedTuple):
    """What a handler did: for which event, under which idempotency key, and in whose life."""

    handler: str
    key: str
    place: int
    idempotency_key: str
    by: str


BOOK: list[Did] = []
MENDED: set[str] = set()
"""The orders whose handlers are mended."""
HERE: list[Callable[[], str]] = []
KILL: list[Callable[[], None]] = []


def did(key: str, place: int) -> None:
    """Write into the book."""
    info = step_info()
    title = info.idempotency_key.partition("/")[0]
    BOOK.append(Did(title, key, place, info.idempotency_key, HERE[0]() if HERE else ""))


def _fare(e: Ordered) -> None:
    """Fail as the order's mood is."""
    if e.mood == "deadly" and e.order not in MENDED:
        for kill in KILL:
            kill()
    if e.mood == "flaky" and step_info().attempt <= 2:
        raise ConnectionError(f"attempt {step_info().attempt}")
    if e.mood == "lost" or (e.mood == "ill" and e.order not in MENDED):
        raise ValueError(e.mood)


payments = Service("payments", partitions=4)


@payments.on(retry=QUICK, emits=Rumoured)
async def pay(e: Ordered, stamp: Stamp) -> Paid:
    stamp.add(paid=e.place, mood=e.mood)
    emit(Rumoured(e.order, e.place))  # an attempt that fails spreads none
    await asyncio.sleep(0.03 if e.place % 2 else 0.005)
    _fare(e)
    did(e.order, e.place)
    return Paid(e.order, e.place)


stock = Service("stock", partitions=2)


@stock.on()
def reserve(e: Ordered) -> Reserved:
    did(e.order, e.place)
    return Reserved(e.order, e.place)


@stock.on()
async def count(e: Ordered) -> None:
    await asyncio.sleep(0.01)
    did(e.order, e.place)


@dataclass
class Account:
    places: list[int] = field(default_factory=list)


ledger = Service("ledger", state=Account, partitions=3)


@ledger.on(retry=QUICK)
async def book(e: Paid, state: Account | None) -> None:
    await asyncio.sleep(0.02 if e.place % 2 else 0.001)
    did(e.order, e.place)
    keep(Account([*(state.places if state else []), e.place]))


shipping = Service("shipping", partitions=2, reads_stamp=["payments"])


@shipping.on(all_of(Paid, Reserved))
async def ship(paid: Paid, reserved: Reserved, stamp: Stamp) -> Shipped:
    stamp.add(shipped=stamp["payments"].get("paid"))
    did(paid.order, paid.place)
    return Shipped(paid.order, reserved.place)


@step
async def wrap(order: str, place: int) -> int:
    perform(order, place)
    await asyncio.sleep(0.01)
    return place


packing = Service("packing", partitions=2)


@packing.on()
@workflow
async def pack(e: Shipped) -> Packed:
    return Packed(e.order, await wrap(e.order, e.place))


back_office = Service("back-office", partitions=1)


@back_office.on(compensates=Paid)
async def refund(e: CalledOff) -> Refunded:
    did(e.order, 0)
    return Refunded(e.order)


clocks = Service("clocks", partitions=2)


@clocks.on(sequence="place", gap="1d", retry=QUICK)
async def tick(e: Tick) -> None:
    await asyncio.sleep(0.01)
    did(e.clock, e.place)


crawlers = Service("crawlers", partitions=2, max_lag=2)


@crawlers.on(retry=QUICK)
async def crawl(e: Reserved) -> None:
    await asyncio.sleep(0.5)
    did(e.order, e.place)


gatherer = Service("gatherer", partitions=2)


@gatherer.on(batch=3, linger="50ms")
async def gather(events: list[Reserved]) -> None:
    for e in events:
        did(e.order, e.place)


order = Process(
    "order",
    starts=Ordered,
    ends=all_of(Packed, Reserved) | Refunded,
    cancel=CalledOff,
    keys={"mood": "mood"},  # so that cases of one mood turn out to be one
    tracking="stamp",
)


@workflow
async def await_packed(order: str) -> int:
    """Wait for an event as for a signal."""
    return (await receive(Packed, key=order)).place


@workflow
async def announce(order: str) -> str:
    """Emit from workflow code."""
    await wrap(order, 0)
    emit(Ordered(order))
    await wrap(order, 1)
    return order


@step
async def flood(order: str) -> None:
    """Emit more than a service may be behind."""
    for place in range(1, 7):
        emit(Reserved(order, place))


@workflow
async def say_last(order: str) -> str:
    """Emit as the last thing, while who takes it is too far behind, which the one before has had looked at."""
    await flood(order)
    emit(Reserved(order, 7))
    await asyncio.sleep(0.2)
    emit(Reserved(order, 8))
    emit(Reserved(order, 9))
    return order


SERVICES = (payments, stock, ledger, shipping, packing, back_office, clocks, gatherer)
FOLLOWS: dict[str, tuple[str, ...]] = {
    "sim.Ordered": ("payments.pay", "stock.reserve", "stock.count"),
    "sim.Paid": ("ledger.book",),
    "sim.Tick": ("clocks.tick",),
    "sim.Reserved": ("gatherer.gather",),
}
"""The handlers that write into the book for each event of a type."""
