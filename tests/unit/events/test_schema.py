from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import jsonschema_rs
import msgspec
import pydantic
import pytest

from dalsegno.errors import DefinitionError
from dalsegno.events.types import event, event_type


class Address(pydantic.BaseModel):
    street: str
    country: str = pydantic.Field(default="CH", alias="COUNTRY")


class Person(pydantic.BaseModel):
    home: Address
    work: Address | None = None


class Item(msgspec.Struct):
    sku: Annotated[str, msgspec.Meta(min_length=1)]
    price: Decimal


@event("Ordered")
@dataclasses.dataclass
class Ordered:
    id: str
    at: datetime
    items: list[Item]
    buyer: Person | None = None


@event("Moved")
class Moved(pydantic.BaseModel):
    person: Person
    stars: int = pydantic.Field(ge=1)


def test_the_schema_of_a_class_holds_for_what_is_written_of_it():
    value = Ordered(
        "1", datetime(2026, 1, 1, tzinfo=UTC), [Item("a", Decimal("1.5"))], Person(home=Address(street="x"))
    )
    for kind, instance in (
        (event_type(Ordered), value),
        (event_type(Moved), Moved(person=Person(home=Address(street="x")), stars=3)),
    ):
        valid = jsonschema_rs.validator_for(kind.schema)
        valid.validate(json.loads(kind.encode(instance)))
        assert not valid.is_valid({"id": 5})


def test_models_within_other_classes_are_told_with_all_that_they_refer_to():
    schema = event_type(Ordered).schema
    assert {"Ordered", "Item", "Address"} <= schema["$defs"].keys()
    valid = jsonschema_rs.validator_for(schema)
    wrong = {"id": "1", "at": "2026-01-01T00:00:00Z", "items": [], "buyer": {"home": {"street": 5}}}
    assert [error.instance_path for error in valid.iter_errors(wrong)]


def test_a_schema_is_made_once():
    assert event_type(Moved).schema is event_type(Moved).schema


def test_a_class_that_json_schema_cannot_tell_is_refused_with_its_place():
    class Odd:
        pass

    @event
    class Strange(msgspec.Struct):
        odd: Odd

    with pytest.raises(DefinitionError, match=r"Event Strange .*test_schema.py:\d+. has no JSON Schema"):
        _ = event_type(Strange).schema


def test_two_inner_classes_of_one_name_are_told_apart_by_refusing_them():
    class Address(msgspec.Struct):
        zip: int

    @event
    @dataclasses.dataclass
    class Sent:
        person: Person
        to: Address

    Sent.__annotations__["to"] = Address
    with pytest.raises(DefinitionError, match="two classes within it are called Address"):
        _ = event_type(Sent).schema
