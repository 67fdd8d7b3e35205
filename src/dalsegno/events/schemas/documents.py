"""A JSON Schema as a document: its dialect, its parts, and where a ``$ref`` leads.

Drafts 4 to 2020-12. A document says its dialect by ``$schema``; one that does not is read by the newest
dialect under which it is well formed. Nothing is fetched: a reference that leads outside the document is
a part that nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urldefrag, urljoin

import jsonschema_rs

from dalsegno.core import paths
from dalsegno.errors import InvalidInput

__all__ = ["ANNOTATIONS", "DRAFTS", "Document", "Key", "Node", "text_of", "too_much", "value_key"]

Key: TypeAlias = tuple[int, str, str]

DRAFTS: Final = {
    "https://json-schema.org/draft/2020-12/schema": 2020,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "http://json-schema.org/draft-07/schema": 7,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-04/schema": 4,
}
"""The dialects, newest first, and the year or number by which we call them."""

ANNOTATIONS: Final = frozenset(
    "$schema $id id $comment $anchor $dynamicAnchor $recursiveAnchor $vocabulary $defs definitions title "
    "description default examples example deprecated readOnly writeOnly contentEncoding contentMediaType "
    "contentSchema discriminator xml externalDocs then else".split()
)
"""Keywords that refuse no value by themselves (``then`` and ``else`` only speak beside ``if``)."""

DEEPEST: Final = 200
"""How deeply a schema may be nested."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def text_of(value: Any) -> str:
    """Write a schema, or any JSON value, in the one way that only depends on its content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def value_key(value: Any) -> str:
    """Return what is equal for equal JSON values: 1 is 1.0, and true is not 1."""
    return text_of(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
    return value


LARGEST: Final = 256 * 1024
"""How many bytes a schema may have."""


def too_much(schema: Any) -> str:
    """Say in which way a schema is more than what reads schemas can bear, if it is."""
    if _is_too_deep(schema):
        return "it is nested too deeply"
    try:
        size = len(json.dumps(schema, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:  # NaN, bytes, lone surrogates
        return f"it cannot be written as JSON ({paths.brief(error)})"
    return f"it has {size:,} bytes, and {LARGEST:,} is the limit" if size > LARGEST else ""


def _is_too_deep(schema: Any) -> bool:
    level = [schema] if isinstance(schema, (dict, list)) else []
    for _ in range(DEEPEST):
        if not level:
            return False
        parts = [each.values() if isinstance(each, dict) else each for each in level]
        level = [inner for part in parts for inner in part if isinstance(inner, (dict, list))]
    return True


class Node:
    """One schema within a document: what it says, and against which address its references are read."""

    __slots__ = ("_key", "_listed", "base", "document", "schema")

    def __init__(self, document: Document, schema: Any, base: str) -> None:
        self.document = document
        self.schema = schema
        self._key: Key | None = None
        self._listed: list[tuple[list[Any], frozenset[str]]] | None = None
        own = document.identifier(schema)
        self.base = urldefrag(urljoin(base, own)).url if own else base

    @property
    def key(self) -> Key:
        """What tells it from others: equal keys mean the same, wherever they stand."""
        if self._key is None:
            text = text_of(self.schema)
            here = '"$r' in text or '"$d' in text  # it may point to elsewhere in its document
            if here and self.is_reference and not any(self.targets()):
                here = False
            base = self.base if '"$r' in text else ""
            self._key = (id(self.document) if here else self.document.draft, base, text)
        return self._key

    @property
    def listed(self) -> list[tuple[list[Any], frozenset[str]]]:
        """The values that ``enum`` and ``const`` list, each of them that is there, and their keys."""
        if self._listed is None:
            lists = [self.schema["enum"]] if "enum" in self.schema else []
            if "const" in self.schema and self.document.draft != 4:
                lists.append([self.schema["const"]])
            self._listed = [(values, frozenset(map(value_key, values))) for values in lists]
        return self._listed

    def child(self, schema: Any) -> Node:
        """Return a schema that is written within this one."""
        return Node(self.document, schema, self.base)

    def children(self, keyword: str) -> list[Node]:
        """Return the schemas of a keyword that holds a list of them."""
        return [self.child(each) for each in self.get(keyword, ())]

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return what a keyword says here; ``default`` if nothing, or in a dialect that lacks it."""
        return self.schema.get(keyword, default) if isinstance(self.schema, dict) else default

    @property
    def is_anything(self) -> bool:
        """Tell whether it plainly accepts every value: ``true``, or no keyword that could refuse one."""
        if isinstance(self.schema, bool):
            return self.schema
        return bool(self.schema.keys() <= ANNOTATIONS)

    @property
    def references(self) -> list[str]:
        """The references that it makes, in-place."""
        return [self.schema[word] for word in _REFERENCES if isinstance(self.get(word), str)]

    @property
    def is_reference(self) -> bool:
        """Tell whether it says nothing but a reference (up to draft 7, what stands beside it is void)."""
        if not self.references:
            return False
        return self.document.draft <= 7 or self.schema.keys() <= ANNOTATIONS | set(_REFERENCES)

    def targets(self) -> Iterator[Node | None]:
        """Yield what the references lead to; None where nobody can tell, or only while validating."""
        for word in _REFERENCES:
            if isinstance(reference := self.get(word), str):
                vague = word != "$ref" and self.document.is_compound
                yield None if vague else self.document.resolve(self.base, reference)


