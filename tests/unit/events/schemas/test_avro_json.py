"""The JSON Schema of an Avro schema's data: it admits all that the Avro schema admits, and is as narrow as can be."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest

from dalsegno.events.schemas import Format, registered
from dalsegno.events.schemas.avro_json import json_of_avro
from dalsegno.events.schemas.payloads import fault_of
from tests.unit.events.schemas import avro_making

pytest.importorskip("fastavro", reason="the extra `avro` is not installed: Avro is NOT checked")


def faults(schema: Any, value: Any) -> tuple[str, str]:
    """Hold a value to an Avro schema, and to the JSON Schema of it."""
    avro = registered("Thing", 1, schema, format=Format.AVRO)
    return fault_of(avro, value), fault_of(registered("Thing", 1, json_of_avro(schema)), value)


def test_all_that_an_avro_schema_admits_is_admitted() -> None:
    good = bad = 0
    for seed in range(1_500):
        chance = Random(seed)
        schema = avro_making.schema(chance)
        made = schema if chance.random() < 0.6 else avro_making.changed(chance, schema)
        try:
            value = msgspec.json.decode(msgspec.json.encode(avro_making.value(chance, made, {})))
        except (RecursionError, KeyError):
            continue
        avro, plain = faults(schema, value)
        assert avro or not plain, (seed, json.dumps(schema), value, plain)
        good += not avro
        bad += bool(avro and plain)
    assert good > 400
    assert bad > 100


RECORD = {
    "type": "record",
    "name": "a.R",
    "fields": [{"name": "n", "type": "int"}, {"name": "next", "type": ["null", "R"], "default": None}],
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("int", 2**31),
        ("long", "1"),
        ("boolean", 1),
        ("null", 0),
        (["null", "string"], 1),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
        ({"type": "array", "items": "string"}, [1]),
        ({"type": "map", "values": "double"}, {"x": "y"}),
        (RECORD, {}),
        (RECORD, {"n": 1, "next": {"n": "2"}}),
    ],
    ids=str,
)
def test_what_an_avro_schema_refuses_is_refused(schema: Any, value: Any) -> None:
    avro, plain = faults(schema, value)
    assert avro
    assert plain


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("Ag==", "$: 'Ag==' is no a.R"),
        ({}, "a.R.n: None is no int"),
        ({"n": 1, "next": 5}, "a.R.next: 5 is no null or a.R"),
        ({"n": b"x" * 200}, f"a.R.n: b'{'x' * 78}… is no int"),
    ],
    ids=str,
)
def test_a_fault_names_the_field_and_what_was_wanted(value: Any, fault: str) -> None:
    assert fault_of(registered("R", 1, RECORD, format=Format.AVRO), value) == fault


def test_what_may_be_null_may_be_missing() -> None:
    fields = [{"name": "a", "type": "null"}, {"name": "b", "type": ["string", "null"]}]
    assert faults({"type": "record", "name": "R", "fields": fields}, {}) == ("", "")


def test_a_record_that_holds_itself_is_said_once() -> None:
    assert json_of_avro(RECORD)["$ref"] == "#/$defs/a.R"
    assert list(json_of_avro(RECORD)["$defs"]) == ["a.R"]
    assert faults(RECORD, {"n": 1, "next": {"n": 2}}) == ("", "")
