"""The rules for objects: which properties a reader needs, which it takes, and how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from dalsegno.events.schemas.alternatives import Alternative, narrow
from dalsegno.events.schemas.documents import Node
from dalsegno.events.schemas.judging import Faults, Judge, matches, matches_all, part, quoted, say, speaks_of
from dalsegno.events.schemas.properties import (
    SOMETIMES,
    Properties,
    always,
    dependencies,
    named,
    objects_with,
    text_node,
)
from dalsegno.events.schemas.scalars import SubRule
from dalsegno.events.schemas.verdicts import READER, WRITER, Kind, Rule

__all__ = ["OBJECT_RULES", "is_empty_object"]

_APPLIED: Final = frozenset(
    "properties patternProperties additionalProperties unevaluatedProperties "
    "allOf anyOf oneOf not if then else dependentSchemas".split()
)


def _properties(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    writes = Properties(one, judge.sealed)
    found: Faults = []
    for name, schema in node.schema["properties"].items():
        place, wanted, had = part(path, name), node.child(schema), writes.at(name)
        if had is None:
            continue
        if not had and _is_free(writes, name):
            wants = name in node.get("required", ()) and not _has_default(node, name)
            told = wants and name not in writes.required  # it is missing anyway, which is said elsewhere
            if not told and (judge.conventions or not wanted.is_anything):
                found.append(_taken(judge, place, wanted))
            continue
        found += judge.includes(had, wanted, place)
    return found


def _is_free(writes: Properties, name: str) -> bool:
    """Tell whether a writer may put anything under a name, since nothing is said of it."""
    return name not in writes.declared and not any(matches(text, name) for text in writes.patterns)


def _taken(judge: Judge, place: str, wanted: Node) -> Any:
    name = quoted(place)
    breaks = (
        f"{READER} now knows {name}; {WRITER}, whose properties are open, may send anything there already"
    )
    kind = Kind.CONVENTION if wanted.is_anything else Kind.BREAKS
    sides = (say(name.strip("`"), wanted.schema), "not declared, and not forbidden")
    return judge.fault(place, Rule.PROPERTY_TAKEN, sides, breaks, kind)


def _required(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    writes = Properties(one, judge.sealed)
    missing = [name for name in node.schema["required"] if name not in writes.required]
    return [_missing(judge, writes, name, path) for name in missing if not _has_default(node, name)]


def _has_default(node: Node, name: str) -> bool:
    """Tell whether a reader has something to put in for a property that is not there."""
    own = node.get("properties", {}).get(name)
    for _ in range(8):
        if isinstance(own, dict) and "default" in own:
            return True
        targets = [target for target in node.child(own).targets() if target] if own is not None else []
        if not targets:
            return False
        node, own = targets[0], targets[0].schema
    return False


def _missing(judge: Judge, writes: Properties, name: str, path: str) -> Any:
    place = part(path, name)
    never = writes.at(name) is None
    had = "never there" if never else "optional" if name in writes.declared else "not declared"
    what = "does not send it" if never or had == "not declared" else "need not send it"
    breaks = f"{READER} does not find {quoted(place)}; {WRITER} {what}"
    return judge.fault(place, Rule.REQUIRED_MISSING, ("required, without a default", had), breaks)


def _additional(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.child(node.schema["additionalProperties"])
    listed, own = node.get("properties", {}), node.get("patternProperties", {})
    if wanted.is_anything:
        return []
    writes = Properties(one, judge.sealed)
    found: Faults = []
    for name in writes.declared:
        if name not in listed and not any(matches(text, name) for text in own):
            found += _also(judge, writes.at(name), wanted, part(path, name))
    for text, claims in writes.patterns.items():
        if text not in own:
            found += _also(judge, claims, wanted, f"{path}.<{text}>")
    if not any(matches_all(text) for text in own):
        found += _also(judge, writes.rest, wanted, f"{path}.*")
    return found


def _also(judge: Judge, claims: Any, wanted: Node, place: str) -> Faults:
    """Compare a property that the reader does not list with what it wants of such ones."""
    if claims is None or judge.is_never(claims):
        return []
    if wanted.schema is not False:
        return judge.includes(claims, wanted, place)
    which = "properties that it does not list" if place.endswith(".*") else quoted(place)
    breaks = f"{READER} refuses {which}, which {WRITER} may send"
    had = "any other property" if place.endswith(".*") else "a property"
    return [judge.fault(place, Rule.PROPERTY_REFUSED, ("no other properties", had), breaks)]


def _patterns(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    writes = Properties(one, judge.sealed)
    found: Faults = []
    for text, schema in node.schema["patternProperties"].items():
        wanted = node.child(schema)
        for name in writes.declared:
            had = writes.at(name)
            if had is not None and matches(text, name) is not False:
                found += judge.includes(had, wanted, part(path, name))
        if wanted.is_anything:
            continue
        also = writes.patterns.get(text, ())  # a name may match both
        for other, claims in writes.patterns.items():
            found += judge.includes((*also, *claims), wanted, f"{path}.<{other}>")
        if writes.rest is not None and text not in writes.patterns and not judge.is_never(writes.rest):
            found += judge.includes(writes.rest, wanted, f"{path}.<{text}>")
    return found


def _names(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.child(node.schema["propertyNames"])
    if wanted.is_anything:
        return []
    writes = Properties(one, judge.sealed)
    own = [
        (layer.child(layer.schema["propertyNames"]), True)
        for layer in one.layers
        if layer.get("propertyNames") is not None
    ]
    names = [named(name) for name in writes.declared if writes.at(name) is not None]
    names += [text_node({"pattern": text}) for text in writes.patterns]
    if writes.rest is not None:
        names = [text_node({})]
    for name in names:
        if _takes_all(wanted):
            continue
        if faults := judge.includes((*own, (name, True)), wanted, path):
            breaks = f"{READER} refuses names of properties in {quoted(path)} that {WRITER} may use"
            sides = (say("propertyNames", wanted.schema), say("names", name.schema))
            return [judge.fault(path, Rule.PROPERTY_NAMES_NARROWED, sides, breaks, faults[0].kind)]
    return []


def _takes_all(wanted: Node) -> bool:
    text = wanted.get("pattern")
    return isinstance(text, str) and wanted.schema.keys() == {"pattern"} and matches_all(text)


def _count(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    low, high = Properties(one, judge.sealed).count
    least, most = node.get("minProperties", 0), node.get("maxProperties")
    had = f"{low} to {'any' if high is None else high} properties"
    found = []
    if low < least:
        breaks = f"{READER} wants {least} properties or more in {quoted(path)}; {WRITER} may send fewer"
        sides = (f"at least {least} properties", had)
        found.append(judge.fault(path, Rule.PROPERTY_COUNT_NARROWED, sides, breaks))
    if most is not None and (high is None or high > most):
        breaks = f"{READER} takes {most} properties or less in {quoted(path)}; {WRITER} may send more"
        sides = (f"at most {most} properties", had)
        found.append(judge.fault(path, Rule.PROPERTY_COUNT_NARROWED, sides, breaks))
    return found


def _dependencies(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    writes = Properties(one, judge.sealed)
    found: Faults = []
    for name, others in dependencies(node):
        if writes.at(name) is None:
            continue
        there = _together(one, name) | writes.required
        for other in others:
            if other not in there and not _has_default(node, other):
                place = part(path, other)
                breaks = f"{READER} does not find {quoted(place)}, which it wants beside `{name}`"
                sides = (f"required beside {name}", "optional")
                found.append(judge.fault(place, Rule.DEPENDENCY_ADDED, sides, breaks))
    for name, wanted in _dependent_schemas(node):
        if writes.at(name) is not None:
            for each in _having(one, name):
                found += judge.accepts(each, wanted, path) if not judge.is_empty(each) else []
    return found


def _together(one: Alternative, name: str) -> frozenset[str]:
    ones = [Properties(each, sealed=False).required for each in _having(one, name)]
    return frozenset.intersection(*ones) if ones else frozenset()


def _having(one: Alternative, name: str) -> list[Alternative]:
    """Return the same objects, as far as they have a property."""
    claims = [(objects_with(name), True)]
    for layer in one.layers:
        claims += [(wanted, True) for known, wanted in _dependent_schemas(layer) if known == name]
    return narrow(one, *claims)


def _dependent_schemas(node: Node) -> Iterator[tuple[str, Node]]:
    for word in ("dependentSchemas", "dependencies"):
        if (word == "dependencies") == (node.document.draft <= 7):
            for name, schema in node.get(word, {}).items():
                if not isinstance(schema, list):
                    yield name, node.child(schema)


def _unevaluated(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    """Hold other properties to what the reader says of those that none of its parts speaks of."""
    wanted = node.schema["unevaluatedProperties"]
    if any(speaks_of(layer, _APPLIED) == speaks_of(node, _APPLIED) for layer in one.layers):
        return []
    names: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for each in [node, *always(node)]:
        if "additionalProperties" in each.schema:
            return []
        names |= each.get("properties", {})
        texts |= each.get("patternProperties", {})
    said = {"properties": dict.fromkeys(names, True), "patternProperties": dict.fromkeys(texts, True)}
    plain = Node(node.document, {**said, "additionalProperties": wanted}, node.base)
    found = _additional(judge, one, plain, path)
    if not SOMETIMES & node.schema.keys():
        return found
    return [msgspec.structs.replace(fault, kind=Kind.UNPROVEN) for fault in found]


def is_empty_object(judge: Judge, one: Alternative) -> bool:
    """Tell whether surely no object fits."""
    writes = Properties(one, judge.sealed)
    low, high = writes.count
    if high is not None and low > high:
        return True
    parts = [writes.at(name) for name in sorted(writes.required)]
    return any(claims is None or judge.is_never(claims) for claims in parts)


OBJECT_RULES: Final[dict[str, SubRule]] = {
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "unevaluatedProperties": _unevaluated,
    "patternProperties": _patterns,
    "propertyNames": _names,
    "minProperties": _count,
    "maxProperties": _count,
    "dependentRequired": _dependencies,
    "dependentSchemas": _dependencies,
    "dependencies": _dependencies,
}
