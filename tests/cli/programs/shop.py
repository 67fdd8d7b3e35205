"""Services for the tests of the command line. A file of the right name beside this one opens a door in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dalsegno import Process, Service, event, keep

HERE = Path(__file__).parent


@event("OrderPlaced", key="order_id")
@dataclass
class OrderPlaced:
    order_id: str
    amount: int


@event("PaymentAuthorized", key="order_id")
@dataclass
class PaymentAuthorized:
    order_id: str


@dataclass
class Sent:
    times: int


payments = Service("payments")
shipping = Service("shipping", state=Sent)
order = Process("order", starts=OrderPlaced, ends=PaymentAuthorized)


@payments.on(attempts=1)
def authorize(e: OrderPlaced) -> PaymentAuthorized:
    if e.amount < 0 and not (HERE / "mended").exists():
        raise ValueError(f"{e.amount} cannot be paid")
    return PaymentAuthorized(e.order_id)


@shipping.on()
def ship(e: PaymentAuthorized, state: Sent | None) -> None:
    keep(Sent((state.times if state else 0) + 1))
    with (HERE / "shipped").open("a", encoding="utf-8") as file:
        file.write(f"{e.order_id}\n")
