"""The rules for types, listed values, and schemas that are put together of others."""

from __future__ import annotations

from typing import Final

from dalsegno.events.schemas.alternatives import KINDS, Alternative, narrow, types_of
from dalsegno.events.schemas.documents import Node, value_key
from dalsegno.events.schemas.judging import Faults, Judge, quoted, say
from dalsegno.events.schemas.scalars import SubRule
from dalsegno.events.schemas.verdicts import READER, WRITER, Kind, Rule

__all__ = ["CHOICE_RULES", "VALUE_RULES"]


def _type(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    types = types_of(node)
    if _has_type(one, types):
        return []
    others = {each.name: None for each in judge.siblings if not _has_type(each, types)}
    names = list(others) if one.name in others else [one.name]
    had = "anything" if len(names) >= len(KINDS) - 1 else " or ".join(map(_article, names))
    breaks = f"{READER} wants {_named(types)} as {quoted(path)}; {WRITER} may send {had}"
    sides = (say("type", node.schema["type"]), say("type", names if len(names) > 1 else names[0]))
    return [judge.fault(path, Rule.TYPE_CHANGED, sides, breaks)]


def _has_type(one: Alternative, types: dict[str, bool]) -> bool:
    return one.kind in types and (not types[one.kind] or one.integral or _is_whole(one))


def _is_whole(one: Alternative) -> bool:
    return any((layer.get("multipleOf") or 0.5) % 1 == 0 for layer in one.layers)


def _named(types: dict[str, bool]) -> str:
    return " or ".join(_article("integer" if whole else kind) for kind, whole in types.items())


def _article(name: str) -> str:
    return name if name == "null" else f"{'an' if name[0] in 'aio' else 'a'} {name}"


def _values(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    possible = _possible(one)
    for allowed, keys in node.listed:
        missing = [value for value in possible or () if value_key(value) not in keys]
        if possible is not None and not missing:
            continue
        had = say("value", missing[0]) if missing else one.name
        what = say("", missing[0]).strip() if missing else f"any {one.name}"
        breaks = f"{READER} does not know {what} as {quoted(path)}, which {WRITER} may send"
        return [judge.fault(path, Rule.VALUES_NARROWED, (say("one of", allowed), had), breaks)]
    return []


def _possible(one: Alternative) -> list[object] | None:
    """Return the values that an alternative has, if they can be counted."""
    if one.has_value:
        return [one.value]
    countable: dict[str, list[object]] = {"null": [None], "boolean": [False, True]}
    return countable.get(one.kind)


def _all_of(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    return [fault for part in node.children("allOf") for fault in judge.accepts(one, part, path)]


def _any_of(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    parts = node.children("anyOf")
    return _best(judge, one, _possible_parts(judge, one, parts), len(parts), path)


def _one_of(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    total = node.children("oneOf")
    parts = _possible_parts(judge, one, total)
    if len(parts) == 1:  # none of the others accepts it too
        return judge.accepts(one, parts[0], path)
    fitting = [part for part in parts if not judge.accepts(one, part, path)]
    if not fitting:
        return _best(judge, one, parts, len(total), path)
    breaks = f"for {READER}, {quoted(path)} must be one thing of several; {WRITER} may send two in one"
    sides = (f"exactly one of {len(total)}", one.name)
    kind = Kind.BREAKS if len(fitting) > 1 else Kind.UNPROVEN
    return [judge.fault(path, Rule.SEVERAL_ALTERNATIVES, sides, breaks, kind)]


def _possible_parts(judge: Judge, one: Alternative, parts: list[Node]) -> list[Node]:
    """Leave out the parts that take none of an alternative's values; where there is one part, keep it."""
    return parts if len(parts) == 1 else [part for part in parts if not judge.is_disjoint(one, part)]


def _best(judge: Judge, one: Alternative, parts: list[Node], total: int, path: str) -> Faults:
    """Find a part that takes the alternative; if there is none, tell of the nearest one why not."""
    tried = []
    for part in parts:
        found = judge.accepts(one, part, path)
        if not found:
            return []
        tried.append(found)
    if _is_split(judge, one, parts, path):
        return []
    if total == 1:
        return tried[0]
    near = [found for found in tried if all(_is_inner(fault.rule) for fault in found)]
    if len(near) == 1:
        return near[0]
    sides = (f"one of {total} alternatives", one.name)
    breaks = f"{READER} has no alternative that takes {_article(one.name)} as {quoted(path)}"
    unsure = len(near) > 1 or any(all(f.kind is Kind.UNPROVEN for f in found) for found in tried)
    kind = Kind.UNPROVEN if unsure else Kind.BREAKS  # what no part takes alone, several may take together
    return [judge.fault(path, Rule.NO_ALTERNATIVE, sides, f"{breaks}, which {WRITER} may send", kind)]


def _is_inner(rule: Rule) -> bool:
    return rule not in (Rule.TYPE_CHANGED, Rule.NO_ALTERNATIVE, Rule.VALUES_NARROWED, Rule.NOTHING_ACCEPTED)


def _is_split(judge: Judge, one: Alternative, parts: list[Node], path: str) -> bool:
    """Tell whether each of the few values that there are finds a part of its own."""
    if one.kind != "boolean" or one.has_value:
        return False
    ones = [Alternative(one.kind, one.layers, one.barred, False, value) for value in (False, True)]
    return all(any(not judge.accepts(each, part, path) for part in parts) for each in ones)


def _not(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    barred = node.child(node.schema["not"])
    if any(judge.covers(((barred, True),), known, sealed=False, here=True) for known in one.barred):
        return []
    if judge.is_disjoint(one, barred):
        return []
    sides = (say("not", barred.schema), one.name)
    breaks = f"{READER} refuses some of what {WRITER} may send as {quoted(path)}"
    return [judge.fault(path, Rule.EXCLUDED, sides, breaks, Kind.UNPROVEN)]


def _if(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    test = node.child(node.schema["if"])
    found: Faults = []
    for word, holds in (("then", True), ("else", False)):
        if word in node.schema:
            wanted = node.child(node.schema[word])
            for each in narrow(one, (test, holds)):
                found += judge.accepts(each, wanted, path) if not judge.is_empty(each) else []
    return found


VALUE_RULES: Final[dict[str, SubRule]] = {"type": _type, "enum": _values, "const": _values}

CHOICE_RULES: Final[dict[str, SubRule]] = {
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
