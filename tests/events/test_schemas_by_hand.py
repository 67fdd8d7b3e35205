"""Schemas that somebody wrote by hand, in Avro or as JSON Schema: registered, held to, and read by classes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from dalsegno import App, Service, event
from dalsegno.errors import EventRefused, InvalidInput, SchemaRefused
from dalsegno.events.json_mode import read_json
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8")

needs_avro = pytest.mark.skipif(find_spec("fastavro") is None, reason="the extra avro is not installed")

PAID: dict[str, Any] = {
    "type": "record",
    "name": "Paid",
    "namespace": "bank",
    "fields": [
        {"name": "order_id", "type": "string"},
        {"name": "cents", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "way", "type": {"type": "enum", "name": "Way", "symbols": ["CARD", "CASH"]}},
        {"name": "parts", "type": {"type": "array", "items": "Paid"}, "default": []},
        {"name": "tags", "type": {"type": "map", "values": "double"}, "default": {}},
    ],
}
GOOD = {"order_id": "a", "cents": 5, "way": "CARD", "parts": [{"order_id": "b", "cents": 1, "way": "CASH"}]}


@event("Paid", version=1, key="order_id")
@dataclass
class Paid:
    order_id: str
    cents: int
    way: Literal["CARD", "CASH", "LATER"]
    note: str | None = None


@event("Paid", version=1)
@dataclass
class Narrow:
    order_id: str
    way: Literal["CARD"]


@event("Paid", version=2)
@dataclass
class Later:
    order_id: str
    cents: float
    by: str = ""


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


def app(address: str, *include: object, **options: Any) -> App:
    return App("shop", include=include, store=address, **options)


def foreign(data: Any, **said: Any) -> Any:
    about = {"specversion": "1.0", "id": "1", "source": "/bank", "type": "Paid", "version": 1, **said}
    return read_json(json.dumps({**about, "data": data}))


@needs_avro
@pytest.mark.parametrize(
    "wrong",
    [
        {**GOOD, "cents": "5"},
        {**GOOD, "way": "LATER"},
        {"order_id": "a", "way": "CARD"},
        {**GOOD, "parts": [{"order_id": "b"}]},
        {**GOOD, "tags": {"x": "y"}},
        "Paid",
    ],
    ids=str,
)
def test_an_event_from_outside_is_held_to_its_avro_schema(address: str, wrong: Any):
    with app(address, slots=0) as client:
        client.schemas.register("Paid", 1, PAID, format="avro")
        with pytest.raises(EventRefused, match="not as Paid v1 has it"):
            client.emit(foreign(wrong))
        with pytest.raises(EventRefused, match="not as Paid v1 has it"):
            client.emit(foreign(wrong, version=None))
        assert client.events.list() == []
        client.emit(foreign(GOOD))


@needs_avro
def test_a_class_that_reads_what_an_avro_schema_admits_handles_it_and_is_not_registered(address: str):
    ledger = Service("ledger")
    booked: list[Paid] = []

    @ledger.on
    def book(e: Paid) -> None:
        booked.append(e)

    with app(address, slots=0) as client:
        assert client.schemas.register("Paid", 1, json.dumps(PAID), format="avro")
        assert not client.schemas.register("Paid", 1, PAID, format="avro")
    with app(address, ledger) as client:
        client.emit(foreign(GOOD))
        client.emit(Paid("c", 7, "CASH"))
        until(lambda: len(booked) == 2, "both are booked")
        assert not client.schemas.register("Paid", 1, PAID, format="avro")
    assert booked == [Paid("a", 5, "CARD"), Paid("c", 7, "CASH")]


@needs_avro
def test_a_class_that_does_not_read_what_an_avro_schema_admits_stops_the_worker(address: str):
    with app(address, slots=0) as client:
        client.schemas.register("Paid", 1, PAID, format="avro")
    with (
        pytest.raises(SchemaRefused, match="the class does not read what is registered") as raised,
        app(address, Narrow),
    ):
        pass
    (verdict,) = raised.value.findings[0].admission.verdicts
    assert [(each.path, each.rule) for each in verdict.incompatibilities] == [("$.way", "values_narrowed")]


@needs_avro
def test_a_class_of_a_later_version_reads_events_of_an_avro_schema_as_they_are(address: str):
    ledger = Service("ledger")
    booked: list[Later] = []

    @ledger.on
    def book(e: Later) -> None:
        booked.append(e)

    with app(address, slots=0) as client:
        client.schemas.register("Paid", 1, PAID, format="avro")
        client.emit(foreign(GOOD))
    with app(address, ledger):
        until(lambda: booked, "it is booked")
    assert booked == [Later("a", 5.0)]


@needs_avro
def test_versions_in_avro_are_held_to_each_other_as_their_mode_says(address: str):
    wanting = {**PAID, "fields": [*PAID["fields"], {"name": "by", "type": "string"}]}
    with app(address, slots=0) as client:
        client.schemas.register("Paid", 1, PAID, format="avro")
        with pytest.raises(SchemaRefused, match="does not find `by`"):
            client.schemas.register("Paid", 2, wanting, format="avro")
        with pytest.raises(SchemaRefused, match="registered with another schema"):
            client.schemas.register("Paid", 1, wanting, format="avro")
        with pytest.raises(SchemaRefused, match="reads json; a v1 emitter writes avro"):
            client.schemas.register("Paid", 2, {"type": "object"})
        assert client.schemas.register("Paid", 2, wanting, format="avro", compatibility="none")


def test_what_is_written_by_hand_as_json_schema_is_held_to_as_well(address: str):
    schema = {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "cents": {"type": "integer"},
            "way": {"const": "CARD"},
        },
        "required": ["order_id", "cents", "way"],
        "additionalProperties": False,
    }
    with app(address, slots=0) as client:
        assert client.schemas.register("Paid", 1, schema)
        with pytest.raises(EventRefused, match="not as Paid v1 has it"):
            client.emit(foreign({"order_id": "a", "cents": 1, "way": "CASH"}))
        client.emit(Paid("a", 5, "CARD"))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"schema": {"type": "record"}, "format": "avro"}, "no Avro schema"),
        ({"schema": {"type": "colour"}}, "no JSON Schema"),
        ({"schema": "{"}, "no JSON"),
        ({"format": "protobuf"}, "'json', 'avro'"),
        ({"compatibility": "sideways"}, "backward"),
        ({"version": 0}, "version 0"),
        ({"type": ""}, "name of an event"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_nothing_is_written(
    address: str, asked: dict[str, Any], why: str
):
    if asked.get("format") == "avro":
        pytest.importorskip("fastavro")
    with app(address, slots=0) as client:
        wanted = {"type": "Paid", "version": 1, "schema": {"type": "object"}, **asked}
        with pytest.raises(InvalidInput, match=why):
            client.schemas.register(**wanted)


def test_without_the_extra_an_avro_schema_is_refused_with_the_name_of_the_extra(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    for name in ("fastavro", "fastavro.schema", "fastavro.validation"):
        monkeypatch.setitem(sys.modules, name, None)
    with app(address, slots=0) as client, pytest.raises(InvalidInput, match=r"dalsegno\[avro\]"):
        client.schemas.register("Paid", 1, PAID, format="avro")


@pytest.mark.asyncio
@needs_avro
async def test_it_is_the_same_in_async_code(address: str):
    async with app(address, slots=0) as client:
        assert await client.schemas.register("Paid", 1, PAID, format="avro")
