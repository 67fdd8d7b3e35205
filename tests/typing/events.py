"""What the types of events and services promise. Read by type checkers, never run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, assert_type

import attrs
import msgspec
import pydantic

from dalsegno import Circuit, Process, Retry, Service, all_of, downcast, event, saga, upcast, workflow
from dalsegno.engine.definitions import AsyncWorkflow, SyncWorkflow
from dalsegno.events.registry import Types
from dalsegno.events.types import EventType, event_type


@event("OrderPlaced", version=2, key="order_id")
@dataclass(frozen=True)
class OrderPlaced:
    order_id: str
    amount: Decimal = Decimal(0)


@event
@dataclass
class PaymentAuthorized:
    order_id: str


@event()
class PaymentDeclined(msgspec.Struct):
    order_id: str
    why: str = ""


@event(key=lambda it: it.order_id)
@attrs.define
class OrderShipped:
    order_id: str


@event(name="PaymentCaptured", version=1)
class PaymentCaptured(pydantic.BaseModel):
    order_id: str


@event("OrderPlaced", version=1)
@dataclass
class OrderPlacedOnce:
    order_id: str


payments = Service("payments", max_lag=1_000)


@payments.on(attempts=5, after_dead_letter="wait", circuit=Circuit(failures=3))
def authorize(e: OrderPlaced) -> PaymentAuthorized | PaymentDeclined:
    assert_type(e.amount, Decimal)
    return PaymentAuthorized(e.order_id) if e.amount < 100 else PaymentDeclined(e.order_id, why="limit")


@payments.on
async def note(e: OrderPlaced | OrderShipped) -> None: ...


@payments.on(emits=PaymentDeclined | PaymentAuthorized, compensates=PaymentAuthorized)
@saga
def settle(e: OrderShipped) -> PaymentCaptured:
    return PaymentCaptured(order_id=e.order_id)


@payments.on(ordered=True, compensates="none")
@workflow
async def later(e: OrderShipped) -> None: ...


@payments.on(all_of(OrderShipped, PaymentAuthorized), within="1h", retry=Retry(attempts=3))
def both(shipped: OrderShipped, paid: PaymentAuthorized) -> tuple[PaymentCaptured, list[PaymentDeclined]]:
    return PaymentCaptured(order_id=shipped.order_id), []


@upcast
def second(old: OrderPlacedOnce) -> OrderPlaced:
    return OrderPlaced(old.order_id, Decimal(1))


@downcast
def first(new: OrderPlaced) -> OrderPlacedOnce:
    return OrderPlacedOnce(new.order_id)


order = Process(
    "order", starts=OrderPlaced, ends=PaymentCaptured | PaymentDeclined, cancel=OrderShipped, due="10m"
)
several = Process(
    "several", starts=OrderPlaced | OrderShipped, ends=PaymentDeclined | all_of(OrderShipped, PaymentCaptured)
)


def classes_stay_what_they_were(placed: OrderPlaced) -> None:
    assert_type(OrderPlaced("1", Decimal(2)), OrderPlaced)
    assert_type(replace(placed, order_id="2"), OrderPlaced)
    assert_type(PaymentDeclined("1", why="x").why, str)
    assert_type(OrderShipped("1").order_id, str)
    assert_type(PaymentCaptured(order_id="1"), PaymentCaptured)


def functions_stay_what_they_were(placed: OrderPlaced, shipped: OrderShipped) -> None:
    assert_type(authorize(placed), PaymentAuthorized | PaymentDeclined)
    noting: Coroutine[Any, Any, None] = note(shipped)
    noting.close()
    plain: Callable[[OrderPlaced], object] = authorize
    plain(placed)
    assert_type(settle, SyncWorkflow[OrderShipped, PaymentCaptured])
    assert_type(later, AsyncWorkflow[OrderShipped, None])
    assert_type(settle(shipped), PaymentCaptured)
    assert_type(second(OrderPlacedOnce("1")), OrderPlaced)


def what_was_declared_is_found_with_its_type(placed: OrderPlaced, types: Types) -> None:
    kind = assert_type(event_type(OrderPlaced), EventType[OrderPlaced])
    assert_type(event_type(placed), EventType[OrderPlaced])
    assert_type(kind.decode(kind.encode(placed)), OrderPlaced)
    assert_type(types.convert("OrderPlaced", b"{}", 1, kind), OrderPlaced)
