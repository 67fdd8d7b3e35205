"""Data held to the schema of its version, when it is published; and the bytes that Avro makes of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import jsonschema_rs
import msgspec

from dalsegno.core import paths
from dalsegno.errors import InvalidInput
from dalsegno.events.schemas.avro_types import fastavro
from dalsegno.events.schemas.compatibility import Format
from dalsegno.events.schemas.documents import Document
from dalsegno.events.schemas.judging import part
from dalsegno.events.schemas.registry import Registered

__all__ = ["fault_of", "read_avro", "write_avro"]

Check: TypeAlias = Callable[[Any], str]

_VALIDATORS: dict[int, Any] = {
    4: jsonschema_rs.Draft4Validator,
    6: jsonschema_rs.Draft6Validator,
    7: jsonschema_rs.Draft7Validator,
    2019: jsonschema_rs.Draft201909Validator,
    2020: jsonschema_rs.Draft202012Validator,
}


def fault_of(one: Registered, value: Any) -> str:
    """Say what in a value is not as its schema has it, with the path; nothing if all of it is.

    ``value`` is builtin data: what JSON decodes to, or what fastavro takes. Formats are held to.
    Raises InvalidInput if the schema refers to another document.
    """
    return _check(one.format, one.schema)(value)


@lru_cache(maxsize=512)
def _check(format: Format, text: str) -> Check:
    schema = msgspec.json.decode(text)
    return _json_check(schema) if format is Format.JSON else _avro_check(schema)


def _json_check(schema: Any) -> Check:
    kind = _VALIDATORS[Document(schema).draft]
    try:
        validator = kind(schema, validate_formats=True, retriever=_fetch_nothing)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidInput(
            f"Nothing can be held to this JSON Schema: {paths.brief(error)}",
            "Nothing is fetched, so a schema must be complete in itself.",
            "Put what it refers to into its $defs.",
        ) from error

    def check(value: Any) -> str:
        error = next(validator.iter_errors(value), None)
        return (
            "" if error is None else f"{_path(error.instance_path)}: {paths.brief(ValueError(error.message))}"
        )

    return check


def _fetch_nothing(address: str) -> Any:
    raise ValueError(f"{address} is another document")


def _path(keys: list[Any]) -> str:
    path = "$"
    for key in keys:
        path = f"{path}[{key}]" if isinstance(key, int) else part(path, key)
    return path


def _avro_check(schema: Any) -> Check:
    library = fastavro()

    def check(value: Any) -> str:
        try:
            library.validation.validate(value, schema, raise_errors=True)
        except library.validation.ValidationError as error:
            return _first_fault(error)
        except (ValueError, TypeError) as error:
            return paths.brief(error)
        return ""

    return check


def _first_fault(error: Any) -> str:
    """Say what fastavro found first, without what it notes in the schema for itself."""
    found = [each for each in getattr(error, "errors", ()) if hasattr(each, "schema")]
    if not found:
        return paths.brief(error)
    schemas = [each.schema for each in found if each.field == found[0].field]
    wanted = [each.get("name") or each.get("type") if isinstance(each, dict) else each for each in schemas]
    datum = repr(found[0].datum)
    brief = datum if len(datum) <= 80 else f"{datum[:80]}…"
    return f"{found[0].field or '$'}: {brief} is no {' or '.join(dict.fromkeys(map(str, wanted)))}"


def write_avro(one: Registered, value: Any) -> bytes:
    """Write a value by its Avro schema, without a header. Raises InvalidInput if it does not fit."""
    if fault := fault_of(one, value):
        name = f"{one.type} v{one.version}"
        raise InvalidInput(
            f"This is no {name}: {fault}", "Nothing was written.", "Mend the value.", type=one.type
        )
    data = io.BytesIO()
    fastavro().schemaless_writer(data, msgspec.json.decode(one.schema), value)
    return data.getvalue()


def read_avro(data: bytes, *, writer: Registered, reader: Registered) -> Any:
    """Read what was written by one version as another one has it. Raises InvalidInput if that fails."""
    library = fastavro()
    written, read = (msgspec.json.decode(each.schema) for each in (writer, reader))
    try:
        return library.schemaless_reader(io.BytesIO(data), written, read)
    except Exception as error:  # bytes of something else fail in any way
        raise InvalidInput(
            f"v{reader.version} of {reader.type} does not read these bytes of v{writer.version}: {paths.brief(error)}",
            "They were written by another schema, or the two versions are not compatible.",
            "Look at the verdict on the two versions.",
            type=reader.type,
        ) from error
