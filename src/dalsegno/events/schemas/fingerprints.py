"""The canonical text of a schema, and the fingerprint by which it is told whether it is still the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from dalsegno.events.schemas.documents import text_of

__all__ = ["avro_fingerprint", "json_fingerprint"]

_TALK: Final = frozenset("title description $comment examples example deprecated readOnly writeOnly".split())
_BY_NAME: Final = frozenset(
    "properties patternProperties $defs definitions dependentSchemas dependencies".split()
)
_DEFS: Final = "#/$defs/"
_ADDRESSES: Final = ("discriminator", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef")
_VALUES: Final = frozenset("enum const default required dependentRequired".split())


def json_fingerprint(schema: Any) -> str:
    """Reduce a JSON Schema to 32 characters.

    Titles, descriptions and examples have no part in it, nor have the names of definitions: a class may
    be called otherwise.
    """
    return _digest(_nameless(_quiet(schema)))


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


def _nameless(schema: Any) -> Any:
    """Number definitions in the order in which they are referred to; leave all as it is where it is intricate."""
    defined = schema.get("$defs") if isinstance(schema, dict) else None
    if not isinstance(defined, dict) or any(f'"{word}"' in text_of(schema) for word in _ADDRESSES):
        return schema
    root = {word: said for word, said in schema.items() if word != "$defs"}
    numbered: dict[str, str] = {}
    todo = [root]
    while todo:
        for reference in _references(todo.pop(0)):
            name = reference.removeprefix(_DEFS)
            if reference not in numbered:
                if not reference.startswith(_DEFS) or name not in defined:
                    return schema
                numbered[reference] = f"{_DEFS}{len(numbered)}"
                todo.append(defined[name])
    kept = {new: defined[old.removeprefix(_DEFS)] for old, new in numbered.items()}
    return {
        **_renamed(root, numbered),
        "$defs": {new: _renamed(each, numbered) for new, each in kept.items()},
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for word, said in sorted(schema.items()):
            if word == "$ref" and isinstance(said, str):
                yield said
            elif word in _BY_NAME and isinstance(said, dict):
                for _, each in sorted(said.items()):
                    yield from _references(each)
            elif word not in _VALUES:
                yield from _references(said)


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for word, said in schema.items():
        if word == "$ref" and isinstance(said, str):
            found[word] = names[said]
        elif word in _BY_NAME and isinstance(said, dict):
            found[word] = {name: _renamed(each, names) for name, each in said.items()}
        else:
            found[word] = said if word in _VALUES else _renamed(said, names)
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
