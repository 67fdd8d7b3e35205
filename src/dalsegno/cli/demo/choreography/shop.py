"""The order process as five services: each knows events, and none knows another."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dalsegno import Process, Retry, Service, event
from dalsegno.cli.demo.choreography.ledgers import ask, ask_async
from dalsegno.cli.demo.orders import Trouble

PATIENT = Retry(attempts=5, first="100ms", factor=2)
_SLOW = 0.9  # seconds that a slow carrier takes


@dataclass
class OfOrder:
    """What every event says: of which order, and, as a test card does, what will go wrong with it."""

    order_id: str
    trouble: Trouble


@event(key="order_id")
@dataclass
class OrderPlaced(OfOrder):
    """A customer wants something; it may be said more than once."""

    amount: Decimal


@event(key="order_id")
@dataclass
class OrderAccepted(OfOrder):
    """The order is known."""

    amount: Decimal


@event(key="order_id")
class PaymentAuthorized(OfOrder):
    """The money is taken."""


@event(key="order_id")
class PaymentDeclined(OfOrder):
    """The card said no."""


@event(key="order_id")
class StockReserved(OfOrder):
    """The goods are off the shelf."""


@event(key="order_id")
class OutOfStock(OfOrder):
    """There are none left; the money is to be given back."""


@event(key="order_id")
class OrderShipped(OfOrder):
    """A carrier has the goods."""


@event(key="order_id")
class NoCourier(OfOrder):
    """No carrier goes there; the goods go back to their shelf."""


@event(key="order_id")
class StockReleased(OfOrder):
    """They are there again; the money is to be given back."""


@event(key="order_id")
class PaymentRefunded(OfOrder):
    """The money is given back."""


@event(key="order_id")
class ConfirmationSent(OfOrder):
    """The customer knows."""


@event(key="order_id")
class OrderCompleted(OfOrder):
    """An end: all that was asked for is done."""


@event(key="order_id")
class OrderRejected(OfOrder):
    """The other end: nothing of it stands."""


order = Process("order", starts=OrderPlaced, ends=OrderCompleted | OrderRejected, due="1m")

orders, payment, inventory = Service("orders"), Service("payment"), Service("inventory")
shipping, notification = Service("shipping"), Service("notification")


@orders.on(retry=PATIENT)
def accept(e: OrderPlaced) -> OrderAccepted:
    """Take the order in."""
    ask("orders", "accept", e.order_id, 0.01)
    return OrderAccepted(e.order_id, e.trouble, e.amount)


@payment.on(retry=PATIENT)
def authorize(e: OrderAccepted) -> PaymentAuthorized | PaymentDeclined:
    """Take the money."""
    done = ask("payment", "charge", e.order_id, 0.08, refused=e.trouble is Trouble.DECLINED)
    return PaymentAuthorized(e.order_id, e.trouble) if done else PaymentDeclined(e.order_id, e.trouble)


@inventory.on(retry=PATIENT)
def reserve(e: PaymentAuthorized) -> StockReserved | OutOfStock:
    """Take the goods off the shelf."""
    done = ask("inventory", "reserve", e.order_id, 0.05, refused=e.trouble is Trouble.SOLD_OUT)
    return StockReserved(e.order_id, e.trouble) if done else OutOfStock(e.order_id, e.trouble)


@shipping.on(retry=PATIENT)
async def ship(e: StockReserved) -> OrderShipped | NoCourier:
    """Hand the goods to a carrier."""
    seconds = _SLOW if e.trouble is Trouble.SLOW else 0.25
    done = await ask_async("shipping", "ship", e.order_id, seconds, refused=e.trouble is Trouble.UNREACHABLE)
    return OrderShipped(e.order_id, e.trouble) if done else NoCourier(e.order_id, e.trouble)


@inventory.on(retry=PATIENT, compensates=StockReserved)
def release(e: NoCourier) -> StockReleased:
    """Put the goods back on the shelf."""
    ask("inventory", "release", e.order_id, 0.05)
    return StockReleased(e.order_id, e.trouble)


@payment.on(retry=PATIENT, compensates=PaymentAuthorized)
def refund(e: OutOfStock | StockReleased) -> PaymentRefunded:
    """Give the money back."""
    ask("payment", "refund", e.order_id, 0.1)
    return PaymentRefunded(e.order_id, e.trouble)


@notification.on(retry=PATIENT)
async def confirm(e: OrderShipped) -> ConfirmationSent:
    """Tell the customer."""
    await ask_async("notification", "confirm", e.order_id, 0.03)
    return ConfirmationSent(e.order_id, e.trouble)


@orders.on(retry=PATIENT)
def complete(e: ConfirmationSent) -> OrderCompleted:
    """Close an order that went well."""
    ask("orders", "complete", e.order_id, 0.01)
    return OrderCompleted(e.order_id, e.trouble)


@orders.on(retry=PATIENT)
def reject(e: PaymentDeclined | PaymentRefunded) -> OrderRejected:
    """Close an order that did not, once nothing of it stands any more."""
    ask("orders", "reject", e.order_id, 0.01)
    return OrderRejected(e.order_id, e.trouble)
