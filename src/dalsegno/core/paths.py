"""Walks through values: what a value is made of, and where in it something is wrong.

A path is written as JSON path has it: ``$.items[2].price``. The walks run only when something has
gone wrong or may have; none of them changes a value or calls anything but its attributes and ``==``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias

from dalsegno.errors import NotEncodable

_LEAVES = frozenset({str, int, bool, NoneType})
_NATIVE = frozenset({*_LEAVES, float})
_PLAIN = frozenset({*_NATIVE, list, dict})
_DEEPEST = 200  # a path longer than this helps nobody

Trail: TypeAlias = "tuple[Trail, Any] | None"
"""The keys that lead to a place, last one first: built at each step, written out only once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong (``why`` follows the path in a sentence), where, and the type that is there.

    ``mend`` says what to do, if it is always the same.
    """

    path: str
    why: str
    type: str
    mend: str = ""


def refusal(what: str, fault: Fault, mend: str) -> NotEncodable:
    """Make the error that names ``what`` (such as "the result of step charge"), the path and the type."""
    return NotEncodable(
        f"{sentence(what)} cannot be recorded: {fault.path} {fault.why}.",
        "Nothing was written.",
        fault.mend or mend,
        path=fault.path,
        type=fault.type,
    )


def sentence(what: str) -> str:
    """Begin a sentence with ``what``."""
    return what[:1].upper() + what[1:]


def brief(error: Exception) -> str:
    """Put an error's message on one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}…"


