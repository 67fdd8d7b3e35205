"""Cases in which somebody has to act, although nothing of the case itself says so at first sight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dalsegno import App, Client, Process, Retention, Service, event
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Reason
from dalsegno.insight.paint import Style
from dalsegno.insight.render_case import render_case
from tests.events.order_events import CalledOff, Placed, Reserved, Shipped
from tests.helpers.waiting import until


@event(key="order")
@dataclass
class Released:
    order: str


ORDER = Process("order", starts=Placed, ends=Shipped, cancel=CalledOff)


def at_work(folder: Path, *parts: object, **options: object) -> App:
    return App("shop", include=[ORDER, *parts], store=f"sqlite:///{folder}/s.db", **options)  # type: ignore[arg-type]


def where(client: Client, case: str) -> CaseStanding:
    found = client.where(case).case
    assert found is not None
    return found


def failing() -> Service:
    service = Service("shipping")

    @service.on(attempts=1)
    def ship(e: Placed) -> Shipped:
        raise KeyError("sku")

    return service


def test_a_case_behind_the_dead_letter_of_another_case_is_stuck(tmp_path: Path) -> None:
    with at_work(tmp_path, failing()) as client:
        client.emit(Placed("1"), case_id="first")
        until(client.dead_letters.list, "it is a dead letter")
        client.emit(Placed("1"), case_id="second")
        until(lambda: where(client, "second").owed[0].run, "it is behind the first")
        case = where(client, "second")
        listed = {each.id for each in client.cases.stuck().cases}
    assert [each.kind for each in case.reasons][:2] == [Reason.BLOCKED, Reason.DEAD_LETTER]
    assert case.stuck
    assert listed == {"first", "second"}


def test_of_two_events_of_one_type_each_line_says_which_it_is_about(tmp_path: Path) -> None:
    with at_work(tmp_path, failing()) as client:
        client.emit(Placed("1"), case_id="order-1")
        until(client.dead_letters.list, "it is a dead letter")
        one = render_case(where(client, "order-1"), Style())
        client.emit(Placed("1"), case_id="order-1")
        until(lambda: len(where(client, "order-1").owed) == 2, "both are owed")
        two = render_case(where(client, "order-1"), Style())
    assert "owed by shipping.ship: dead letter" in one
    assert "owed by shipping.ship for event 1: dead letter" in two
    assert "owed by shipping.ship for event 2: blocked behind key" in two


def test_a_cancelled_case_whose_undoing_is_a_dead_letter_is_among_the_stuck_ones(tmp_path: Path) -> None:
    stock, mended = Service("stock"), list[bool]()

    @stock.on()
    def reserve(e: Placed) -> Reserved:
        return Reserved(e.order)

    @stock.on(compensates=Reserved, attempts=1)
    def release(e: CalledOff) -> Released:
        if not mended:
            raise OSError("the warehouse does not answer")
        return Released(e.order)

    with at_work(tmp_path, stock) as client:
        client.emit(Placed("1"))
        until(lambda: client.events.list("Reserved"), "it is reserved")
        assert client.cases.cancel("order-1")
        until(client.dead_letters.list, "it is a dead letter")
        stuck, other = client.cases.stuck(), client.cases.stuck("parcel")
        case = where(client, "order-1")
        mended.append(True)
        client.dead_letters.redrive(1)
        until(lambda: client.events.list("Released"), "it is released")
        after = client.cases.stuck()
    assert (case.state, case.stuck) == ("cancelled", True)
    assert [(each.id, each.state, each.why.kind) for each in stuck.cases] == [
        ("order-1", "cancelled", Reason.DEAD_LETTER)
    ]
    assert (stuck.looked, other.cases, after.cases) == (1, (), ())


def test_a_case_whose_beginning_retention_has_removed_says_so(tmp_path: Path) -> None:
    shipping = Service("shipping")

    @shipping.on()
    def ship(e: Placed) -> Shipped:
        return Shipped(e.order)

    with at_work(tmp_path, shipping) as client:
        until(client.services.list, "it is known")
        client.services.pause("shipping")
    with at_work(tmp_path, retention=Retention(events=1, unread=True)) as client:
        client.emit(Placed("1"), Placed("2"), Placed("3"))
    with at_work(tmp_path, retention=Retention(events=1, unread=True)) as client:
        until(lambda: [each.number for each in client.events.list()] == [3], "two events are gone")
        first, last = where(client, "order-1"), where(client, "order-3")
    assert first.why is not None and first.why.evidence is not None
    assert first.why.kind is Reason.RETENTION_PASSED
    assert first.why.evidence["first_left"] == 3
    assert "removed" in first.why.text
    assert first.next[0] == "dalsegno cases cancel order-1"
    assert last.why is not None and last.why.kind is Reason.LACKS_CODE


def test_what_cannot_be_cancelled_is_not_proposed_to_be(tmp_path: Path) -> None:
    for_good, store = Process("parcel", starts=Placed, ends=Shipped), f"sqlite:///{tmp_path}/p.db"
    with App("forgets", include=[for_good], store=store, retention=Retention(events=1)) as client:
        client.emit(Placed("1"), Placed("2"))
    with App("forgets", include=[for_good], store=store, retention=Retention(events=1)) as client:
        until(lambda: [each.number for each in client.events.list()] == [2], "the first one is gone")
        case = where(client, "parcel-1")
    assert case.why is not None and case.why.kind is Reason.RETENTION_PASSED
    assert case.next[0] == "dalsegno cases show parcel-1"


def test_who_had_the_choice_and_did_not_emit_what_is_missing_is_named(tmp_path: Path) -> None:
    shipping, stock = Service("shipping"), Service("stock")

    @shipping.on()
    def ship(e: Placed) -> Shipped | None:
        return None

    @stock.on()
    def reserve(e: Placed) -> Reserved:
        return Reserved(e.order)

    with at_work(tmp_path, shipping, stock) as client:
        client.emit(Placed("1"))
        until(lambda: client.cases.find("1") and where(client, "order-1").stuck, "it is stuck")
        case = where(client, "order-1")
    assert case.why is not None and case.why.kind is Reason.NOT_EMITTED
    assert case.why.text.endswith("; shipping.ship reacted to event 1 without it")
    assert case.why.evidence is not None and case.why.evidence["without"] == ("shipping.ship",)
