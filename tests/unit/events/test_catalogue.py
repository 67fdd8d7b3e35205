from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from dalsegno import saga, workflow
from dalsegno.errors import DefinitionError
from dalsegno.events.catalogue import Catalogue
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
    found = Catalogue()
    found.add([sys.modules[__name__]])
    found.check()
    assert list(found.services.values()) == [payments]
    assert list(found.processes.values()) == [order]
    assert found.types.of("Placed", 1) is event_type(Placed)
    assert [handler.title for handler in found.handlers] == ["payments.settle"]
    assert found.workflows == [settle]


def test_a_service_brings_the_events_that_it_names():
    found = Catalogue()
    assert found.take(payments) and found.take(payments)
    found.check()
    assert set(found.types.all) == {("Placed", 1), ("Paid", 1)}
    alone = Catalogue()
    assert alone.take(order)
    alone.check()
    assert set(alone.types.all) == {("Placed", 1), ("Paid", 1)}


def test_what_is_not_ours_is_left_to_others():
    found = Catalogue()
    assert not found.take(settle)
    assert not found.take(5)
    found.add([5, ModuleType("empty")])
    found.check()
    assert not found.types.all and not found.services and not found.processes


def test_two_services_or_processes_of_one_name_are_refused_with_both_places():
    for first, second in (
        (Service("a"), Service("a")),
        (Process("a", starts=Placed, ends=Paid), Process("a", starts=Paid, ends=Placed)),
    ):
        found = Catalogue()
        found.take(first)
        with pytest.raises(
            DefinitionError, match=r"two declarations of \w+ a: .*test_catalogue.py:\d+ and .*\.py:\d+"
        ):
            found.take(second)


def test_an_event_that_starts_two_processes_is_refused():
    found = Catalogue()
    found.add([order, Process("other", starts=Placed, ends=Paid)])
    with pytest.raises(DefinitionError, match=r"Placed starts two processes: order .* and other"):
        found.check()


def test_the_case_of_an_event_from_outside_is_that_of_the_process_that_it_starts():
    found = Catalogue()
    found.take(order)
    assert found.case_of("Placed", "7") == "order-7"
    assert found.case_of("Paid", "7") is None
    assert found.case_of("Placed", None) is None


def test_a_decorator_in_the_wrong_order_is_told_since_the_reaction_would_be_no_run():
    shipping = Service("shipping")

    @workflow
    @shipping.on
    def ship(e: Paid) -> None: ...

    found = Catalogue()
    found.take(shipping)
    found.check()
    with pytest.raises(DefinitionError, match=r"shipping\.ship .* is below the decorator of workflow"):
        found.check([ship])