def children(value: Any) -> Collection[tuple[Any, Any]]:
    """List the parts of a value with their keys: items, elements or fields; nothing for a leaf."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, (list, tuple, set, frozenset)):
        names = getattr(type(value), "_fields", None)
        return list(enumerate(value) if names is None else zip(names, value, strict=False))
    return fields(value) or ()


def fields(value: Any) -> list[tuple[str, Any]] | None:
    """List the fields of a pydantic model, Struct, dataclass or attrs object; None for anything else.

    A field that a pydantic model excludes, or that is not set, is left out.
    """
    kind = type(value)
    if (declared := getattr(kind, "__pydantic_fields__", None)) is not None:
        excluded = {name for name, field in declared.items() if field.exclude}
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return [pair for pair in (*vars(value).items(), *extra.items()) if pair[0] not in excluded]
    names: Iterable[str]
    if hasattr(kind, "__struct_fields__"):
        names = kind.__struct_fields__
    elif hasattr(kind, "__dataclass_fields__"):
        names = kind.__dataclass_fields__
    elif hasattr(kind, "__attrs_attrs__"):
        names = (attribute.name for attribute in kind.__attrs_attrs__)
    else:
        return None
    return [(name, getattr(value, name)) for name in names if hasattr(value, name)]


def unencodable(value: Any, encode: Callable[[Any], object]) -> Fault:
    """Find the innermost part that ``encode`` refuses, given that it refused ``value``."""
    trail: Trail = None
    seen = {id(value)}
    while True:
        refused = next((part for part in children(value) if _refuses(encode, part[1])), None)
        if refused is None:
            # What is refused inside and accepted alone was merely too deep down.
            error = _refuses(encode, value) or RecursionError()
            return _key_fault_in(value, trail, encode) or _own_fault(value, trail, error)
        trail, value = (trail, refused[0]), refused[1]
        if id(value) in seen:
            return Fault(_written(trail), "contains itself", _name(value), "Refer to it by an id.")
        if len(seen) == _DEEPEST:
            return Fault(_written(trail), "is nested too deep", _name(value), "Make it flat.")
        seen.add(id(value))


def _refuses(encode: Callable[[Any], object], part: Any) -> Exception | None:
    try:
        encode(part)
    except Exception as error:  # an object's own serializer may raise anything
        return error
    return None


def _own_fault(value: Any, trail: Trail, error: Exception | None = None) -> Fault:
    """Say what is wrong with a value whose parts are all right."""
    why, mend = f"is of type {_name(value)}, which has no encoding", ""
    if isinstance(error, RecursionError):
        return Fault(_written(trail), "is nested too deep", _name(value), "Make it flat.")
    if error is not None and fields(value) is not None:
        why = f"is a {_name(value)} that cannot be written: {brief(error)}"
    if isinstance(value, str):
        why = "is text with a lone surrogate, which is no Unicode"
        mend = 'Make it text with .encode(errors="replace").decode(), or keep bytes.'
    elif isinstance(value, float) and not math.isfinite(value):
        why = f"is {float.__repr__(value)}, for which JSON has no number"
        mend = "Put None, text or a Decimal in its place."
    elif isinstance(value, int):
        why, mend = "is an integer of more digits than Python reads", "Write it as text, in hex."
    return Fault(_written(trail), why, _name(value), mend)


def _key_fault_in(value: Any, trail: Trail, encode: Callable[[Any], object]) -> Fault | None:
    keys = value if isinstance(value, dict) else ()
    return next((_key_fault(key, trail) for key in keys if _refuses(encode, {key: None})), None)


def _key_fault(key: Any, trail: Trail) -> Fault:
    name = _name(key)
    why = "has a lone surrogate in its key" if isinstance(key, str) else f"has a key of type {name}"
    return Fault(_written((trail, key)), why, name)


def nonfinite(value: Any) -> Fault | None:
    """Find a float that is NaN or infinite, which JSON encoders write as null, in an encodable value."""
    todo: list[tuple[Trail, Any]] = [(None, value)]
    seen: set[int] = set()  # an encodable object may still refer to itself in what is not encoded
    for trail, item in todo:
        if isinstance(item, float):
            if not math.isfinite(item):
                return _own_fault(item, trail)
            continue
        if id(item) in seen:
            continue
        seen.add(id(item))
        for key, child in children(item):
            if type(key) is float and not math.isfinite(key):
                return Fault(_written((trail, key)), f"has the key {key!r}", _name(key))
            if type(child) not in _LEAVES:
                todo.append(((trail, key), child))  # and the loop reaches it
    return None


def lost(value: Any, back: Any, trail: Trail = None) -> Fault | None:
    """Find a part that reads back as less than it was: a Decimal as text, a set as a list.

    A tuple may read back as a list, and what a type annotation converts (a date from text) is meant.
    """
    if _equal(value, back):
        return None
    kind, read = type(value), type(back)
    if read is dict and isinstance(value, dict):
        return _lost_inside(value, back, trail)
    if read is list and isinstance(value, (list, tuple)) and not hasattr(kind, "_fields"):
        return _lost_inside(value, back, trail)
    if kind is not read:
        # Plain data is what remains of a value whose type nobody declared; so is the mere base of it.
        return _loss(value, back, trail) if read in _PLAIN or isinstance(value, read) else None
    if kind in (set, frozenset):
        return None if set(map(type, value)) == set(map(type, back)) else _loss(value, back, trail)
    if kind is tuple or children(value):
        return _lost_inside(value, back, trail)
    return _loss(value, back, trail) if _knows_its_equals(value) else None


def _lost_inside(value: Any, back: Any, trail: Trail) -> Fault | None:
    found = dict(children(back))
    for key, child in children(value):
        if key in found:
            if fault := lost(child, found[key], (trail, key)):
                return fault
        elif isinstance(value, dict) and not isinstance(key, str):
            return _key_fault(key, trail)
        else:
            return Fault(_written((trail, key)), "is not declared and would be lost", _name(child))
    return None


def _knows_its_equals(leaf: Any) -> bool:
    """Tell whether unequal means changed: not for a NaN, and not for what is only equal to itself."""
    own = any("__eq__" in vars(base) for base in type(leaf).__mro__[:-1])
    return own and type(leaf) not in _NATIVE and _equal(leaf, leaf)


def _loss(value: Any, back: Any, trail: Trail) -> Fault:
    kind, read = _name(value), _name(back)
    change = f"as {read}" if kind != read else "as another value"
    return Fault(_written(trail), f"is of type {kind} and would read back {change}", kind)


def _equal(value: Any, back: Any) -> bool:
    try:
        return bool(back == value)
    except Exception:  # whatever an __eq__ does, it did not say that they are equal
        return False


def _name(value: Any) -> str:
    return type(value).__qualname__


def _written(trail: Trail) -> str:
    keys: list[str] = []
    while trail is not None:
        trail, key = trail
        if isinstance(key, str) and key.isidentifier():
            keys.append(f".{key}")
        elif isinstance(key, str):
            keys.append(f"[{str.__str__(key)[:40]!r}]")
        elif isinstance(key, (float, NoneType)) or (isinstance(key, int) and abs(key) < 10**40):
            keys.append(f"[{key}]")
        else:  # a tuple, an object, an integer that Python would not print
            keys.append(f"[{_name(key)}]")
    return "$" + "".join(reversed(keys))
