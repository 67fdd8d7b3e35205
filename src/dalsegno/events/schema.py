"""JSON Schema of an event's class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dalsegno.core.foreign import is_foreign
from dalsegno.errors import DefinitionError

if TYPE_CHECKING:
    from dalsegno.events.types import EventType


def schema_of(type: EventType[Any]) -> dict[str, Any]:
    """Make the JSON Schema of what is written for an event. Raises DefinitionError where there can be none."""
    try:
        if is_foreign(type.cls):
            return _foreign_schema(type.cls)
        return _hoisted(msgspec.json.schema(type.cls, schema_hook=_inner_foreign))
    except Exception as error:  # msgspec and pydantic each have several
        raise DefinitionError(
            f"Event {type.title} ({type.place}) has no JSON Schema: {error}",
            "Its data could not be told to other programs.",
            "Give its fields types that JSON can express.",
        ) from error


def _foreign_schema(cls: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cls).json_schema(by_alias=False, mode="serialization")


def _inner_foreign(cls: Any) -> dict[str, Any]:
    if is_foreign(cls):
        return _foreign_schema(cls)
    raise TypeError(f"nothing tells how {cls!r} is written")


def _hoisted(schema: dict[str, Any]) -> dict[str, Any]:
    """Lift the definitions that a part brought with it to the top, where its references point."""
    top: dict[str, Any] = schema.setdefault("$defs", {})
    for part in [each for name, each in schema.items() if name != "$defs"] + list(top.values()):
        _lift(part, top)
    if not top:
        del schema["$defs"]
    return schema


def _lift(part: Any, top: dict[str, Any]) -> None:
    if isinstance(part, dict):
        for name, each in part.pop("$defs", {}).items() if isinstance(part.get("$defs"), dict) else ():
            if top.setdefault(name, each) != each:
                raise ValueError(f"two classes within it are called {name}")
        for each in list(part.values()):
            _lift(each, top)
    elif isinstance(part, list):
        for each in part:
            _lift(each, top)
