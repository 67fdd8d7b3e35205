"""What a schema admits, taken apart: a list of alternatives, each of one JSON type.

``anyOf``, ``oneOf``, ``allOf``, ``if``, ``not``, ``$ref``, ``enum`` and lists of types dissolve here; what
is left are plain schemas that hold together (``layers``), others that do not hold (``barred``), and the
type. Where something cannot be taken apart it is left out, so that alternatives may admit more than the
schema does, and never less: nothing that a writer may write is overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from dalsegno.events.schemas.documents import ANNOTATIONS, Document, Node, value_key

__all__ = [
    "KINDS",
    "Alternative",
    "Claims",
    "alternatives",
    "kind_of",
    "narrow",
    "types_of",
]

KINDS: Final = ("null", "boolean", "number", "string", "array", "object")
"""The JSON types; an integer is a number that is ``integral``."""

MOST: Final = 600
"""How many alternatives one schema may have; what would lead to more is not taken apart."""

Claims: TypeAlias = tuple[tuple[Node, bool], ...]
"""Schemas that hold together for one value, and (False) those that do not hold."""

_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Alternative:
    """Values of one JSON type for which all ``layers`` hold and none of ``barred``.

    ``value`` is the only value, where there is only one (``has_value``).
    """

    kind: str
    layers: tuple[Node, ...] = ()
    barred: tuple[Node, ...] = ()
    integral: bool = False
    value: Any = _NOTHING

    @property
    def has_value(self) -> bool:
        """Tell whether this is one single value."""
        return self.value is not _NOTHING

    @property
    def name(self) -> str:
        """The type, by the name that schemas have for it."""
        return "integer" if self.integral else self.kind


@dataclass(slots=True)
class _State:
    todo: list[tuple[Node, bool]]
    types: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(KINDS, False))  # True: integral
    layers: list[Node] = field(default_factory=list)
    barred: list[Node] = field(default_factory=list)
    values: list[Any] | None = None
    seen: set[Any] = field(default_factory=set)

    def fork(self, *more: tuple[Node, bool]) -> _State:
        return replace(
            self,
            todo=[*more, *self.todo],
            types=dict(self.types),
            layers=list(self.layers),
            barred=list(self.barred),
            seen=set(self.seen),
        )


def alternatives(claims: Claims) -> list[Alternative]:
    """Take apart what holds together. An empty list: no value can be valid."""
    return _dissolve(_State(list(claims)))


def narrow(one: Alternative, *claims: tuple[Node, bool]) -> list[Alternative]:
    """Add claims to an alternative."""
    state = _State(list(claims), {one.kind: one.integral}, list(one.layers), list(one.barred))
    state.seen = {(node.key, True) for node in one.layers}
    state.values = [one.value] if one.has_value else None
    return _dissolve(state)


def _dissolve(first: _State) -> list[Alternative]:
    found: list[Alternative] = []
    open_states = [first]
    while open_states:
        state: _State | None = open_states.pop()
        while state and state.todo:
            node, holds = state.todo.pop(0)
            if (node.key, holds) in state.seen:
                continue
            state.seen.add((node.key, holds))
            ways = _affirm(state, node) if holds else _deny(state, node)
            if ways is None:
                state = None
            elif 1 <= len(ways) <= MOST - len(found) - len(open_states):
                state, *others = [state.fork(*way) for way in ways]
                open_states.extend(reversed(others))
        if state:
            found.extend(_closed(state))
    return found


_Ways: TypeAlias = list[tuple[tuple[Node, bool], ...]]


def _affirm(state: _State, node: Node) -> _Ways | None:
    """Let a schema hold. Return the ways to go on, if it parts them; None if there is none."""
    if node.schema is False:
        return None
    if node.is_anything:
        return []
    state.todo.extend((target, True) for target in node.targets() if target)
    if node.is_reference:
        return []
    state.layers.append(node)
    types = types_of(node)
    state.types = {kind: whole or types[kind] for kind, whole in state.types.items() if kind in types}
    for allowed, keys in node.listed:
        known = state.values
        state.values = allowed if known is None else [each for each in known if value_key(each) in keys]
    state.todo.extend((part, True) for part in node.children("allOf"))
    if "not" in node.schema:
        state.todo.append((node.child(node.schema["not"]), False))
    return _ways(node)


def _ways(node: Node) -> _Ways:
    """Multiply the ways that each combining keyword leaves."""
    found: _Ways = []
    for more in (_any_of(node), _one_of(node), _if(node)):
        if more and len(found) * len(more) <= MOST:
            found = [(*one, *other) for one in found or [()] for other in more]
    return found


def _any_of(node: Node) -> _Ways:
    return [((part, True),) for part in node.children("anyOf")]


def _one_of(node: Node) -> _Ways:
    parts = node.children("oneOf")
    if len(parts) > 12:  # so many negations are not worth their price
        return [((part, True),) for part in parts]
    return [((part, True), *((other, False) for other in parts if other is not part)) for part in parts]


def _if(node: Node) -> _Ways:
    if "if" not in node.schema or not {"then", "else"} & node.schema.keys():
        return []
    test = node.child(node.schema["if"])
    then, other = (node.child(node.schema.get(word, True)) for word in ("then", "else"))
    return [((test, True), (then, True)), ((test, False), (other, True))]


def _deny(state: _State, node: Node) -> _Ways | None:
    """Let a schema not hold. Return the ways to go on, None if there is none."""
    if node.schema is False:
        return []
    if node.is_anything:
        return None
    if node.is_reference:
        targets = list(node.targets())
        return [((target, False),) for target in targets if target] if all(targets) else []
    said = node.schema.keys() - ANNOTATIONS
    if said == {"not"}:
        return [((node.child(node.schema["not"]), True),)]
    if said == {"anyOf"}:
        return [tuple((part, False) for part in node.children("anyOf"))]
    if said == {"allOf"}:
        return [((part, False),) for part in node.children("allOf")]
    if said == {"type"}:
        out = types_of(node)
        state.types = {k: whole for k, whole in state.types.items() if k not in out or (out[k] and not whole)}
    state.barred.append(node)
    return []


def types_of(node: Node) -> dict[str, bool]:
    """Return the types that the keyword ``type`` allows; True where a number must be an integer."""
    told = node.get("type", list(KINDS))
    names = [told] if isinstance(told, str) else told
    found = {name: False for name in names if name in KINDS}
    if "integer" in names and "number" not in found:
        found["number"] = True
    return found


def _closed(state: _State) -> list[Alternative]:
    layers, barred = tuple(state.layers), tuple(state.barred)
    if state.values is not None:
        found = []
        for value in state.values:
            kind = kind_of(value)
            fits = kind in state.types and not (state.types[kind] and not _is_whole(value))
            if fits and not any(_bars(node, value) for node in barred):
                found.append(Alternative(kind, (*layers, _shape(value)), barred, _is_whole(value), value))
        return found
    return [
        Alternative(kind, layers, tuple(node for node in barred if kind in types_of(node)), whole)
        for kind, whole in state.types.items()
    ]


def _bars(node: Node, value: Any) -> bool:
    said = node.schema.keys() - ANNOTATIONS
    if said == {"type"}:
        types, kind = types_of(node), kind_of(value)
        return kind in types and (not types[kind] or _is_whole(value))
    return bool(node.listed) and len(said) == 1 and value_key(value) in node.listed[0][1]


def kind_of(value: Any) -> str:
    """Return the JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
    return "array" if isinstance(value, list) else "object"


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)


_PLAIN: Final = Document({"$schema": "https://json-schema.org/draft/2020-12/schema"})


def _shape(value: Any) -> Node:
    """Say of one value what a schema could say, so that it is compared like any other."""
    said: dict[str, Any] = {}
    match value:
        case bool() | None:
            pass
        case int() | float():
            said = {"minimum": value, "maximum": value}
        case str():
            said = {"minLength": len(value), "maxLength": len(value)}
        case list():
            parts = [{"const": each} for each in value]
            said = {"items": False, "minItems": len(value), "maxItems": len(value)}
            said |= {"prefixItems": parts} if parts else {}
        case dict():
            said = {"properties": {key: {"const": each} for key, each in value.items()}}
            said |= {"required": list(value), "additionalProperties": False}
    return Node(_PLAIN, said, "")
