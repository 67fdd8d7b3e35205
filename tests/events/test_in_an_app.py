"""What is declared, at work: foreign events, several versions, an App that knows its services."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from dalsegno import App, Service, event, upcast
from dalsegno.errors import DefinitionError, EventRefused, InvalidInput
from dalsegno.events.json_mode import read_batch, read_json
from tests.helpers.waiting import until


@event("com.example.paid", version=1, key="order_id")
@dataclass
class PaidOnce:
    order_id: str
    cents: int


@event("com.example.paid", version=2, key="order_id")
@dataclass
class Paid:
    order_id: str
    cents: int
    currency: str = "EUR"


@upcast
def with_currency(old: PaidOnce) -> Paid:
    return Paid(old.order_id, old.cents, "USD")


def foreign(number: int, **changes: object) -> str:
    said = {"specversion": "1.0", "id": str(number), "source": "/bank", "type": "com.example.paid", **changes}
    return json.dumps({"data": {"order_id": "7", "cents": number, "iban": "x"}, **said})


class Books:
    """A service that writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[Paid] = []
        self.service = Service("books")
        self.service.on(self.enter)

    def enter(self, e: Paid) -> None:
        self.seen.append(e)


def test_a_foreign_event_reaches_the_handlers_of_its_type_and_twice_only_once():
    books = Books()
    with App("books", include=[books.service], store="memory:") as client:
        first = client.emit(read_json(foreign(1)))
        assert client.emit(read_json(foreign(1))) == first
        client.emit(*read_batch(f"[{foreign(1, source='/other')}, {foreign(2, type='com.example.else')}]"))
        client.emit(read_json(foreign(3)))
        until(lambda: len(books.seen) == 3, "three payments")
    assert books.seen == [Paid("7", 1), Paid("7", 1), Paid("7", 3)]


def test_an_event_that_says_its_version_comes_through_the_converters():
    books = Books()
    with App("books", include=[books.service, with_currency], store="memory:") as client:
        client.emit(read_json(foreign(1, version=1)), read_json(foreign(2, version=2)))
        client.emit(PaidOnce("7", 3))
        until(lambda: len(books.seen) == 3, "three payments")
    assert books.seen == [Paid("7", 1, "USD"), Paid("7", 2, "EUR"), Paid("7", 3, "USD")]


def test_foreign_events_of_one_key_keep_their_order_by_the_key_that_the_class_declares():
    books = Books()
    with App("books", include=[books.service], store="memory:") as client:
        client.emit(*(read_json(foreign(number)) for number in range(1, 51)))
        until(lambda: len(books.seen) == 50, "fifty payments")
    assert [paid.cents for paid in books.seen] == list(range(1, 51))


def test_a_malformed_event_writes_nothing():
    books = Books()
    with App("books", include=[books.service], store="memory:") as client:
        with pytest.raises(EventRefused):
            client.emit(*read_batch(f"[{foreign(1)}, {foreign(2, id='')}]"))
        client.emit(read_json(foreign(3)))
        until(lambda: books.seen, "a payment")
    assert books.seen == [Paid("7", 3)]


def test_one_id_for_several_events_or_for_one_that_has_its_own_is_refused():
    with App("books", include=[PaidOnce], store="memory:") as client:
        with pytest.raises(InvalidInput, match="The id 'a' was given for 2 events"):
            client.emit(PaidOnce("7", 1), PaidOnce("7", 2), id="a")
        with pytest.raises(InvalidInput, match="The id 'a' was given for a CloudEvent, which has its own"):
            client.emit(read_json(foreign(1)), id="a")
        assert client.emit(PaidOnce("7", 1), id="a") == client.emit(PaidOnce("7", 1), id="a")


def test_a_declaration_that_names_what_never_comes_stops_the_app_from_starting():
    lost = Service("lost")

    @lost.on
    def wait(e: Nowhere) -> None: ...  # noqa: F821

    with (
        pytest.raises(DefinitionError, match="'Nowhere' is not defined"),
        App("a", include=[lost], store="memory:"),
    ):
        pass
