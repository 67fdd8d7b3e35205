"""The three views of the example equal folds of the log that know nothing of it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Retry
from examples import read_models
from examples.read_models import CannotDo, Order, customer_history, order_analytics, order_status

AT_ONCE = Retry(attempts=50, first="10ms", max="20ms")


def shop(client: Client, many: int, seed: int) -> int:
    """Give orders random commands, and count those that were refused."""
    rng, refused = random.Random(seed), 0
    for number in range(many):
        order = client.aggregate(Order, f"o-{rng.randrange(1 + number // 4)}", retry=AT_ONCE)
        try:
            match rng.randrange(5):
                case 0 | 1:
                    order.run(Order.place, f"c-{rng.randrange(6)}", rng.randrange(1, 900))
                case 2:
                    order.run(Order.pay)
                case 3:
                    order.run(Order.ship)
                case 4:
                    order.run(Order.cancel, rng.choice(["late", "dear"]))
        except CannotDo:
            refused += 1
    return refused


def lines(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """Read the log as plain data: types and fields, nothing of the example's code."""
    found: list[tuple[str, dict[str, Any]]] = []
    after = 0
    while page := client.events.list(after=after, limit=500):
        found += [(one.type, one.data) for one in page]
        after = page[-1].number
    return found


def statuses(log: list[tuple[str, dict[str, Any]]]) -> dict[str, tuple[str, str, int]]:
    steps = Counter(data["order_id"] for _, data in log)
    last = {data["order_id"]: type_.removeprefix("Order").lower() for type_, data in log}
    customers = {data["order_id"]: data["customer"] for _, data in log}
    return {order: (last[order], customers[order], steps[order]) for order in last}


def figures(log: list[tuple[str, dict[str, Any]]]) -> tuple[int, int, int, int, dict[str, int]]:
    count = Counter(type_ for type_, _ in log)
    reasons = Counter(data["why"] for type_, data in log if type_ == "OrderCancelled")
    cents = sum(data["cents"] for type_, data in log if type_ == "OrderPaid")
    return count["OrderPlaced"], count["OrderPaid"], count["OrderCancelled"], cents, dict(reasons)


def histories(log: list[tuple[str, dict[str, Any]]]) -> dict[str, tuple[int, list[str]]]:
    said = {
        "OrderPlaced": "placed",
        "OrderPaid": "paid",
        "OrderShipped": "got",
        "OrderCancelled": "cancelled",
    }
    found: dict[str, list[Any]] = defaultdict(lambda: [0, []])
    for type_, data in log:
        found[data["customer"]][0] += data["cents"] if type_ == "OrderPaid" else 0
        found[data["customer"]][1].append(f"{said[type_]} {data['order_id']}")
    return {customer: (cents, what) for customer, (cents, what) in found.items()}


def check(client: Client, log: list[tuple[str, dict[str, Any]]], as_of: int | None) -> None:
    rows = client.projection(order_status).list(limit=1_000, as_of=as_of)
    assert {key: (row.state, row.customer, row.steps) for key, row in rows} == statuses(log)
    row = client.projection(order_analytics).get("all orders", as_of=as_of)
    sums = (
        (0, 0, 0, 0, {}) if row is None else (row.placed, row.paid, row.cancelled, row.cents, row.by_reason)
    )
    assert sums == figures(log)
    people = client.projection(customer_history).list(limit=1_000, as_of=as_of)
    assert {key: (row.cents, row.lines) for key, row in people} == histories(log)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_each_view_is_the_fold_of_the_log_now_and_as_of_any_time_and_rebuilt(
    kind: str, tmp_path: Path
) -> None:
    store = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/views.db"
    with App("views", include=[read_models], store=store) as client:
        refused = shop(client, 500, seed=7)
        log = lines(client)
        assert len(log) + refused == 500, "each command either decided on one event, or was refused"
        views = [client.projection(one) for one in (order_status, order_analytics, customer_history)]
        for view in views:
            view.wait(len(log))
        check(client, log, None)
        for number in range(0, len(log) + 1, 37):
            check(client, log[:number], number)
        for view in views:
            view.rebuild()
        shop(client, 100, seed=8)
        log = lines(client)
        for view in views:
            while view.info().building is not None or view.info().lag_events:
                view.wait(len(log))
            assert view.info().generation == 2
        check(client, log, None)
