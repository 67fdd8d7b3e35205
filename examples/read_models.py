"""Orders kept as events, and three views of one log: where each order is, what is sold, what a customer did.

    python examples/read_models.py

The log is the truth. A view can be thrown away and built anew, and asked what it was at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dalsegno import Aggregate, App, Projection, Retry, event


@event(key="order_id")
@dataclass
class OrderPlaced:
    order_id: str
    customer: str
    cents: int


@event(key="order_id")
@dataclass
class OrderPaid:
    order_id: str
    customer: str
    cents: int


@event(key="order_id")
@dataclass
class OrderShipped:
    order_id: str
    customer: str


@event(key="order_id")
@dataclass
class OrderCancelled:
    order_id: str
    customer: str
    why: str


class CannotDo(Exception):
    """What an order cannot do as it stands."""


class Order(Aggregate, snapshot_every=50):  # commands are decided by what the order's own events have left
    state: str = "new"
    customer: str = ""
    cents: int = 0

    def apply_placed(self, e: OrderPlaced) -> None:
        self.state, self.customer, self.cents = "placed", e.customer, e.cents

    def apply_paid(self, e: OrderPaid) -> None:
        self.state = "paid"

    def apply_shipped(self, e: OrderShipped) -> None:
        self.state = "shipped"

    def apply_cancelled(self, e: OrderCancelled) -> None:
        self.state = "cancelled"

    def place(self, customer: str, cents: int) -> OrderPlaced:
        self._must_be("new")
        return OrderPlaced(self.id, customer, cents)

    def pay(self) -> OrderPaid:
        self._must_be("placed")
        return OrderPaid(self.id, self.customer, self.cents)

    def ship(self) -> OrderShipped:
        self._must_be("paid")
        return OrderShipped(self.id, self.customer)

    def cancel(self, why: str) -> OrderCancelled:
        self._must_be("placed", "paid")
        return OrderCancelled(self.id, self.customer, why)

    def _must_be(self, *states: str) -> None:
        if self.state not in states:
            raise CannotDo(f"order {self.id} is {self.state}")


# -- where each order is


@dataclass
class Status:
    state: str
    customer: str
    steps: int = 1


order_status = Projection("order_status", state=Status)


@order_status.on
def status_placed(e: OrderPlaced, state: Status | None) -> Status:
    return Status("placed", e.customer)


@order_status.on
def status_moved(e: OrderPaid | OrderShipped | OrderCancelled, state: Status | None) -> Status | None:
    to = {OrderPaid: "paid", OrderShipped: "shipped", OrderCancelled: "cancelled"}[type(e)]
    return state and replace(state, state=to, steps=state.steps + 1)


# -- what is sold


@dataclass
class Figures:
    placed: int = 0
    paid: int = 0
    cancelled: int = 0
    cents: int = 0
    by_reason: dict[str, int] = field(default_factory=dict[str, int])


order_analytics = Projection("order_analytics", state=Figures, key=lambda _: "all orders")


@order_analytics.on
def count_placed(e: OrderPlaced, state: Figures | None) -> Figures:
    state = state or Figures()
    return replace(state, placed=state.placed + 1)


@order_analytics.on
def count_paid(e: OrderPaid, state: Figures | None) -> Figures:
    state = state or Figures()
    return replace(state, paid=state.paid + 1, cents=state.cents + e.cents)


@order_analytics.on
def count_cancelled(e: OrderCancelled, state: Figures | None) -> Figures:
    state = state or Figures()
    reasons = state.by_reason | {e.why: state.by_reason.get(e.why, 0) + 1}
    return replace(state, cancelled=state.cancelled + 1, by_reason=reasons)


# -- what a customer did


@dataclass
class History:
    cents: int = 0
    lines: list[str] = field(default_factory=list[str])


customer_history = Projection("customer_history", state=History, key="customer")


@customer_history.on
def remember(e: OrderPlaced | OrderPaid | OrderShipped | OrderCancelled, state: History | None) -> History:
    state = state or History()
    what = {OrderPlaced: "placed", OrderPaid: "paid", OrderShipped: "got", OrderCancelled: "cancelled"}[
        type(e)
    ]
    cents = state.cents + (e.cents if isinstance(e, OrderPaid) else 0)
    return History(cents, [*state.lines, f"{what} {e.order_id}"])


app = App("read_models")

if __name__ == "__main__":
    with app as client:
        at_once = Retry(attempts=20, first="10ms")
        for order_id, customer, cents in (("7", "Ada", 2_000), ("8", "Grace", 500), ("9", "Ada", 900)):
            order = client.aggregate(Order, order_id, retry=at_once)
            try:
                order.run(Order.place, customer, cents)
                order.run(Order.pay)
            except CannotDo as error:  # when the program is started again
                print(error)
        for order_id, command in (("7", Order.ship), ("8", Order.ship), ("8", Order.ship)):
            try:
                client.aggregate(Order, order_id, retry=at_once).run(command)
            except CannotDo as error:
                print(error)
        try:
            client.aggregate(Order, "9").run(Order.cancel, "too late")
        except CannotDo as error:
            print(error)

        projections: list[Projection[Any]] = [order_status, order_analytics, customer_history]
        for projection in projections:
            view = client.projection(projection)
            view.wait()
            for key, row in view.list():
                print(f"{projection.name}: {key}: {row}")
        print("after the third event:", client.projection(order_analytics).get("all orders", as_of=3))
