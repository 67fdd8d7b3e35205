"""One picture for each way in which an order goes, and for a ticket that a run and services share.

Each is on the page about ``where`` too, and is held to it: to the letter, but for times and lengths of time.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Process, Retry, Service, event
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Reason
from dalsegno.insight.paint import Style
from dalsegno.insight.render_case import render_case
from tests.docs import pages
from tests.helpers.waiting import until

EXAMPLES = pages.ROOT / "examples"
PAGE = pages.ROOT / "docs/how-to/where-is-order-123.md"


@pytest.fixture
def shop() -> Iterator[Any]:
    """Import the order of five services, anew for each test."""
    yield from _imported("choreography")


@pytest.fixture
def desk() -> Iterator[Any]:
    """Import the ticket, anew for each test."""
    yield from _imported("ticket_lifecycle")


def _imported(name: str) -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location(f"the_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@contextmanager
def at_work(tmp_path: Path, *parts: Any) -> Iterator[Client]:
    with App("pictures", include=parts, store=f"sqlite:///{tmp_path}/p.db") as client:
        yield client


def services(shop: Any, *without: Any) -> list[Any]:
    every = [shop.payment, shop.inventory, shop.shipping, shop.orders, shop.notification]
    return [each for each in every if each not in without]


def where(client: Client, case: str) -> CaseStanding:
    found = client.where(case).case
    assert found is not None
    return found


def ended(client: Client, case: str) -> CaseStanding:
    until(lambda: bool(client.cases.find(case)) and where(client, case).state != "open", f"{case} is over")
    return where(client, case)


def names(case: CaseStanding) -> list[str]:
    return [line.name for line in case.trail]


def is_on_the_page(case: CaseStanding, *, side_by_side: Sequence[str] = ()) -> None:
    """Hold a picture to the one that the page shows of the case of that name.

    Events that come ``side_by_side`` may come in any order, and any of them may be the last.
    """
    asked = f"dalsegno where {case.id}"
    consoles = (block for block in pages.blocks(PAGE) if block.language == "console")
    shown = [one.output for block in consoles for one in pages.commands(block) if one.line == asked]
    assert len(shown) == 1, f"the page shows {len(shown)} pictures of {case.id}"
    came = render_case(case, Style()).splitlines()
    problem = pages.differences(_ordered(shown[0], side_by_side), "\n".join(_ordered(came, side_by_side)))
    assert not problem, problem


def _ordered(lines: list[str], free: Sequence[str]) -> list[str]:
    head, *rest = lines
    for name in free:
        head = head.replace(f"ended with {name}", "ended")
    moved = sorted(line for line in rest if line.split()[1] in free)
    first = next((place for place, line in enumerate(rest) if line in moved), 0)
    kept = [line for line in rest if line not in moved]
    return [head, *kept[:first], *moved, *kept[first:]]


def test_a_healthy_order(shop: Any, tmp_path: Path) -> None:
    with at_work(tmp_path, *services(shop), shop.order) as client:
        client.emit(shop.OrderPlaced("124", Decimal(20)))
        case = ended(client, "order-124")
    assert names(case) == [
        "OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderShipped", "ConfirmationSent",
    ]  # fmt: skip
    assert (case.kind, case.state, case.end) == ("choreography", "ended", "ConfirmationSent")
    assert not case.reasons and not case.owed and not case.to_undo and not case.strays
    assert case.late is None
    is_on_the_page(case)


def test_a_compensated_order(shop: Any, tmp_path: Path) -> None:
    with at_work(tmp_path, *services(shop), shop.order) as client:
        client.emit(shop.OrderPlaced("127", Decimal(20), city="Atlantis"))
        case = ended(client, "order-127")
    assert names(case)[3:] == ["NoCourier", "StockReleased", "PaymentRefunded", "OrderRejected"]
    assert (case.end, case.to_undo, case.reasons) == ("OrderRejected", (), ())
    assert set(case.unreachable) >= {"OrderShipped", "ConfirmationSent"}
    is_on_the_page(case)


def couriers(shop: Any, **options: Any) -> tuple[Service, list[str]]:
    """Make a shipping service whose courier does not answer until one is called."""
    service, called = Service("shipping"), list[str]()

    def ship(e: Any) -> Any:
        if not called:
            raise OSError("no courier answers")
        return shop.OrderShipped(e.order_id)

    ship.__annotations__ = {"e": shop.StockReserved, "return": shop.OrderShipped | shop.NoCourier}
    service.on(name="ship", **options)(ship)
    return service, called


def test_a_dead_lettered_order(shop: Any, tmp_path: Path) -> None:
    shipping, called = couriers(shop, retry=Retry(attempts=2, first="10ms"))
    with at_work(tmp_path, *services(shop, shop.shipping), shipping, shop.order) as client:
        client.emit(shop.OrderPlaced("126", Decimal(20)))
        until(client.dead_letters.list, "it is a dead letter")
        case = where(client, "order-126")
        called.append("one")
        client.dead_letters.redrive(1)
        after = ended(client, "order-126")
    (owed,) = case.owed
    assert (owed.by, owed.gives, owed.why.kind) == (
        "shipping.ship", ("OrderShipped", "NoCourier"), Reason.DEAD_LETTER,
    )  # fmt: skip
    assert case.stuck and case.next[1] == "dalsegno dead-letters redrive 1"
    is_on_the_page(case)
    assert after.end == "ConfirmationSent"
    assert [line.said for line in after.trail if line.name == "OrderShipped"] == ["redriven"]


def retries(client: Client, case: str) -> bool:
    owed = where(client, case).owed if client.cases.find(case) else ()
    return any(each.why.kind is Reason.RETRY for each in owed)


def test_an_order_that_is_tried_again_later(shop: Any, tmp_path: Path) -> None:
    shipping, _ = couriers(shop, retry=Retry(attempts=5, first="10m", max="1h"))
    with at_work(tmp_path, *services(shop, shop.shipping), shipping, shop.order) as client:
        client.emit(shop.OrderPlaced("125", Decimal(20)))
        until(lambda: retries(client, "order-125"), "it is to be tried again")
        case = where(client, "order-125")
    assert (case.stuck, [each.by for each in case.owed]) == (False, ["shipping.ship"])
    is_on_the_page(case)


def test_a_retried_order(shop: Any, tmp_path: Path) -> None:
    shipping, called = couriers(shop, retry=Retry(attempts=None, first="200ms", factor=1))
    with at_work(tmp_path, *services(shop, shop.shipping), shipping, shop.order) as client:
        client.emit(shop.OrderPlaced("1", Decimal(20)))
        until(lambda: retries(client, "order-1"), "it is tried again")
        called.append("one")
        case = ended(client, "order-1")
    (line,) = [line for line in case.trail if line.name == "OrderShipped"]
    assert line.by == "shipping.ship"
    assert line.said.startswith("attempt ")
    assert line.took is not None and line.took > 0


def test_a_cancelled_order(shop: Any, tmp_path: Path) -> None:
    @event("OrderCancelled", key="order_id")
    class OrderCancelled(shop.OfOrder): ...

    shipping, _ = couriers(shop, attempts=1)
    undoing = Service("undoing")

    def undo(e: Any) -> Any:
        return shop.StockReleased(e.order_id)

    undo.__annotations__ = {"e": OrderCancelled, "return": shop.StockReleased}
    undoing.on(name="undo", compensates=shop.StockReserved)(undo)
    process = Process(
        "order",
        starts=shop.OrderPlaced,
        ends=shop.ConfirmationSent | shop.OrderRejected,
        cancel=OrderCancelled,
    )
    with at_work(tmp_path, *services(shop, shop.shipping), shipping, undoing, process) as client:
        client.emit(shop.OrderPlaced("128", Decimal(20)))
        until(client.dead_letters.list, "it is a dead letter")
        client.cancel_case(OrderCancelled("128"))
        until(lambda: "StockReleased" in names(where(client, "order-128")), "it is undone")
        until(lambda: "OrderRejected" in names(where(client, "order-128")), "it is rejected")
        case = where(client, "order-128")
    assert (case.state, case.end) == ("cancelled", "OrderCancelled")
    assert not case.to_undo
    is_on_the_page(case)


def test_a_ticket_is_one_picture_and_who_came_later_is_in_it(desk: Any, tmp_path: Path) -> None:
    reacting = [desk.billing, desk.survey, desk.notification]
    with at_work(tmp_path, desk.support, *reacting, desk.ticket) as client:
        client.start(desk.support, "7", id="support-7", case_id="ticket-7")

        def waits() -> bool:
            case = where(client, "ticket-7")
            return [each.why.kind for each in case.owed] == [Reason.SIGNAL]

        until(waits, "it waits for its answer")
        before = where(client, "ticket-7")
        client.signal("support-7", "off and on", name="answer")
        first = ended(client, "ticket-7")
    with at_work(tmp_path, desk.support, *reacting, desk.quality, desk.ticket) as client:
        client.start(desk.support, "8", id="support-8", case_id="ticket-8")
        client.signal("support-8", "off and on", name="answer")
        ended(client, "ticket-8")
        until(lambda: "QualityReviewed" in names(where(client, "ticket-8")), "it is reviewed")
        second = where(client, "ticket-8")
    is_on_the_page(before)
    is_on_the_page(second, side_by_side=("Billed", "Surveyed", "Notified", "QualityReviewed"))
    assert before.kind in ("hybrid", "orchestration")
    assert [line.name for line in before.trail] == ["TicketOpened", "assign_expert", "tell_expert"]
    assert (before.owed[0].by, before.owed[0].run) == ("support", "support-7")
    assert {"Billed", "Surveyed", "Notified"} <= {each.type for each in before.then}
    assert first.kind == second.kind == "hybrid"
    assert {"TicketOpened", "assign_expert", "TicketResolved", "Billed", "Surveyed", "Notified"} <= set(
        names(first)
    )
    assert set(names(second)) - set(names(first)) == {"QualityReviewed"}
    assert [line.by for line in second.trail if line.name == "QualityReviewed"] == ["quality.review"]