class Document:
    """A whole JSON Schema.

    ``draft`` is 4, 6, 7, 2019 or 2020. Raises InvalidInput for what is no JSON Schema, with the place.
    """

    def __init__(self, schema: Any) -> None:
        if why := too_much(schema):
            raise _malformed(why)
        self.draft = _draft_of(schema)
        self.schema = schema
        self.root = Node(self, schema, "")
        self._resolved: dict[tuple[str, str], Node | None] = {}

    def identifier(self, schema: Any) -> str | None:
        """Return the address that a schema gives itself."""
        own = schema.get("id" if self.draft == 4 else "$id") if isinstance(schema, dict) else None
        return own if isinstance(own, str) else None

    def resolve(self, base: str, reference: str) -> Node | None:
        """Find the schema that a reference leads to, None if it is not in this document."""
        key = (base, reference)
        if key not in self._resolved:
            inner = reference.startswith("#")
            address, fragment = (base, reference[1:]) if inner else urldefrag(urljoin(base, reference))
            self._resolved[key] = self._find(address, unquote(fragment))
        return self._resolved[key]

    def _find(self, address: str, fragment: str) -> Node | None:
        if fragment and not fragment.startswith("/"):
            return self._anchors.get((address, fragment))
        node = self._resources.get(address)
        for part in fragment.split("/")[1:] if node else ():
            node = _step(node, part.replace("~1", "/").replace("~0", "~")) if node else None
        return node if node and isinstance(node.schema, (dict, bool)) else None

    @property
    def is_compound(self) -> bool:
        """Tell whether several schemas with addresses of their own are bundled in it."""
        return len({node.base for node in self._resources.values()}) > 1

    @cached_property
    def _resources(self) -> dict[str, Node]:
        found = {"": self.root, self.root.base: self.root}
        for node in self._everything:
            if self.identifier(node.schema):
                found.setdefault(node.base, node)
        return found

    @cached_property
    def _anchors(self) -> dict[tuple[str, str], Node]:
        found: dict[tuple[str, str], Node] = {}
        for node in self._everything:
            own = self.identifier(node.schema)
            names = [node.get("$anchor"), node.get("$dynamicAnchor")]
            if own and own.startswith("#"):  # how drafts 4 to 7 write an anchor
                names.append(own[1:])
            for name in names:
                if isinstance(name, str):
                    found.setdefault((node.base, name), node)
        return found

    @cached_property
    def _everything(self) -> list[Node]:
        found, todo = [], [self.root]
        while todo:
            node = todo.pop()
            found.append(node)
            parts = node.schema.values() if isinstance(node.schema, dict) else node.schema
            todo.extend(node.child(each) for each in parts if isinstance(each, (dict, list)))
            todo = [each for each in todo if isinstance(each.schema, (dict, list))]
        return [node for node in found if isinstance(node.schema, dict)]


def _step(node: Node, part: str) -> Node | None:
    inside = node.schema
    if isinstance(inside, dict):
        return node.child(inside[part]) if part in inside else None
    if isinstance(inside, list) and part.isdigit() and int(part) < len(inside):
        return node.child(inside[int(part)])
    return None


def _draft_of(schema: Any) -> int:
    if not isinstance(schema, (dict, bool)):
        raise _malformed("a schema is an object, true or false, and this is neither")
    declared = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(declared, str):
        draft = DRAFTS.get(declared.rstrip("#"))
        if draft is None:
            raise _malformed(f"we do not know the dialect {declared!r}")
        _hold_to(declared.rstrip("#"), schema)
        return draft
    problem: InvalidInput | None = None
    for address, draft in DRAFTS.items():
        try:
            _hold_to(address, schema)
        except InvalidInput as error:
            problem = problem or error
        else:
            return draft
    assert problem
    raise problem


def _hold_to(address: str, schema: Any) -> None:
    told = {**schema, "$schema": address} if isinstance(schema, dict) else schema
    try:
        jsonschema_rs.meta.validate(told)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        where = "".join(f"[{part!r}]" for part in getattr(error, "instance_path", ()))
        raise _malformed(f"schema{where}: {paths.brief(error)}") from error


def _malformed(why: str) -> InvalidInput:
    return InvalidInput(
        f"This is no JSON Schema: {why}.",
        "Nothing can be checked against it.",
        "Mend the schema; drafts 4, 6, 7, 2019-09 and 2020-12 are read.",
    )
