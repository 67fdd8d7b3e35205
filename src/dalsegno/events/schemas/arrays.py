"""The rules for arrays: what stands at which place, how many there are, and what is among them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from dalsegno.events.schemas.alternatives import Alternative, Claims
from dalsegno.events.schemas.documents import Node, value_key
from dalsegno.events.schemas.judging import Faults, Judge, quoted, say, speaks_of
from dalsegno.events.schemas.scalars import SubRule, length
from dalsegno.events.schemas.verdicts import READER, WRITER, Kind, Rule

__all__ = ["ARRAY_RULES", "is_empty_array"]

_MOST_PLACES: Final = 1000
_APPLIED: Final = frozenset(
    "prefixItems items additionalItems contains minContains maxContains unevaluatedItems "
    "allOf anyOf oneOf not if then else dependentSchemas".split()
)


def _tuple_of(node: Node) -> list[Node]:
    """Return what a schema says of the first items, one by one."""
    told = node.get("prefixItems" if node.document.draft >= 2020 else "items")
    return [node.child(each) for each in told] if isinstance(told, list) else []


def _others_of(node: Node) -> Node | None:
    """Return what a schema says of all items behind those, None if nothing."""
    told = node.get("items")
    if isinstance(told, list):  # up to 2019-09, a list of items is what is called prefixItems now
        told = node.get("additionalItems")
    return None if told is None else node.child(told)


class _Items:
    """The content model of one alternative of type array."""

    def __init__(self, one: Alternative) -> None:
        self.layers = one.layers
        low, high = length(one, "minItems", "maxItems")
        self.places = min(max((len(_tuple_of(layer)) for layer in one.layers), default=0), _MOST_PLACES)
        for place in range(self.places):
            if any(node.schema is False for node, _ in self._claims(place)):
                high = place if high is None else min(high, place)
                break
        if any(node.schema is False for node, _ in self.rest):
            high = self.places if high is None else min(high, self.places)
        self.low, self.high = low, high

    def at(self, place: int) -> Claims | None:
        """Return what holds for the item at a place, None if there is never one."""
        return None if self.high is not None and place >= self.high else self._claims(place)

    def _claims(self, place: int) -> Claims:
        found = []
        for layer in self.layers:
            first, others = _tuple_of(layer), _others_of(layer)
            if place < len(first):
                found.append((first[place], True))
            elif others is not None:
                found.append((others, True))
        return tuple(found)

    @cached_property
    def rest(self) -> Claims:
        """What holds for the items behind all places that are spoken of."""
        return tuple((node, True) for layer in self.layers if (node := _others_of(layer)) is not None)

    @property
    def has_rest(self) -> bool:
        """Tell whether there may be items there."""
        return self.high is None or self.high > self.places

    def all(self) -> Iterator[Claims]:
        """Yield what holds for each item that there may be."""
        for place in range(self.places):
            claims = self.at(place)
            if claims is not None:
                yield claims
        if self.has_rest:
            yield self.rest


def _items(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    found = _each_item(judge, one, node, path)
    if found or not judge.conventions:
        return found
    return _list_or_tuple(judge, one, node, path)


def _each_item(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    first, others, writes = _tuple_of(node), _others_of(node), _Items(one)
    found: Faults = []
    for place, wanted in enumerate(first[:_MOST_PLACES]):
        claims = writes.at(place) if place < writes.places or writes.has_rest else None
        if claims is not None:
            found += _compare(judge, claims, wanted, f"{path}[{place}]")
    if others is None:
        return found
    for place in range(len(first), writes.places):
        claims = writes.at(place)
        if claims is not None:
            found += _compare(judge, claims, others, f"{path}[{place}]")
    if writes.high is None or writes.high > max(writes.places, len(first)):
        found += _compare(judge, writes.rest, others, f"{path}[]")
    return found


def _compare(judge: Judge, claims: Claims, wanted: Node, place: str) -> Faults:
    if wanted.is_anything or judge.is_never(claims):
        return []
    if wanted.schema is False:
        breaks = f"{READER} takes no item {quoted(place)}, which {WRITER} may send"
        return [judge.fault(place, Rule.ITEM_REFUSED, ("no such item", "an item"), breaks)]
    found = judge.includes(claims, wanted, place)
    if claims or not found:
        return found
    breaks = f"{READER} now knows {quoted(place)}; {WRITER} may send anything there"
    return [judge.fault(place, Rule.ITEM_TAKEN, (say("items", wanted.schema), "anything"), breaks)]


def _list_or_tuple(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    layer = next(
        (each for each in one.layers if "items" in each.schema or "prefixItems" in each.schema), None
    )
    if layer is None or one.has_value or bool(_tuple_of(layer)) == bool(_tuple_of(node)):
        return []
    names = ["a tuple" if _tuple_of(each) else "a list" for each in (node, layer)]
    breaks = f"{READER} reads {quoted(path)} as {names[0]}, {WRITER} writes {names[1]}"
    return [judge.fault(path, Rule.LIST_OR_TUPLE, (names[0], names[1]), breaks, Kind.CONVENTION)]


def _count(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    writes = _Items(one)
    least, most = node.get("minItems", 0), node.get("maxItems")
    had = f"{writes.low} to {'any' if writes.high is None else writes.high} items"
    found = []
    if writes.low < least:
        breaks = f"{READER} wants {least} items or more in {quoted(path)}; {WRITER} may send fewer"
        found.append(judge.fault(path, Rule.ITEM_COUNT_NARROWED, (f"at least {least} items", had), breaks))
    if most is not None and (writes.high is None or writes.high > most):
        breaks = f"{READER} takes {most} items or less in {quoted(path)}; {WRITER} may send more"
        found.append(judge.fault(path, Rule.ITEM_COUNT_NARROWED, (f"at most {most} items", had), breaks))
    return found


def _unique(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    high = _Items(one).high
    if not node.schema["uniqueItems"] or (high is not None and high <= 1):
        return []
    if any(layer.get("uniqueItems") is True for layer in one.layers) or _has_distinct(one):
        return []
    breaks = f"{READER} refuses equal items in {quoted(path)}, which {WRITER} may send"
    return [judge.fault(path, Rule.UNIQUENESS_ADDED, ("no two equal items", "any items"), breaks)]


def _has_distinct(one: Alternative) -> bool:
    return one.has_value and len({value_key(each) for each in one.value}) == len(one.value)


def _contains(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.child(node.schema["contains"])
    counts = node.document.draft >= 2019
    least = node.get("minContains", 1) if counts else 1
    most = node.get("maxContains") if counts else None
    writes = _Items(one)
    found: Faults = []
    if least and not _has_enough(judge, one, writes, wanted, least):
        breaks = f"{READER} wants {least} such items in {quoted(path)}; {WRITER} may send fewer"
        sides = (say("contains", wanted.schema), "items of any kind")
        found.append(judge.fault(path, Rule.CONTAINS_NARROWED, sides, breaks))
    if most is not None and not _has_few(judge, one, writes, wanted, most):
        breaks = f"{READER} takes {most} such items in {quoted(path)}; {WRITER} may send more"
        sides = (f"{say('contains', wanted.schema)} at most {most} times", "any number of times")
        found.append(judge.fault(path, Rule.CONTAINS_NARROWED, sides, breaks))
    return found


def _has_enough(judge: Judge, one: Alternative, writes: _Items, wanted: Node, least: int) -> bool:
    fitting = [
        place for place in range(min(writes.low, _MOST_PLACES)) if _fits(judge, writes.at(place), wanted)
    ]
    if len(fitting) >= least:
        return True
    for layer in one.layers:
        inner = layer.get("contains")
        count = layer.get("minContains", 1) if layer.document.draft >= 2019 else 1
        if inner is not None and count >= least and judge.covers(((layer.child(inner), True),), wanted):
            return True
    return False


def _fits(judge: Judge, claims: Claims | None, wanted: Node) -> bool:
    return claims is not None and judge.covers(claims, wanted)


def _has_few(judge: Judge, one: Alternative, writes: _Items, wanted: Node, most: int) -> bool:
    if writes.high is not None and writes.high <= most:
        return True
    for layer in one.layers:
        inner, count = layer.get("contains"), layer.get("maxContains")
        if inner is None or count is None or count > most:
            continue
        if judge.covers(((wanted, True),), layer.child(inner), sealed=False):
            return True
    return all(judge.is_never((*claims, (wanted, True))) for claims in writes.all())


def _unevaluated(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.child(node.schema["unevaluatedItems"])
    if wanted.is_anything or any(
        speaks_of(layer, _APPLIED) == speaks_of(node, _APPLIED) for layer in one.layers
    ):
        return []
    plain = {word: node.schema[word] for word in ("prefixItems", "items") if word in node.schema}
    if isinstance(plain.get("items"), (dict, bool)):
        return []
    closed = Node(node.document, {"items": wanted.schema, **plain}, node.base)
    if "items" in plain:
        closed = Node(node.document, {**plain, "additionalItems": wanted.schema}, node.base)
    return [] if not _each_item(judge, one, closed, path) else _not_shown(judge, wanted, path)


def _not_shown(judge: Judge, wanted: Node, path: str) -> Faults:
    breaks = f"{READER} may refuse items of {quoted(path)} that none of its parts speaks of"
    sides = (say("unevaluatedItems", wanted.schema), "other items")
    return [judge.fault(path, Rule.ITEM_REFUSED, sides, breaks, Kind.UNPROVEN)]


def is_empty_array(judge: Judge, one: Alternative) -> bool:
    """Tell whether surely no array fits."""
    writes = _Items(one)
    if writes.high is not None and writes.low > writes.high:
        return True
    needed = range(min(writes.low, writes.places + 1, _MOST_PLACES))
    return any(judge.is_never(claims) for place in needed if (claims := writes.at(place)) is not None)


ARRAY_RULES: Final[dict[str, SubRule]] = {
    "prefixItems": _items,
    "items": _items,
    "additionalItems": _items,
    "unevaluatedItems": _unevaluated,
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": _unique,
    "contains": _contains,
}
