"""What a writer may put into an object: which properties, under which names, how many."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from dalsegno.events.schemas.alternatives import Alternative, Claims
from dalsegno.events.schemas.documents import Document, Node
from dalsegno.events.schemas.judging import matches
from dalsegno.events.schemas.scalars import length

__all__ = ["SOMETIMES", "Properties", "always", "dependencies", "named", "objects_with", "text_node"]

SOMETIMES: Final = frozenset({"anyOf", "oneOf", "if", "dependentSchemas"})
"""Keywords whose schemas hold for some values only."""

_FOR_ALL: Final = frozenset({"additionalProperties", "unevaluatedProperties"})
_TEXTS: Final = Document({"$schema": "https://json-schema.org/draft/2020-12/schema"})


class Properties:
    """The content model of one alternative of type object.

    ``sealed``: an object whose schema lists properties, and says nothing of others, has no others.
    """

    def __init__(self, one: Alternative, sealed: bool) -> None:
        self.layers = one.layers
        self.sealed = sealed and any("properties" in layer.schema for layer in one.layers)

    @cached_property
    def declared(self) -> dict[str, None]:
        """The names that are listed, in their order."""
        return {name: None for layer in self.layers for name in layer.get("properties", ())}

    @cached_property
    def patterns(self) -> dict[str, Claims]:
        """What holds for the properties whose names match a pattern, and are not listed."""
        texts = {text: None for layer in self.layers for text in layer.get("patternProperties", ())}
        return {text: tuple(self._under_pattern(text)) for text in texts}

    def _under_pattern(self, text: str) -> Iterator[tuple[Node, bool]]:
        for layer in self.layers:
            own = layer.get("patternProperties", {})
            if text in own:
                yield layer.child(own[text]), True
            elif not own and "additionalProperties" in layer.schema:
                yield layer.child(layer.schema["additionalProperties"]), True

    @cached_property
    def rest(self) -> Claims | None:
        """What holds for all other properties, None if there are none."""
        claims: list[tuple[Node, bool]] = []
        for layer in self.layers:
            if "additionalProperties" in layer.schema:
                claims.append((layer.child(layer.schema["additionalProperties"]), True))
            elif "unevaluatedProperties" in layer.schema and _leaves_over(layer, None):
                claims.append((layer.child(layer.schema["unevaluatedProperties"]), True))
        said = any(_FOR_ALL & layer.schema.keys() for layer in self.layers)
        if any(node.schema is False for node, _ in claims) or (self.sealed and not said):
            return None
        return tuple(claims)

    @cached_property
    def required(self) -> frozenset[str]:
        """The names that are always there."""
        found = {name for layer in self.layers for name in layer.get("required", ())}
        for _ in range(8):  # what is there because of something else
            more = {
                other
                for layer in self.layers
                for name, others in dependencies(layer)
                if name in found
                for other in others
            }
            if more <= found:
                break
            found |= more
        return frozenset(found)

    def at(self, name: str) -> Claims | None:
        """Return what holds for a property when it is there, None if it never is."""
        claims: list[tuple[Node, bool]] = []
        known = False
        for layer in self.layers:
            for claim, speaks in _of_layer(layer, name):
                known = known or speaks
                claims.append(claim)
            if "propertyNames" in layer.schema and not _may_be_named(layer, name):
                return None
        if any(node.schema is False for node, _ in claims) or (self.sealed and not known):
            return None
        return tuple(claims)

    @cached_property
    def count(self) -> tuple[int, int | None]:
        """How many properties there are at least and at most; None for any number."""
        one = Alternative("object", self.layers)
        low, high = length(one, "minProperties", "maxProperties")
        if self.rest is None and not self.patterns:
            possible = sum(self.at(name) is not None for name in self.declared)
            high = possible if high is None else min(high, possible)
        return max(low, len(self.required)), high


def _of_layer(layer: Node, name: str) -> Iterator[tuple[tuple[Node, bool], bool]]:
    """Yield what a layer claims of a property, and whether it speaks of it (and not just of all)."""
    listed = layer.get("properties", {})
    unsure = False
    spoken = name in listed
    if spoken:
        yield (layer.child(listed[name]), True), True
    for text, schema in layer.get("patternProperties", {}).items():
        match matches(text, name):
            case True:
                spoken = True
                yield (layer.child(schema), True), True
            case None:
                unsure = True
    if spoken or unsure:
        return
    if "additionalProperties" in layer.schema:
        yield (layer.child(layer.schema["additionalProperties"]), True), True
    elif "unevaluatedProperties" in layer.schema and _leaves_over(layer, name):
        yield (layer.child(layer.schema["unevaluatedProperties"]), True), True


def always(node: Node, depth: int = 8) -> Iterator[Node]:
    """Yield the schemas that hold wherever this one does, because it says so."""
    for inner in [*node.children("allOf"), *(target for target in node.targets() if target)]:
        if isinstance(inner.schema, dict) and depth:
            yield inner
            yield from always(inner, depth - 1)


def _leaves_over(layer: Node, name: str | None) -> bool:
    """Tell whether surely none of its parts speaks of a property (None: of one that nobody lists).

    A part that holds in some cases only leaves it open which properties are spoken of.
    """
    for each in [layer, *always(layer)]:
        if SOMETIMES & each.schema.keys() or (each is not layer and _FOR_ALL & each.schema.keys()):
            return False
        if None in each.targets() or name in each.get("properties", ()):
            return False
        if name is not None and any(matches(t, name) is not False for t in each.get("patternProperties", ())):
            return False
    return "additionalProperties" not in layer.schema


def named(name: str) -> Node:
    """Return the schema of which a property's name is the only value."""
    return text_node({"const": name})


def text_node(said: dict[str, object]) -> Node:
    """Return a schema for names, made here."""
    return Node(_TEXTS, {"type": "string", **said}, "")


def objects_with(name: str) -> Node:
    """Return a schema for what has a property, made here."""
    return Node(_TEXTS, {"required": [name]}, "")


def _may_be_named(layer: Node, name: str) -> bool:
    text = layer.schema["propertyNames"]
    if text is False:
        return False
    pattern = text.get("pattern") if isinstance(text, dict) else None
    return pattern is None or matches(pattern, name) is not False


def dependencies(node: Node) -> Iterator[tuple[str, list[str]]]:
    """Yield each property that wants other properties beside it, and these."""
    yield from node.get("dependentRequired", {}).items() if node.document.draft >= 2019 else ()
    if node.document.draft <= 7:
        for name, others in node.get("dependencies", {}).items():
            if isinstance(others, list):
                yield name, others
