from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from dalsegno import saga, workflow
from dalsegno.errors import DefinitionError
from dalsegno.events.envelope import Envelope
from dalsegno.events.known import Known
from dalsegno.events.process import Process
from dalsegno.events.service import Service
from dalsegno.events.types import event, event_type


@event(key="order_id")
@dataclass
class Placed:
    order_id: str


@event(key="order_id")
@dataclass
class Paid:
    order_id: str


payments = Service("payments")


@payments.on
@saga
def settle(e: Placed) -> Paid | None: ...


order = Process("order", starts=Placed, ends=Paid)


def test_a_modules_services_processes_and_events_are_found_among_its_globals():
    found = Known()
    found.add([sys.modules[__name__]])
    found.check()
    assert list(found.services.values()) == [payments]
    assert list(found.processes.values()) == [order]
    assert found.types.of("Placed", 1) is event_type(Placed)
    assert [handler.title for handler in found.services["payments"].handlers.values()] == ["payments.settle"]


def test_a_service_brings_the_events_that_it_names():
    found = Known()
    assert found.take(payments) and found.take(payments)
    found.check()
    assert set(found.types.all) == {("Placed", 1), ("Paid", 1)}
    alone = Known()
    assert alone.take(order)
    alone.check()
    assert set(alone.types.all) == {("Placed", 1), ("Paid", 1)}


def test_what_is_not_ours_is_left_to_others():
    found = Known()
    assert not found.take(settle)
    assert not found.take(5)
    module = ModuleType("empty")
    assert found.add([5, order, module, settle]) == [5, module, settle]
    found = Known()
    found.add_found({"a": 5, "b": settle})
    found.check()
    assert not found.types.all and not found.services and not found.processes


def test_two_services_or_processes_of_one_name_are_refused_with_both_places():
    for first, second in (
        (Service("a"), Service("a")),
        (Process("a", starts=Placed, ends=Paid), Process("a", starts=Paid, ends=Placed)),
    ):
        found = Known()
        found.take(first)
        with pytest.raises(
            DefinitionError, match=r"two definitions of \w+ a: .*test_known.py:\d+ and .*\.py:\d+"
        ):
            found.take(second)


def test_an_event_that_starts_two_processes_is_refused():
    found = Known()
    found.add([order, Process("other", starts=Placed, ends=Paid)])
    with pytest.raises(DefinitionError, match=r"Placed starts two processes: order .* and other"):
        found.check()


def test_the_case_of_an_event_from_outside_is_that_of_the_process_that_it_starts():
    found = Known()
    found.take(order)
    assert found.case_of("Placed", "7") == "order-7"
    assert found.case_of("Paid", "7") is None
    assert found.case_of("Placed", None) is None


def test_a_decorator_in_the_wrong_order_is_told_since_the_reaction_would_be_no_run():
    shipping = Service("shipping")

    @workflow
    @shipping.on
    def ship(e: Paid) -> None: ...

    found = Known()
    found.take(shipping)
    found.check()
    found.take(ship)
    with pytest.raises(DefinitionError, match=r"shipping\.ship .* is below the decorator of workflow"):
        found.check()


def test_a_foreign_event_gets_the_key_that_its_class_declares():
    found = Known()
    found.take(order)

    def key(data: bytes | None, type: str = "Placed", **said: str) -> str | None:
        envelope = Envelope(id="1", source="/s", type=type, data=data, extensions=said)
        made = found.accept(envelope, "default")
        assert made is not None
        return made.key

    assert key(b'{"order_id": "7", "more": 1}') == "7"
    assert key(b'{"order_id": "7"}', key="8") == "8"
    assert key(b'{"order_id": "7"}', version="9") == "7"
    assert key(b'{"order_id": ""}') is None
    assert key(b'{"id": "7"}') is None
    assert key(b"5") is None
    assert key(None) is None
    assert key(b'{"order_id": "7"}', type="Unknown") is None
    assert found.accept(Placed("7"), "default") is None


def test_a_foreign_event_without_a_version_gets_its_key_by_the_newest_class_that_reads_it() -> None:
    @event("Weighed", version=1, key="parcel")
    @dataclass
    class Old:
        parcel: str

    @event("Weighed", version=2, key="number")
    @dataclass
    class New:
        number: int

    known = Known()
    for kind in (Old, New):
        known.take(kind)
    for data, key in ((b'{"parcel": "a"}', "a"), (b'{"number": 7, "parcel": "a"}', "7"), (b"{}", None)):
        accepted = known.accept(Envelope(id="1", source="/a", type="Weighed", data=data), "default")
        assert accepted is not None
        assert accepted.key == key
