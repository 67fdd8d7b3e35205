"""The first example of the design, with annotations where it has bare ``def``s. Read by type checkers."""

from __future__ import annotations

from typing import Any, TypeAlias

from dalsegno import App, Retry, saga, step

Order: TypeAlias = dict[str, Any]


@step
def refund_payment(order: Order) -> None: ...


@step(retry=Retry(attempts=5, first="1s", factor=2), compensate=refund_payment)
def charge_payment(order: Order) -> str:
    return f"payment-{order['order_id']}"


@step
def release_stock(order: Order) -> None: ...


@step(compensate=release_stock)
def reserve_inventory(order: Order) -> None: ...


@step
def schedule_shipping(order: Order) -> None: ...


@step
def send_confirmation(order: Order) -> None: ...


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
        run = client.start(place_order, {"order_id": "123", "amount": 99.99}, id="order-123")
        print(run.result())
