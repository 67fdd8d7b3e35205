"""The rules for numbers and strings: a reader may loosen a bound, and never tighten it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final, TypeAlias

import jsonschema_rs

from dalsegno.events.schemas.alternatives import Alternative
from dalsegno.events.schemas.documents import Node
from dalsegno.events.schemas.judging import Faults, Judge, matches, matches_all, quoted
from dalsegno.events.schemas.verdicts import READER, WRITER, Kind, Rule

__all__ = ["NUMBER_RULES", "STRING_RULES", "SubRule", "is_empty_number", "is_empty_string"]

SubRule: TypeAlias = Callable[[Judge, Alternative, Node, str], Faults]
"""One keyword of the reader against one alternative of the writer, at a path."""

Bound: TypeAlias = tuple[Any, bool]
"""A limit, and whether the limit itself is out."""

_WIDER: Final = {  # format -> the formats whose every text has it too
    "idn-email": {"email"},
    "idn-hostname": {"hostname"},
    "uri-reference": {"uri"},
    "iri": {"uri"},
    "iri-reference": {"uri", "iri", "uri-reference"},
}


def _own_bounds(node: Node, word: str, exclusive: str) -> Iterator[Bound]:
    limit, beyond = node.get(word), node.get(exclusive)
    if limit is not None:
        yield limit, beyond is True  # draft 4: the other keyword is a flag of this one
    if beyond is not None and not isinstance(beyond, bool):
        yield beyond, True


def _lowest(one: Alternative) -> Bound | None:
    found = [b for layer in one.layers for b in _own_bounds(layer, "minimum", "exclusiveMinimum")]
    if not found:
        return None
    limit, out = max(found, key=lambda bound: (bound[0], bound[1]))
    if one.integral:
        return math.floor(limit) + 1 if out else math.ceil(limit), False
    return limit, out


def _highest(one: Alternative) -> Bound | None:
    found = [b for layer in one.layers for b in _own_bounds(layer, "maximum", "exclusiveMaximum")]
    if not found:
        return None
    limit, out = min(found, key=lambda bound: (bound[0], not bound[1]))
    if one.integral:
        return math.ceil(limit) - 1 if out else math.floor(limit), False
    return limit, out


def _minimum(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    known = _lowest(one)
    for limit, out in _own_bounds(node, "minimum", "exclusiveMinimum"):
        if known is None or known[0] < limit or (known[0] == limit and out and not known[1]):
            wanted = f"{'above' if out else 'at least'} {limit}"
            had = "any number" if known is None else f"{'above' if known[1] else 'at least'} {known[0]}"
            return [_narrowed(judge, path, wanted, had, "less")]
    return []


def _maximum(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    known = _highest(one)
    for limit, out in _own_bounds(node, "maximum", "exclusiveMaximum"):
        if known is None or known[0] > limit or (known[0] == limit and out and not known[1]):
            wanted = f"{'below' if out else 'at most'} {limit}"
            had = "any number" if known is None else f"{'below' if known[1] else 'at most'} {known[0]}"
            return [_narrowed(judge, path, wanted, had, "more")]
    return []


def _narrowed(judge: Judge, path: str, wanted: str, had: str, what: str) -> Any:
    breaks = f"{READER} takes {wanted} as {quoted(path)}; {WRITER} may send {what}"
    return judge.fault(path, Rule.RANGE_NARROWED, (wanted, had), breaks)


def _fraction(value: Any) -> Fraction:
    return Fraction(str(value))  # 0.1 is a tenth, as it was written


def _multiple(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    step = node.schema["multipleOf"]
    known = [_fraction(layer.get("multipleOf")) for layer in one.layers if layer.get("multipleOf")]
    known += [Fraction(1)] if one.integral else []
    known += [_fraction(one.value)] if one.has_value else []
    if any((each / _fraction(step)).denominator == 1 for each in known):
        return []
    had = f"multiples of {known[0]}" if known else "any number"
    breaks = f"{READER} takes multiples of {step} as {quoted(path)}; {WRITER} may send other numbers"
    return [judge.fault(path, Rule.MULTIPLE_CHANGED, (f"multiples of {step}", had), breaks)]


def is_empty_number(one: Alternative) -> bool:
    """Tell whether surely no number fits."""
    low, high = _lowest(one), _highest(one)
    if low and high and (low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1]))):
        return True
    steps = [_fraction(layer.get("multipleOf")) for layer in one.layers if layer.get("multipleOf")]
    return one.has_value and any((_fraction(one.value) / step).denominator != 1 for step in steps)


def length(one: Alternative, least: str, most: str) -> tuple[int, int | None]:
    """Return the bounds that a pair of counting keywords leaves; None for no upper one."""
    low = max((math.ceil(layer.get(least, 0)) for layer in one.layers), default=0)
    tops = [math.floor(layer.get(most)) for layer in one.layers if layer.get(most) is not None]
    return low, min(tops, default=None)


def _length(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    low, high = length(one, "minLength", "maxLength")
    least, most = node.get("minLength", 0), node.get("maxLength")
    had = f"{low} to {'any' if high is None else high} characters"
    found = []
    if low < least:
        breaks = f"{READER} wants {least} characters or more in {quoted(path)}; {WRITER} may send fewer"
        sides = (f"at least {least} characters", had)
        found.append(judge.fault(path, Rule.LENGTH_NARROWED, sides, breaks))
    if most is not None and (high is None or high > most):
        breaks = f"{READER} takes {most} characters or less in {quoted(path)}; {WRITER} may send more"
        sides = (f"at most {most} characters", had)
        found.append(judge.fault(path, Rule.LENGTH_NARROWED, sides, breaks))
    return found


def _pattern(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.schema["pattern"]
    known = [layer.get("pattern") for layer in one.layers if layer.get("pattern")]
    if wanted in known or (one.has_value and matches(wanted, one.value)):
        return []
    sides = (f"pattern {wanted}", f"pattern {known[0]}" if known else "no pattern")
    if matches_all(wanted):
        if not judge.conventions:
            return []
        breaks = f"{READER} has a pattern for {quoted(path)} that {WRITER} does not have"
        return [judge.fault(path, Rule.PATTERN_CHANGED, sides, breaks, Kind.CONVENTION)]
    breaks = f"{READER} takes texts of its pattern as {quoted(path)}; {WRITER} may send others"
    kind = Kind.UNPROVEN if known and not one.has_value else Kind.BREAKS
    return [judge.fault(path, Rule.PATTERN_CHANGED, sides, breaks, kind)]


def _format(judge: Judge, one: Alternative, node: Node, path: str) -> Faults:
    wanted = node.schema["format"]
    known = {layer.get("format") for layer in one.layers} - {None}
    if known & {wanted, *_WIDER.get(wanted, ())} or (one.has_value and _has_format(wanted, one.value)):
        return []
    had = f"format {min(known)}" if known else "no format"
    breaks = f"{READER} reads {quoted(path)} as {wanted}; {WRITER} may send a text that is none"
    return [judge.fault(path, Rule.FORMAT_CHANGED, (f"format {wanted}", had), breaks)]


def _has_format(wanted: str, value: str) -> bool:
    told = {"$schema": "http://json-schema.org/draft-07/schema#", "format": wanted}
    return jsonschema_rs.validator_for(told, validate_formats=True).is_valid(value)


def is_empty_string(one: Alternative) -> bool:
    """Tell whether surely no text fits."""
    low, high = length(one, "minLength", "maxLength")
    if high is not None and low > high:
        return True
    patterns = [layer.get("pattern") for layer in one.layers if layer.get("pattern")]
    return one.has_value and any(matches(pattern, one.value) is False for pattern in patterns)


NUMBER_RULES: Final[dict[str, SubRule]] = {
    "minimum": _minimum,
    "exclusiveMinimum": _minimum,
    "maximum": _maximum,
    "exclusiveMaximum": _maximum,
    "multipleOf": _multiple,
}

STRING_RULES: Final[dict[str, SubRule]] = {
    "minLength": _length,
    "maxLength": _length,
    "pattern": _pattern,
    "format": _format,
}
