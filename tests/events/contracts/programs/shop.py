"""A shop with fifty handlers, all plain functions of one module."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno import App, Process, Service, all_of, downcast, event


@dataclass
class OfOrder:
    order_id: str


@event(key="order_id")
@dataclass
class OrderPlaced(OfOrder):
    lines: list[str]


@event(key="order_id")
class OrderValidated(OfOrder): ...


@event(key="order_id")
class OrderInvalid(OfOrder): ...


@event(key="order_id")
class OrderRejected(OfOrder): ...


@event(key="order_id")
class OrderClosed(OfOrder): ...


@event(key="order_id")
class OrderCleared(OfOrder): ...


@event(key="order_id")
class FraudSuspected(OfOrder): ...


@event(key="order_id")
class PaymentAuthorized(OfOrder): ...


@event(key="order_id")
class PaymentDeclined(OfOrder): ...


@event(key="order_id")
class PaymentCaptured(OfOrder): ...


@event(key="order_id")
class PaymentRefunded(OfOrder): ...


@event(key="order_id")
class StockReserved(OfOrder): ...


@event(key="order_id", failure=True)
class StockMissing(OfOrder): ...


@event(key="order_id")
class StockReturned(OfOrder): ...


@event(key="order_id")
class ItemsPicked(OfOrder): ...


@event(key="order_id", failure=True)
class ItemsBroken(OfOrder): ...


@event(key="order_id")
class ParcelPacked(OfOrder): ...


@event(key="order_id")
class CourierBooked(OfOrder): ...


@event(key="order_id", failure=True)
class NoCourier(OfOrder): ...


@event(key="order_id", outside=True)
class CourierLate(OfOrder): ...


@event(key="order_id")
class ParcelHandedOver(OfOrder): ...


@event(key="order_id")
class ParcelMoved(OfOrder): ...


@event(key="order_id")
class ParcelDelivered(OfOrder): ...


@event("InvoiceSent", key="order_id")
@dataclass
class FirstInvoiceSent(OfOrder):
    amount: str


@event(version=2, key="order_id")
@dataclass
class InvoiceSent(OfOrder):
    cents: int


@event(key="order_id")
class InvoiceOpen(OfOrder): ...


@event(key="order_id")
class InvoiceSettled(OfOrder): ...


@event(key="order_id", nobody=True)
@dataclass
class MessageSent(OfOrder):
    text: str


@event(key="order_id")
class PointsAwarded(OfOrder): ...


@event(key="order_id")
class LevelReached(OfOrder): ...


@downcast
def as_first(new: InvoiceSent) -> FirstInvoiceSent:
    return FirstInvoiceSent(new.order_id, str(new.cents / 100))


orders, fraud, payment = Service("orders"), Service("fraud"), Service("payment")
inventory, packing, shipping = Service("inventory"), Service("packing"), Service("shipping")
invoicing, notification = Service("invoicing"), Service("notification")
loyalty, analytics = Service("loyalty"), Service("analytics")

order = Process("order", starts=OrderPlaced, ends=OrderClosed | OrderRejected, due="5d")


def message(e: OfOrder, text: str) -> MessageSent:
    return MessageSent(e.order_id, text.strip())


@orders.on()
def validate(e: OrderPlaced) -> OrderValidated | OrderInvalid:
    if not e.lines:
        return OrderInvalid(e.order_id)
    return OrderValidated(e.order_id)


@orders.on()
def turn_down(e: OrderInvalid) -> OrderRejected:
    return OrderRejected(e.order_id)


@orders.on()
def reject(e: PaymentDeclined | FraudSuspected | PaymentRefunded) -> OrderRejected:
    return OrderRejected(e.order_id)


@orders.on(all_of(ParcelDelivered, InvoiceSettled), within="30d")
def close(parcel: ParcelDelivered, invoice: InvoiceSettled) -> OrderClosed:
    return OrderClosed(parcel.order_id)


@fraud.on(timeout="10s")
def score(e: OrderValidated) -> OrderCleared | FraudSuspected:
    suspected = e.order_id.startswith("x")
    return FraudSuspected(e.order_id) if suspected else OrderCleared(e.order_id)


@payment.on(attempts=5)
def authorize(e: OrderCleared) -> PaymentAuthorized | PaymentDeclined:
    try:
        answer = PaymentAuthorized(e.order_id)
    except ValueError:
        return PaymentDeclined(e.order_id)
    return answer


@payment.on()
def capture(e: ParcelHandedOver) -> PaymentCaptured:
    return PaymentCaptured(e.order_id)


@payment.on(compensates=PaymentAuthorized)
def refund(e: StockMissing | StockReturned) -> PaymentRefunded:
    return PaymentRefunded(e.order_id)


@inventory.on()
def reserve(e: PaymentAuthorized) -> StockReserved | StockMissing:
    found = [StockReserved(e.order_id)]
    return found[0] if len(e.order_id) > 1 else StockMissing(e.order_id)


@inventory.on(compensates=StockReserved)
def put_back(e: ItemsBroken | NoCourier) -> StockReturned:
    return StockReturned(e.order_id)


@inventory.on()
def count_returned(e: StockReturned) -> None:
    print(e.order_id)


@packing.on()
def pick(e: StockReserved) -> ItemsPicked:
    return ItemsPicked(e.order_id)


@packing.on()
def pack(e: ItemsPicked) -> ParcelPacked | ItemsBroken:
    match len(e.order_id):
        case 0:
            return ItemsBroken(e.order_id)
        case _:
            return ParcelPacked(e.order_id)


@shipping.on()
def book(e: ParcelPacked) -> CourierBooked | NoCourier:
    result: CourierBooked | NoCourier = NoCourier(e.order_id)
    for _ in range(3):
        result = CourierBooked(e.order_id)
    return result


@shipping.on()
def hand_over(e: CourierBooked) -> ParcelHandedOver:
    return ParcelHandedOver(e.order_id)


@shipping.on()
def track(e: ParcelHandedOver) -> ParcelMoved:
    return ParcelMoved(e.order_id)


@shipping.on()
def follow(e: ParcelMoved) -> ParcelMoved | ParcelDelivered:
    return e if e.order_id else ParcelDelivered(e.order_id)


@invoicing.on()
def bill(e: PaymentCaptured) -> InvoiceSent:
    return InvoiceSent(e.order_id, 995)


@invoicing.on()
def settle(e: InvoiceSent) -> InvoiceSettled | InvoiceOpen:
    outcome = InvoiceSettled if e.cents == 0 else InvoiceOpen
    return outcome(e.order_id)


@invoicing.on()
def remind(e: InvoiceOpen) -> InvoiceSent:
    return InvoiceSent(e.order_id, cents=995)


@invoicing.on()
def file_away(e: InvoiceSettled) -> None: ...


@notification.on()
def tell_validated(e: OrderValidated) -> MessageSent:
    return message(e, "we have it")


@notification.on()
def tell_rejected(e: OrderRejected) -> None:
    message(e, "we cannot")


@notification.on()
def tell_shipped(e: ParcelHandedOver) -> MessageSent | None:
    return message(e, "on its way") if e.order_id else None


@notification.on()
def tell_closed(e: OrderClosed) -> MessageSent:
    return message(e, "thank you")


@notification.on()
def tell_late(e: CourierLate) -> MessageSent:
    return message(e, "sorry")


@notification.on()
def tell_billed(e: InvoiceSent) -> list[MessageSent]:
    return [message(e, text) for text in ("your bill", "please")]


@loyalty.on()
def award(e: OrderClosed) -> PointsAwarded | None:
    return PointsAwarded(e.order_id)


@loyalty.on()
def level(e: PointsAwarded) -> LevelReached | None:
    if e.order_id:
        return LevelReached(e.order_id)
    return None


@loyalty.on()
def congratulate(e: LevelReached) -> MessageSent:
    return message(e, "another level")


@analytics.on()
def count_placed(e: OrderPlaced) -> None: ...


@analytics.on()
def count_invalid(e: OrderInvalid) -> None: ...


@analytics.on()
def count_rejected(e: OrderRejected) -> None: ...


@analytics.on()
def count_closed(e: OrderClosed) -> None: ...


@analytics.on()
def count_cleared(e: OrderCleared) -> None: ...


@analytics.on()
def count_fraud(e: FraudSuspected) -> None: ...


@analytics.on()
def count_authorized(e: PaymentAuthorized) -> None: ...


@analytics.on()
def count_declined(e: PaymentDeclined) -> None: ...


@analytics.on()
def count_captured(e: PaymentCaptured) -> None: ...


@analytics.on()
def count_refunded(e: PaymentRefunded) -> None: ...


@analytics.on()
def count_reserved(e: StockReserved) -> None: ...


@analytics.on()
def count_missing(e: StockMissing) -> None: ...


@analytics.on()
def count_picked(e: ItemsPicked) -> None: ...


@analytics.on()
def count_broken(e: ItemsBroken) -> None: ...


@analytics.on()
def count_packed(e: ParcelPacked) -> None: ...


@analytics.on()
def count_booked(e: CourierBooked) -> None: ...


@analytics.on()
def count_delivered(e: ParcelDelivered) -> None: ...


@analytics.on()
def count_late(e: CourierLate) -> None: ...


@analytics.on()
def sum_invoices(e: FirstInvoiceSent) -> None: ...


@analytics.on()
def count_points(e: PointsAwarded) -> None: ...


app = App("shop")
