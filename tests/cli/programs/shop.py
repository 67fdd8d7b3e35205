"""Services for the tests of the command line. A file of the right name beside this one opens a door in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dalsegno import Process, Service, event

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


payments = Service("payments")
shipping = Service("shipping")
order = Process("order", starts=OrderPlaced, ends=PaymentAuthorized)


@payments.on(attempts=1)
def authorize(e: OrderPlaced) -> PaymentAuthorized:
    if e.amount < 0 and not (HERE / "mended").exists():
        raise ValueError(f"{e.amount} cannot be paid")
    return PaymentAuthorized(e.order_id)


@shipping.on()
def ship(e: PaymentAuthorized) -> None:
    with (HERE / "shipped").open("a", encoding="utf-8") as file:
        file.write(f"{e.order_id}\n")
