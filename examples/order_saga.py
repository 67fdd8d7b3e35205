"""An order: charge, reserve, ship, confirm; and all of it undone when the courier says no.

    python examples/order_saga.py

Kill it at any moment and start it again: it goes on where it stood, and charges nobody twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dalsegno import NOTHING, App, Retry, saga, step, step_info
from dalsegno.errors import RunFailed


@dataclass
class Order:
    id: str
    amount: Decimal
    city: str = "Milan"


class NoCourier(Exception):
    """Nobody goes there."""


attempts: dict[str, int] = {}  # what the payment service remembers of its callers


@step
def refund_payment(order: Order, result: str | None) -> None:
    """Give the money back; ``result`` is None when nobody knows whether it was taken."""
    print(f"  refund {result or 'whatever was taken'}")


@step(retry=Retry(attempts=5, first="50ms", factor=2), compensate=refund_payment)
def charge_payment(order: Order) -> str:
    key = step_info().idempotency_key
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] == 1:
        raise ConnectionError("the payment service was busy")
    print(f"  charge {order.amount}")
    return f"payment-{order.id}"


@step
def release_stock(order: Order) -> None:
    print("  release the stock")


@step(compensate=release_stock)
def reserve_inventory(order: Order) -> None:
    print("  reserve the stock")


@step(compensate=NOTHING)
def schedule_shipping(order: Order) -> None:
    if order.city == "Atlantis":
        raise NoCourier(f"no courier goes to {order.city}")
    print(f"  ship to {order.city}")


@step(compensate=NOTHING)
def send_confirmation(order: Order) -> None:
    print("  confirm")


@saga
def place_order(order: Order) -> str:
    payment = charge_payment(order)
    reserve_inventory(order)
    schedule_shipping(order)
    send_confirmation(order)
    return payment


app = App("orders")

if __name__ == "__main__":
    with app as client:
        for order in (Order("123", Decimal("99.99")), Order("124", Decimal(20), "Atlantis")):
            print(f"order {order.id}")
            run = client.start(place_order, order, id=f"order-{order.id}")
            try:
                print(f"  {run.result()}: {run.status()}")
            except RunFailed as failed:
                print(f"  {failed.error.message}: {run.status()}, {run.info().reason}")
