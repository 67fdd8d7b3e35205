"""The canonical text of a schema, and the fingerprint by which it is told whether it is still the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from dalsegno.events.schemas.documents import text_of

__all__ = ["avro_fingerprint", "json_fingerprint"]

_TALK: Final = frozenset("title description $comment examples example deprecated readOnly writeOnly".split())
_BY_NAME: Final = frozenset(
    "properties patternProperties $defs definitions dependentSchemas dependencies".split()
)
_VALUES: Final = frozenset("enum const default required dependentRequired".split())


def json_fingerprint(schema: Any) -> str:
    """Reduce a JSON Schema to 32 characters, in which titles, descriptions and examples have no part."""
    return _digest(_quiet(schema))


def avro_fingerprint(schema: Any) -> str:
    """Reduce an Avro schema to 32 characters, in which ``doc`` has no part."""
    return _digest(_without_doc(schema))


def _digest(schema: Any) -> str:
    return blake2b(text_of(schema).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _quiet(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_quiet(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {}
    for word, said in schema.items():
        if word in _TALK:
            continue
        if word in _BY_NAME and isinstance(said, dict):
            found[word] = {name: _quiet(each) for name, each in said.items()}
        else:
            found[word] = said if word in _VALUES else _quiet(said)
    return found


def _without_doc(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_doc(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        word: said if word in ("default", "symbols", "aliases") else _without_doc(said)
        for word, said in schema.items()
        if word != "doc"
    }
