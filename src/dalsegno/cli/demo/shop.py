"""The shop's business process: an order is a saga of four steps, three of which can be undone."""

from __future__ import annotations

from dalsegno import NOTHING, Retry, saga, step
from dalsegno.cli.demo.orders import Order
from dalsegno.cli.demo.services import (
    CANCEL,
    CHARGE,
    REFUND,
    RELEASE,
    RESERVE,
    SCHEDULE,
    SEND,
    Refused,
    ask,
    ask_async,
)

PATIENT = Retry(attempts=5, first="100ms", factor=2, non_retryable=Refused)


@step(retry=PATIENT)
def refund_payment(order: Order) -> str:
    """Give the money back."""
    return ask(REFUND, order)


@step(retry=PATIENT, compensate=refund_payment)
def charge_payment(order: Order) -> str:
    """Take the money."""
    return ask(CHARGE, order)


@step(retry=PATIENT)
async def release_stock(order: Order) -> str:
    """Put the goods back on the shelf."""
    return await ask_async(RELEASE, order)


@step(retry=PATIENT, compensate=release_stock)
async def reserve_inventory(order: Order) -> str:
    """Take the goods off the shelf."""
    return await ask_async(RESERVE, order)


@step(retry=PATIENT)
async def cancel_shipment(order: Order) -> str:
    """Call the carrier off."""
    return await ask_async(CANCEL, order)


@step(retry=PATIENT, compensate=cancel_shipment)
async def schedule_shipping(order: Order) -> str:
    """Order a carrier."""
    return await ask_async(SCHEDULE, order)


@step(retry=PATIENT, compensate=NOTHING)
def send_confirmation(order: Order) -> str:
    """Tell the customer, which nothing can undo."""
    return ask(SEND, order)


@saga
def place_order(order: Order) -> str:
    """Charge, reserve, ship, confirm; or leave everything as it was."""
    payment = charge_payment(order)
    reserve_inventory.start(order).result()
    schedule_shipping.start(order).result()
    send_confirmation(order)
    return payment
