"""A service as an AsyncAPI 3 document: its parts, its references, and schemas that hold the events."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

from dalsegno import Service, all_of, event, upcast
from dalsegno.events.contracts.asyncapi import asyncapi
from dalsegno.events.types import event_type


@dataclass
class Line:
    sku: str
    price: Decimal
    place: tuple[float, str]


@event("shop/order placed", version=1, key="order_id")
@dataclass
class First:
    order_id: str


@event("shop/order placed", version=2, key="order_id")
@dataclass
class Placed:
    order_id: str
    lines: list[Line]
    before: "Line | None" = None


class Money(BaseModel):
    cents: int


@event(key="order_id")
class Paid(BaseModel):
    order_id: str
    money: Money


@event(key="order_id")
@dataclass
class Declined:
    order_id: str


@event(key="order_id", nobody=True)
@dataclass
class Noted:
    order_id: str


@upcast
def to_placed(old: First) -> Placed:
    return Placed(old.order_id, [])


payments = Service("payments")
EXAMPLE = Placed("7", [Line("a", Decimal("9.99"), (1.5, "x"))])


@payments.on(emits=Noted, examples=[EXAMPLE])
def authorize(e: Placed | First) -> Paid | Declined | None: ...


@payments.on(all_of(Paid, Declined), examples=None)
def join(paid: Paid, declined: Declined) -> tuple[Noted, list[Declined]]: ...


@payments.on(examples=[{"order_id": "9"}])
def forget(e: Declined) -> None: ...


@pytest.fixture
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(asyncapi(payments, version="2.1.0")))
    return made


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def test_the_document_has_the_parts_that_the_standard_asks_for(document: dict[str, Any]):
    assert document["asyncapi"] == "3.0.0"
    assert document["info"] == {"title": "payments", "version": "2.1.0"}
    assert set(document) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    for name in (*document["channels"], *document["operations"], *document["components"]["schemas"]):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", name)


def test_every_reference_leads_to_something_in_the_document(document: dict[str, Any]):
    found = list(references(document))
    assert len(found) > 20
    for each in found:
        assert isinstance(resolved(document, each), dict)


def test_each_event_is_a_channel_with_a_message_for_each_version(document: dict[str, Any]):
    addresses = {channel["address"]: channel["messages"] for channel in document["channels"].values()}
    assert set(addresses) == {"shop/order placed", "Paid", "Declined", "Noted"}
    assert len(addresses["shop/order placed"]) == 2 and len(addresses["Paid"]) == 1


def test_what_handlers_take_is_received_and_what_they_give_is_sent(document: dict[str, Any]):
    operations: dict[str, set[str]] = {"receive": set(), "send": set()}
    for operation in document["operations"].values():
        channel = resolved(document, operation["channel"]["$ref"])
        operations[operation["action"]].add(channel["address"])
        for message in operation["messages"]:  # the standard: of the operation's own channel
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
    assert operations == {
        "receive": {"shop/order placed", "Paid", "Declined"},
        "send": {"Paid", "Declined", "Noted"},
    }


@pytest.mark.parametrize(
    "example", [EXAMPLE, Paid(order_id="7", money=Money(cents=3)), Declined("7"), First("7")]
)
def test_payload_schemas_take_what_is_written_and_nothing_else(document: dict[str, Any], example: Any):
    kind = event_type(example)
    (message,) = [
        each
        for each in document["components"]["messages"].values()
        if (each["name"], each["x-event-version"]) == kind.named
    ]
    schema = {**message["payload"], "components": document["components"]}
    validator = jsonschema_rs.Draft7Validator(schema)
    data = json.loads(kind.encode(example))
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, "order_id": 7})
    if example is EXAMPLE:
        data["lines"][0]["place"] = ["x", 1.5]
        assert not validator.is_valid(data)


def test_examples_of_handlers_are_examples_of_their_messages(document: dict[str, Any]):
    examples = {
        (each["name"], each["x-event-version"]): [one["payload"] for one in each.get("examples", [])]
        for each in document["components"]["messages"].values()
    }
    assert examples["Declined", 1] == [{"order_id": "9"}]
    assert examples["shop/order placed", 2] == [json.loads(event_type(EXAMPLE).encode(EXAMPLE))]
    assert examples["shop/order placed", 1] == []
