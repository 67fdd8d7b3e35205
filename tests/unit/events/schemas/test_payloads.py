"""Data is held to the schema of its version."""

from __future__ import annotations

from typing import Any

import pytest

from dalsegno.errors import InvalidInput
from dalsegno.events.schemas import Format, registered
from dalsegno.events.schemas.payloads import fault_of, read_avro, write_avro

ORDER = {
    "type": "object",
    "properties": {
        "lines": {"type": "array", "items": {"properties": {"amount": {"type": "number"}}}},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["lines"],
}


def test_data_that_is_as_the_schema_has_it_has_no_fault() -> None:
    assert fault_of(registered("Order", 1, ORDER), {"lines": [{"amount": 1.5}]}) == ""


def test_a_fault_is_told_with_its_path() -> None:
    one = registered("Order", 1, ORDER)
    assert fault_of(one, {"lines": [{"amount": 1}, {"amount": "2"}]}).startswith("$.lines[1].amount: ")
    assert fault_of(one, {}).startswith('$: "lines" is a required property')
    assert fault_of(one, {"lines": [], "at": "soon"}).startswith("$.at: ")


def test_data_is_held_to_the_draft_that_the_schema_is_of() -> None:
    old = {"type": "array", "items": [{"type": "integer"}], "additionalItems": False}
    one = registered("Pair", 1, old)
    assert fault_of(one, [1]) == ""
    assert fault_of(one, [1, 2]) != ""


def test_nothing_is_fetched_to_hold_data_to_it() -> None:
    with pytest.raises(InvalidInput, match="another document"):
        fault_of(registered("Order", 1, {"$ref": "http://127.0.0.1:9/order.json"}), {})


def _avro(version: int, *fields: dict[str, Any]) -> Any:
    return registered(
        "Order", version, {"type": "record", "name": "Order", "fields": list(fields)}, format=Format.AVRO
    )


def test_avro_bytes_of_one_version_are_read_as_another() -> None:
    pytest.importorskip("fastavro", reason="the extra `avro` is not installed: Avro is NOT checked")
    old = _avro(1, {"name": "id", "type": "string"})
    new = _avro(2, {"name": "id", "type": "string"}, {"name": "amount", "type": "double", "default": 1.5})
    data = write_avro(old, {"id": "order-1"})
    assert read_avro(data, writer=old, reader=new) == {"id": "order-1", "amount": 1.5}
    wrong = _avro(3, {"name": "amount", "type": "double"})
    with pytest.raises(InvalidInput, match="v3 of Order does not read these bytes of v1"):
        read_avro(data, writer=old, reader=wrong)
    with pytest.raises(InvalidInput, match="does not read these bytes"):
        read_avro(data[:3], writer=old, reader=old)


def test_avro_data_that_does_not_fit_is_not_written() -> None:
    pytest.importorskip("fastavro", reason="the extra `avro` is not installed: Avro is NOT checked")
    one = _avro(1, {"name": "id", "type": "string"})
    assert "id" in fault_of(one, {"id": 7})
    with pytest.raises(InvalidInput, match="no Order v1"):
        write_avro(one, {"id": 7})
