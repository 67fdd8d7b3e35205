"""The schemas of events, as a program registers those of somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import msgspec

from dalsegno.core.ids import check_id
from dalsegno.errors import InvalidInput
from dalsegno.events.registering import Registering
from dalsegno.events.types import Compatibility

if TYPE_CHECKING:
    from dalsegno.events.schemas import Declared

Language: TypeAlias = Literal["json", "avro"]
"""What a schema is written in: JSON Schema, or Avro."""


class AsyncSchemas:
    """The schemas of events, in ``async def`` code."""

    def __init__(self, registering: Registering) -> None:
        self._registering = registering

    async def register(
        self,
        type: str,
        version: int,
        schema: Any,
        *,
        format: Language = "json",
        compatibility: Compatibility | None = None,
    ) -> bool:
        """Register a schema that somebody else's events follow; False when it was there already.

        ``schema`` is plain data, or its JSON text: a JSON Schema, or with ``format="avro"`` an Avro
        schema, which needs the extra ``avro``. ``compatibility`` is as that of ``@event``. Raises
        InvalidInput for what is no schema, SchemaRefused for what does not fit the other versions.
        """
        declared = declared_by_hand(type, version, schema, format=format, compatibility=compatibility)
        return await self._registering.join([declared])


def declared_by_hand(
    type: str,
    version: int,
    schema: Any,
    *,
    format: str = "json",
    compatibility: str | None = None,
) -> Declared:
    """Read a schema that somebody wrote by hand. Raises InvalidInput if it is none."""
    from dalsegno.events.schemas import Declared, Format, Mode, registered

    for name, value, choices in (
        ("format", format, get_args(Language)),
        ("compatibility", compatibility or "none", get_args(Compatibility)),
    ):
        if value not in choices:
            raise InvalidInput(
                f"{name}={value!r} is none that dalsegno knows.",
                "Nothing was registered.",
                f"Write one of: {', '.join(map(repr, choices))}.",
            )
    mode = None if compatibility is None else Mode(compatibility)
    if isinstance(schema, str | bytes):
        schema = read_schema(schema)
    check_id(type, "name of an event")
    registered(type, version, schema, format=Format(format))  # raises what is wrong with it
    return Declared(type, version, schema, Format(format), sealed=False, mode=mode)


def read_schema(text: str | bytes) -> Any:
    """Read the text of a schema. Raises InvalidInput if it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The text of the schema is no JSON: {error}.",
            "Nothing was registered.",
            "Give the schema as a dict, or the text of its file.",
        ) from error
