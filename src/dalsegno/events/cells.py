"""Cells of a table, which are text, read as a JSON Schema has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def read_cells(row: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read each cell as its property is; what is none of that stays the text that it is.

    An empty cell is null where that is allowed, and left out where text is not.
    """
    properties = _resolved(schema, schema).get("properties", {})
    found: dict[str, Any] = {}
    for name, text in row.items():
        kinds = set(_kinds(properties.get(name, {}), schema))
        if text == "" and kinds and "string" not in kinds:
            if "null" in kinds:
                found[name] = None
            continue
        found[name] = _value(text, kinds)
    return found


def _value(text: str, kinds: set[str]) -> Any:
    if "string" in kinds or not kinds:
        return None if text == "" and "null" in kinds else text
    for kind, type_ in (("integer", int), ("number", int | float)):
        if kind in kinds:
            try:
                return msgspec.json.decode(text, type=type_)
            except msgspec.DecodeError:
                continue
    if "boolean" in kinds and text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    return text


def _kinds(schema: Any, root: Mapping[str, Any]) -> Iterator[str]:
    """Name the types of JSON that a property may be of; none if it does not say."""
    if not isinstance(schema, Mapping):
        return
    schema = _resolved(schema, root)
    said = schema.get("type", ())
    yield from [said] if isinstance(said, str) else said
    for word in ("anyOf", "oneOf"):
        for each in schema.get(word, ()):
            yield from _kinds(each, root)
    if any(isinstance(each, str) for each in (*schema.get("enum", ()), schema.get("const"))):
        yield "string"


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference within the document."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/"):
        return schema
    found: Mapping[str, Any] = root
    for part in reference[2:].split("/"):
        found = found[part]
    return found
