"""Avro: which changes a reader survives, held against fastavro, which then has to read the bytes."""

from __future__ import annotations

import io
import json
import sys
from random import Random
from typing import Any

import pytest

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas import Format, Kind, Rule, Sides, compare_avro, registered
from tests.helpers.counts import Count
from tests.unit.events.schemas import avro_making

fastavro = pytest.importorskip("fastavro", reason="the extra `avro` is not installed: Avro is NOT checked")


def record(*fields: dict[str, Any], name: str = "Order", **said: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **said}


def field(name: str, type: Any = "string", **said: Any) -> dict[str, Any]:
    return {"name": name, "type": type, **said}


def enum(*symbols: str, **said: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "State", "symbols": list(symbols), **said}


def logical(base: str, name: str, **said: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": name, **said}


LIST = record(field("head", "int"), field("tail", ["null", "Order"]))

# what changes: the writer's schema, the reader's, and the rule by which it does not fit (None: it does)
CHANGES: dict[str, tuple[Any, Any, Rule | None]] = {
    "an int is read as a long": ("int", "long", None),
    "an int is read as a double": ("int", "double", None),
    "a long is read as a float": ("long", "float", None),
    "a float is read as a double": ("float", "double", None),
    "a string is read as bytes": ("string", "bytes", None),
    "bytes are read as a string": ("bytes", "string", None),
    "a long is read as an int": ("long", "int", Rule.TYPE_MISMATCH),
    "a double is read as a float": ("double", "float", Rule.TYPE_MISMATCH),
    "a number is read as a string": ("int", "string", Rule.TYPE_MISMATCH),
    "a field is dropped": (record(field("a"), field("b")), record(field("a")), None),
    "a field is added with a default": (record(field("a")), record(field("a"), field("b", default="")), None),
    "a field is added whose default is null": (
        record(),
        record(field("a", ["null", "string"], default=None)),
        None,
    ),
    "a field is added without a default": (
        record(),
        record(field("a")),
        Rule.READER_FIELD_MISSING_DEFAULT_VALUE,
    ),
    "a field is renamed with an alias": (record(field("a")), record(field("b", aliases=["a"])), None),
    "a field is renamed without an alias": (
        record(field("a")),
        record(field("b")),
        Rule.READER_FIELD_MISSING_DEFAULT_VALUE,
    ),
    "the writer's aliases do not help": (
        record(field("a", aliases=["b"])),
        record(field("b")),
        Rule.READER_FIELD_MISSING_DEFAULT_VALUE,
    ),
    "fields are put in another order": (
        record(field("a"), field("b", "int")),
        record(field("b", "long"), field("a")),
        None,
    ),
    "a record is renamed": (record(), record(name="Sale"), Rule.NAME_MISMATCH),
    "a record is renamed with an alias": (record(), record(name="Sale", aliases=["Order"]), None),
    "a record moves to another namespace": (record(namespace="a"), record(namespace="b"), None),
    "an alias is read within the namespace": (
        record(namespace="shop"),
        record(name="Sale", namespace="shop", aliases=["Order"]),
        None,
    ),
    "an alias of another namespace is another name": (
        record(namespace="a"),
        record(name="Sale", namespace="b", aliases=["Order"]),
        Rule.NAME_MISMATCH,
    ),
    "a list becomes nullable": ("string", ["null", "string"], None),
    "a union is no longer nullable": (["null", "string"], "string", Rule.TYPE_MISMATCH),
    "a union loses a branch": (["null", "int", "string"], ["null", "int"], Rule.MISSING_UNION_BRANCH),
    "a union's branch is promoted": (["null", "int"], ["null", "long"], None),
    "the branch that is meant is missing a default": (
        ["null", record()],
        ["null", record(field("a"))],
        Rule.MISSING_UNION_BRANCH,
    ),
    "an enum gets a symbol": (enum("A"), enum("A", "B"), None),
    "an enum loses a symbol": (enum("A", "B"), enum("A"), Rule.MISSING_ENUM_SYMBOLS),
    "an enum loses a symbol and has a default": (enum("A", "B"), enum("A", default="A"), None),
    "a fixed changes its size": (
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "fixed", "name": "F", "size": 8},
        Rule.FIXED_SIZE_MISMATCH,
    ),
    "items are promoted": ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, None),
    "values of a map change": (
        {"type": "map", "values": "int"},
        {"type": "map", "values": "string"},
        Rule.TYPE_MISMATCH,
    ),
    "an array becomes a map": (
        {"type": "array", "items": "int"},
        {"type": "map", "values": "int"},
        Rule.TYPE_MISMATCH,
    ),
    "a recursive record promotes a field": (
        LIST,
        record(field("head", "long"), field("tail", ["null", "Order"])),
        None,
    ),
    "a recursive record breaks a field": (
        LIST,
        record(field("head", "string"), field("tail", ["null", "Order"])),
        Rule.TYPE_MISMATCH,
    ),
    "milliseconds are read as microseconds": (
        logical("long", "timestamp-millis"),
        logical("long", "timestamp-micros"),
        Rule.LOGICAL_TYPE_MISMATCH,
    ),
    "a time is read as a plain number": (logical("long", "timestamp-millis"), "long", None),
    "a date is read as a time": (
        logical("int", "date"),
        logical("long", "timestamp-millis"),
        Rule.LOGICAL_TYPE_MISMATCH,
    ),
    "a decimal gets digits": (
        logical("bytes", "decimal", precision=4, scale=2),
        logical("bytes", "decimal", precision=6, scale=2),
        None,
    ),
    "a decimal loses digits": (
        logical("bytes", "decimal", precision=6, scale=2),
        logical("bytes", "decimal", precision=4, scale=2),
        Rule.LOGICAL_TYPE_MISMATCH,
    ),
    "a decimal's point moves": (
        logical("bytes", "decimal", precision=6, scale=2),
        logical("bytes", "decimal", precision=6, scale=3),
        Rule.LOGICAL_TYPE_MISMATCH,
    ),
    "a logical type that nobody knows is ignored": (logical("int", "colour"), logical("int", "taste"), None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_fits_or_does_not(change: str) -> None:
    writer, reader, rule = CHANGES[change]
    assert [each.rule for each in compare_avro(reader, writer)] == ([rule] if rule else [])


@pytest.mark.parametrize("change", CHANGES)
def test_every_schema_reads_what_is_written_with_itself(change: str) -> None:
    for schema in CHANGES[change][:2]:
        assert compare_avro(schema, schema) == ()
        assert registered("Order", 1, schema, format=Format.AVRO).format is Format.AVRO


def test_an_incompatibility_names_the_field_and_says_what_breaks() -> None:
    writer = record(field("lines", {"type": "array", "items": record(field("sku"), name="Line")}))
    line = record(field("sku"), field("amount", "double"), name="Line")
    reader = record(field("lines", {"type": "array", "items": line}))
    (found,) = compare_avro(reader, writer, sides=Sides("a v2 reader", "a v1 emitter"))
    assert found.path == "$.lines[].amount"
    assert found.breaks == "A v2 reader does not find `lines[].amount`; a v1 emitter does not send it"
    assert (found.reader, found.writer) == ("double, no default", "no such field")


def test_a_missing_alternative_says_why_the_nearest_one_does_not_do() -> None:
    (found,) = compare_avro(["null", record(field("a"))], ["null", record()])
    assert "`a`" in found.breaks


NAMELESS = {"type": "record", "fields": []}
NO_SCHEMAS = ["Order", NAMELESS, {"type": "colour"}, 7, {"type": "array"}, record({"name": "a"})]


@pytest.mark.parametrize("schema", NO_SCHEMAS, ids=str)
def test_what_is_no_avro_schema_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidInput, match="no Avro schema"):
        compare_avro(schema, "int")
    with pytest.raises(InvalidInput, match="no Avro schema"):
        registered("Order", 1, schema, format=Format.AVRO)


