"""What data under an Avro schema is as JSON, said as a JSON Schema: so that a class can be held to it."""

from __future__ import annotations

from typing import Any

from dalsegno.events.schemas.avro_types import AvroType, avro_type

__all__ = ["json_of_avro"]

_PLAIN: dict[str, dict[str, Any]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "string": {"type": "string"},
    "bytes": {"type": "string"},
    "fixed": {"type": "string"},
}


def json_of_avro(schema: Any) -> dict[str, Any]:
    """Make the JSON Schema of an Avro schema's data: plain values, and a union as whatever it holds.

    A field with a default may be missing, and one that may be null: fastavro takes it for that. Raises
    InvalidInput if it is no Avro schema.
    """
    views = _Views()
    top = views.of(avro_type(schema))
    return {**top, "$defs": views.named} if views.named else top


class _Views:
    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def of(self, kind: AvroType) -> dict[str, Any]:
        """Return the view of a type; a record is a reference to its own, since it may hold itself."""
        match kind.kind:
            case "union":
                return {"anyOf": [self.of(branch) for branch in kind.branches]}
            case "array":
                assert kind.inner
                return {"type": "array", "items": self.of(kind.inner)}
            case "map":
                assert kind.inner
                return {"type": "object", "additionalProperties": self.of(kind.inner)}
            case "enum":
                return {"enum": list(kind.symbols)}
            case "record":
                if kind.name not in self.named:
                    self.named[kind.name] = {}  # it is on its way
                    self.named[kind.name] = self._record(kind)
                return {"$ref": f"#/$defs/{kind.name}"}
        return _PLAIN[kind.kind]

    def _record(self, kind: AvroType) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {field.name: self.of(field.type) for field in kind.fields},
            "required": [
                field.name for field in kind.fields if not field.has_default and not _takes_null(field.type)
            ],
        }


def _takes_null(kind: AvroType) -> bool:
    return kind.kind == "null" or any(_takes_null(branch) for branch in kind.branches)
