"""What names and attributes stand for in a program that is loaded, found without running any of it."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from dalsegno.engine.definitions import Definition
from dalsegno.events.contracts.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Instance,
    Local,
    Partial,
    Value,
    join,
    ref,
)
from dalsegno.events.types import event_type, own_event_type

_ABSENT = object()
_MOST = 200  # entries of a table that are looked at


def global_of(function: FunctionType, name: str) -> Value:
    """Find what a free name of a function stands for: in its closure, its module, or the builtins."""
    code = function.__code__
    if name in code.co_freevars and function.__closure__ is not None:
        try:
            return known(function.__closure__[code.co_freevars.index(name)].cell_contents)
        except ValueError:  # not there yet
            return UNKNOWN
    for namespace in (function.__globals__, vars(builtins)):
        if name in namespace:
            return known(namespace[name])
    return UNKNOWN


def known(thing: Any) -> Value:
    """Make a value of an object that is there; plain data is nothing that matters."""
    if thing is None or isinstance(thing, str | int | float | bytes):
        return NOTHING
    if own_event_type(type(thing)) is not None:
        return Value(maybe=frozenset({event_type(thing)}))
    return ref(thing)


def attribute(base: Value, name: str) -> Value:
    """Find what an attribute of a value stands for."""
    found = [_static(thing, name) for thing in base.refs.values()]
    if base.unknown or base.kinds or not found:
        found.append(UNKNOWN)
    return join(found)


def _static(thing: Any, name: str) -> Value:
    if isinstance(thing, Definition) and name in ("start", "function"):
        return ref(thing)  # the promise of it leads to what the call would
    if isinstance(thing, Instance):
        found = inspect.getattr_static(thing.cls, name, _ABSENT)
        return _member(found, thing) if found is not _ABSENT else UNKNOWN
    if isinstance(thing, Bound | Local | Partial):
        return UNKNOWN
    own = getattr(thing, "__dict__", None)
    if isinstance(own, Mapping) and not isinstance(thing, type) and name in own:
        return known(own[name])
    found = inspect.getattr_static(thing, name, _ABSENT)
    if found is _ABSENT or isinstance(thing, ModuleType):
        return UNKNOWN
    if inspect.ismemberdescriptor(found) and not isinstance(thing, type):
        found = getattr(thing, name, _ABSENT)  # a slot: asking for it runs nothing
        return UNKNOWN if found is _ABSENT else known(found)
    return _member(found, thing)


def _member(found: Any, thing: Any) -> Value:
    """Bind what a class has to the instance, or class, by which it was asked for."""
    if isinstance(found, staticmethod):
        return known(found.__func__)
    if isinstance(found, classmethod):
        cls = thing.cls if isinstance(thing, Instance) else thing if isinstance(thing, type) else type(thing)
        return ref(Bound(found.__func__, ref(cls)))
    if isinstance(found, FunctionType) and not isinstance(thing, type):
        return ref(Bound(found, ref(thing)))
    if isinstance(found, property) or inspect.isdatadescriptor(found):
        return UNKNOWN
    return known(found)


def items(value: Value, index: object = _ABSENT) -> Value:
    """Find what may come out of a container: at an index if one is told, else by any, or one after the other."""
    found = [Value(value.made, value.maybe, unknown=value.unknown, vague=value.vague)]
    for thing in value.refs.values():
        if isinstance(thing, dict | list | tuple | set | frozenset) and not isinstance(
            thing, Bound | Instance | Local | Partial
        ):
            found.append(_out_of(thing, index))
        else:
            found.append(ref(thing))  # one of several that were written side by side
    return join(found)


def _out_of(table: Any, index: object) -> Value:
    if index is not _ABSENT and not isinstance(table, set | frozenset):
        try:
            return known(table[index])
        except (KeyError, IndexError, TypeError):
            return UNKNOWN
    entries = list(table.values() if isinstance(table, dict) else table)[:_MOST]
    one = join([known(each) for each in entries])
    return one.possible if len(entries) > 1 else one