def test_without_the_extra_avro_is_refused_with_a_word_on_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(InvalidInput, match="fastavro"):
        registered("Order", 1, "int", format=Format.AVRO)
    assert compare_avro("long", "int") == (), "comparing needs no library"


def test_fastavro_has_the_last_word_on_what_may_be_registered() -> None:
    with pytest.raises(InvalidInput, match="symbols"):
        registered("Order", 1, enum("A", default="B"), format=Format.AVRO)


def test_a_schema_that_is_nested_without_measure_is_refused() -> None:
    deep: Any = "int"
    for _ in range(100_000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(InvalidInput, match="too deeply"):
        compare_avro(deep, "int")
    with pytest.raises(InvalidInput, match="too deeply"):
        registered("Order", 1, deep, format=Format.AVRO)


def test_too_large_a_comparison_is_given_up_and_said_to_be() -> None:
    written, read = (
        [{"type": "fixed", "name": f"{letter}{number}", "size": 1} for number in range(300)]
        for letter in "ab"
    )
    (found,) = compare_avro(read, written)
    assert (found.rule, found.kind) == (Rule.TOO_INTRICATE, Kind.UNPROVEN)


def _fails(writer: Any, reader: Any, seed: int) -> Exception | None:
    """Write values and read them back. Return what went wrong with the reading."""
    written, read = (fastavro.parse_schema(made, named_schemas={}) for made in (writer, reader))
    for turn in range(8):
        try:
            value = avro_making.value(Random(seed * 100 + turn), writer, {})
        except RecursionError:
            continue
        data = io.BytesIO()
        fastavro.schemaless_writer(data, written, value)
        data.seek(0)
        try:
            fastavro.schemaless_reader(data, written, read)
        except Exception as error:
            return error
    return None


def test_what_fits_is_read_by_fastavro(count: Count) -> None:
    fitting = broken = 0
    for seed in range(2500):
        chance = Random(seed)
        writer = avro_making.schema(chance)
        reader = writer
        for _ in range(chance.randint(1, 2)):
            reader = avro_making.changed(chance, reader)
        found = compare_avro(reader, writer)
        error = _fails(writer, reader, seed)
        assert found or error is None, (seed, json.dumps(writer), json.dumps(reader), error)
        fitting += not found
        broken += bool(found) and error is not None
    count("Avro schema pairs made by chance", 2500)
    assert fitting > 1000
    assert broken > 300, "and most of what does not fit, fastavro cannot read"
