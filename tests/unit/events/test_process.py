from __future__ import annotations

from dataclasses import dataclass

import pytest

from dalsegno.errors import DefinitionError
from dalsegno.events.process import Process
from dalsegno.events.types import event, event_type
from dalsegno.events.ways import all_of


@event(key="order_id")
@dataclass
class Placed:
    order_id: str


@event(key="order_id")
@dataclass
class Imported:
    order_id: str


@event(key="order_id")
@dataclass
class Cancelled:
    order_id: str


@event
@dataclass
class Billed:
    order_id: str


@event
@dataclass
class Notified:
    order_id: str


@event
@dataclass
class Rejected:
    order_id: str


def test_a_process_says_what_starts_ends_and_cancels_a_case_and_when_it_is_due():
    order = Process(
        "order",
        starts=Placed | Imported,
        ends=all_of(Billed, Notified) | Rejected,
        cancel=Cancelled,
        due="10m",
        keys={"payment": "payment_id"},
        tracking="stamp",
    )
    assert order.starts == (event_type(Placed), event_type(Imported))
    assert order.ends.sets == ((event_type(Billed), event_type(Notified)), (event_type(Rejected),))
    assert order.cancel is event_type(Cancelled)
    assert order.due == 600_000_000
    assert order.case_of("123") == "order-123"
    assert {kind.name for kind in order.types} == {
        "Placed", "Imported", "Billed", "Notified", "Rejected", "Cancelled"
    }  # fmt: skip
    assert order.declaration() == {
        "name": "order",
        "starts": [("Placed", 1), ("Imported", 1)],
        "ends": [[("Billed", 1), ("Notified", 1)], [("Rejected", 1)]],
        "cancel": ("Cancelled", 1),
        "due": 600_000_000,
        "keys": {"payment": "payment_id"},
        "tracking": "stamp",
        "cancel_key": "order_id",
        "place": order.place,
    }


def test_the_ends_may_be_one_event_or_one_of_several():
    assert Process("p", starts=Placed, ends=Billed).ends.sets == ((event_type(Billed),),)
    assert Process("p", starts=Placed, ends=Billed | Rejected).ends.sets == (
        (event_type(Billed),),
        (event_type(Rejected),),
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"starts": int, "ends": Billed}, "starts= of process order: int is no event"),
        ({"starts": Placed, "ends": "Billed"}, "ends= of process order names Billed, which is no class"),
        ({"starts": Placed, "ends": Billed | None}, "ends= of process order: NoneType is no event"),
        ({"starts": Placed, "ends": Billed, "cancel": Cancelled | Rejected}, "cancel= of process order"),
        ({"starts": Billed, "ends": Rejected}, "Billed (version 1) has no key"),
        ({"starts": Placed, "ends": Billed, "cancel": Rejected}, "Rejected (version 1) has no key"),
        ({"starts": Placed, "ends": Billed, "cancel": Placed}, "Placed both starts and cancels a case"),
        ({"starts": Placed, "ends": Billed | Placed}, "a case ends as it starts, with Placed"),
        ({"starts": Placed | Imported, "ends": all_of(Placed, Imported)}, "a case ends as it starts"),
        ({"starts": Placed, "ends": Billed, "due": "soon"}, "due= of process order"),
        ({"starts": Placed, "ends": Billed, "keys": {"payment": ""}}, "keys= of process order"),
        ({"starts": Placed, "ends": Billed, "keys": {"payment": 3}}, "keys= of process order"),
        ({"starts": Placed, "ends": Billed, "tracking": "guess"}, "tracking= of process order"),
    ],
)
def test_a_process_that_cannot_be_is_refused_where_it_stands(options, reason):
    with pytest.raises(DefinitionError) as caught:
        Process("order", **options)
    assert reason in str(caught.value)


def test_a_name_that_cannot_serve_as_an_id_is_refused():
    with pytest.raises(DefinitionError, match="name of a process"):
        Process("", starts=Placed, ends=Billed)
