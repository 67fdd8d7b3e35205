"""The one way to write down a call, by which it is told later whether it is still the same call.

Equal values give equal bytes, in every process and under every hash seed. The bytes are compared and
shown, and never read back; what must be read back is written by ``codec``.
"""

from __future__ import annotations

import math
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from dalsegno.core import paths
from dalsegno.core.foreign import foreign_plain, is_foreign

_EXACT = frozenset({type(None), bool, str, int})
_TEXTUAL = (bytes, bytearray, memoryview, date, time, timedelta, Decimal, UUID)

_MEND = "Pass ids, builtin values, dataclasses or models; open connections and clients inside the step."

_sorted_json = msgspec.json.Encoder(order="deterministic").encode


def digest(data: bytes) -> bytes:
    """Reduce bytes to 8, to tell by them later whether two were the same."""
    return blake2b(data, digest_size=8).digest()


def encode_args(args: tuple[Any, ...], kwargs: dict[str, Any], what: str) -> bytes:
    """Write the arguments of a call in the one way that only depends on their values.

    Equal calls give equal bytes, in every process: keys and sets are sorted. These bytes are compared
    and shown, never read back, so no annotation is needed: dataclasses and models are written by
    their fields, enums by their values. Paths start at ``$[0]`` for the first positional argument,
    at ``$.name`` for one by keyword. Raises NotEncodable for what has no lasting value: a
    connection, a lambda, NaN.
    """
    try:
        data = _sorted_json((args, kwargs))
        if _is_plain(args) and (not kwargs or _is_plain(kwargs)):
            return data
    except Exception:  # the longer way manages, or tells what is wrong
        pass
    try:
        return _write((args, kwargs))
    except Exception as error:  # an object's own serializer may raise anything
        call: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        raise paths.refusal(what, paths.unencodable(call, _write), _MEND) from error


def _write(value: Any) -> bytes:
    return _sorted_json(_plain(value))


def _is_plain(value: Any) -> bool:
    """Tell whether the fast encoder alone writes ``value``, which it accepted, in the one canonical way."""
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    elif kind is float:
        return math.isfinite(value)
    elif kind is not list and kind is not tuple:
        return kind in _EXACT
    for part in value:
        if type(part) not in _EXACT and not _is_plain(part):
            return False
    return True


def _plain(value: Any) -> Any:
    """Reduce a value to what JSON has, in an order that depends on nothing but the value."""
    if type(value) in _EXACT:
        return value
    match value:
        case Enum():
            return _plain(value.value)
        case float() if not math.isfinite(value):
            raise ValueError
        case str() | int() | float():
            return bare(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return _plain_dict(value)
        case set() | frozenset():
            return sorted(map(_plain, value), key=_sorted_json)
        case msgspec.Raw():  # JSON that nobody has read yet
            return _plain(msgspec.json.decode(value))
        case _ if isinstance(value, _TEXTUAL):
            return msgspec.to_builtins(value)
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    parts = paths.fields(value)
    if parts is not None:
        try:
            return {name: _plain(part) for name, part in parts if part is not msgspec.UNSET}
        except (TypeError, ValueError):
            # A model may know how to write what we do not; its sets, alas, come unsorted.
            if not is_foreign(type(value)):
                raise
    elif not is_foreign(type(value)):
        raise TypeError
    return _plain(foreign_plain(value))


def _plain_dict(value: dict[Any, Any]) -> Any:
    pairs = [(_plain(key), _plain(item)) for key, item in value.items()]
    plain = dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else {}
    # {1: "a", "1": "b"} is no JSON object, and must not look like one of its halves.
    return plain if len(plain) == len(value) else sorted(pairs, key=_sorted_json)


def bare(value: str | float) -> str | float:
    """Strip a subclass from text or a number, since encoders take no subclasses."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    return float.__float__(value)
