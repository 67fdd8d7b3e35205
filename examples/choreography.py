"""An order as five services that know events and not each other: nobody conducts, and it still ends.

    python examples/choreography.py

Kill it at any moment and start it again: each service goes on where it stood, and charges nobody twice. Ask where an
order is:

    python -m dalsegno where order-126 --store examples/choreography.db
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dalsegno import App, Process, Service, event, receive, workflow


@event(key="order_id")
@dataclass
class OrderPlaced:
    order_id: str
    amount: Decimal
    item: str = "score"
    city: str = "Milan"


@dataclass
class OfOrder:
    order_id: str


@event(key="order_id")
@dataclass
class PaymentAuthorized(OfOrder):
    item: str
    city: str


@event(key="order_id")
class PaymentDeclined(OfOrder): ...


@event(key="order_id")
@dataclass
class StockReserved(OfOrder):
    city: str


@event(key="order_id")
class OutOfStock(OfOrder): ...


@event(key="order_id")
class OrderShipped(OfOrder): ...


@event(key="order_id")
class NoCourier(OfOrder): ...


@event(key="order_id")
class StockReleased(OfOrder): ...


@event(key="order_id")
class PaymentRefunded(OfOrder): ...


@event(key="order_id")
class OrderRejected(OfOrder): ...


@event(key="order_id")
class ConfirmationSent(OfOrder): ...


payment, inventory, shipping = Service("payment"), Service("inventory"), Service("shipping")
orders, notification = Service("orders"), Service("notification")


@payment.on(attempts=5)
def authorize(e: OrderPlaced) -> PaymentAuthorized | PaymentDeclined:
    if e.amount > 1_000:
        return PaymentDeclined(e.order_id)
    print(f"  charge {e.amount}")
    return PaymentAuthorized(e.order_id, e.item, e.city)


@inventory.on()
def reserve(e: PaymentAuthorized) -> StockReserved | OutOfStock:
    if e.item == "baton":
        return OutOfStock(e.order_id)
    print("  reserve the stock")
    return StockReserved(e.order_id, e.city)


@shipping.on()
def ship(e: StockReserved) -> OrderShipped | NoCourier:
    if e.city == "Atlantis":
        return NoCourier(e.order_id)
    print(f"  ship to {e.city}")
    return OrderShipped(e.order_id)


@inventory.on(compensates=StockReserved)
def release(e: NoCourier) -> StockReleased:
    print("  release the stock")
    return StockReleased(e.order_id)


@payment.on(compensates=PaymentAuthorized)
def refund(e: OutOfStock | StockReleased) -> PaymentRefunded:
    print("  refund")
    return PaymentRefunded(e.order_id)


@orders.on()
def reject(e: PaymentDeclined | PaymentRefunded) -> OrderRejected:
    return OrderRejected(e.order_id)


@notification.on()
def confirm(e: OrderShipped) -> ConfirmationSent:
    print("  confirm")
    return ConfirmationSent(e.order_id)


order = Process("order", starts=OrderPlaced, ends=ConfirmationSent | OrderRejected, due="10m")


@workflow
def ending(order_id: str) -> str:
    """Wait for the end of an order, for whoever wants to know."""
    return type(receive(ConfirmationSent, OrderRejected).result()).__name__


app = App("choreography")

if __name__ == "__main__":
    with app as client:
        for placed in (
            OrderPlaced("123", Decimal("99.99")),
            OrderPlaced("124", Decimal(5_000)),
            OrderPlaced("125", Decimal(20), item="baton"),
            OrderPlaced("126", Decimal(20), city="Atlantis"),
        ):
            print(f"order {placed.order_id}")
            client.emit(placed, id=placed.order_id)  # twice is once: it has an id
            run = client.start(
                ending, placed.order_id, id=f"ending-{placed.order_id}", case_id=f"order-{placed.order_id}"
            )
            print(f"  {run.result()}")
