"""What a call does with events: it makes one, emits one, or leads into another function of the program."""

from __future__ import annotations

import ast
import asyncio
import copy
import dataclasses
import functools
import inspect
import typing
from collections.abc import Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dalsegno.engine.definitions import Definition, StepDefinition
from dalsegno.engine.verbs import receive
from dalsegno.events.contracts.lookups import attribute, items, known
from dalsegno.events.contracts.sources import node_of
from dalsegno.events.contracts.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Instance,
    Local,
    Made,
    Partial,
    Value,
    join,
    ref,
)
from dalsegno.events.converters import Converter
from dalsegno.events.emit import emit, keep
from dalsegno.events.types import own_event_type

if TYPE_CHECKING:
    from dalsegno.events.contracts.frames import Frame

DEEPEST = 24
"""How many functions deep a reading goes."""

_COLLECTS = (list, tuple, set, frozenset, dict, sorted, reversed, iter, next, enumerate, zip, filter)
_COPIES = (copy.copy, copy.deepcopy, dataclasses.replace, msgspec.structs.replace, typing.cast)
_AWAITS = (asyncio.gather, asyncio.wait_for, asyncio.shield)
_FOLLOWED = (Local, Bound, Partial, Converter, Definition, functools.partial, MethodType, FunctionType)
_FILLS = frozenset("append add extend insert appendleft update setdefault".split())
_HANDS_OUT = frozenset("result get pop popleft values items copy".split())


class Arguments(NamedTuple):
    """The arguments of a call."""

    positional: Sequence[Value]
    named: Mapping[str, Value]
    spread: Sequence[Value]  # what came as * or **

    @property
    def all(self) -> list[Value]:
        """All of them."""
        return [*self.positional, *self.named.values(), *self.spread]


def call(frame: Frame, node: ast.Call) -> Value:
    """Find what a call may return, and note what is emitted and awaited by it."""
    arguments = _arguments(frame, node)
    callee = NOTHING
    if isinstance(node.func, ast.Attribute):
        base = frame.value(node.func.value)
        if node.func.attr in _FILLS:
            frame.add(node.func.value, join(arguments.all))
        if node.func.attr in _HANDS_OUT and (base.kinds or any(type(x) is dict for x in base.refs.values())):
            return join([items(base), *arguments.all])
        callee = attribute(base, node.func.attr)
    else:
        callee = frame.value(node.func)
    found = [_called(frame, thing, arguments, node) for thing in callee.refs.values()]
    if callee.unknown or not callee.refs:
        frame.notes.blind = frame.notes.blind or not _is_of_data(frame, node.func)
        found.append(_foreign(frame, arguments, node))
    return join(found).possible if callee.vague else join(found)


def _arguments(frame: Frame, node: ast.Call) -> Arguments:
    positional: list[Value] = []
    spread: list[Value] = []
    for each in node.args:
        (spread if isinstance(each, ast.Starred) or spread else positional).append(frame.value(each))
    named: dict[str, Value] = {}
    for keyword in node.keywords:
        value = frame.value(keyword.value)
        if keyword.arg is None:
            spread.append(items(value))
        else:
            named[keyword.arg] = value
    return Arguments(positional, named, spread)


def _is_of_data(frame: Frame, node: ast.expr) -> bool:
    """Tell whether what is called is a method of a text, or of what an event holds: it emits nothing."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        return bool(frame.lookup(node.id).kinds)
    return isinstance(node, ast.Constant | ast.JoinedStr)


def _called(frame: Frame, thing: Any, arguments: Arguments, node: ast.Call) -> Value:
    """Find what a call of one object may return."""
    kind = own_event_type(thing)
    if kind is not None:
        return Value(made=frozenset({Made(kind, frame.place(node))}))
    if thing is emit:
        frame.notes.emitted.append(join(arguments.all))
        frame.notes.emits_at[frame.place(node)] = None
        return NOTHING
    if thing is keep:
        return NOTHING
    if thing is receive:
        return _awaited(frame, arguments, node)
    if any(thing is each for each in (*_COLLECTS, *_AWAITS)):
        return join([NOTHING, *(items(each) for each in arguments.all)])
    if any(thing is each for each in _COPIES):
        return join([*arguments.positional[1 if thing is typing.cast else 0 :][:1], *arguments.spread])
    if thing is functools.partial and arguments.positional:
        function, *positional = arguments.positional
        return ref(Partial(function, tuple(positional), arguments.named))
    if isinstance(thing, _FOLLOWED):
        return _into(frame, thing, arguments, node)
    if isinstance(thing, type) and frame.notes.ours.has(thing):
        return join([ref(Instance(thing)), Value(maybe=join(arguments.all).kinds)])
    return _instance_called(frame, thing, arguments, node)


def _instance_called(frame: Frame, thing: Any, arguments: Arguments, node: ast.Call) -> Value:
    cls = thing.cls if isinstance(thing, Instance) else type(thing)
    found = inspect.getattr_static(cls, "__call__", None)
    if isinstance(found, FunctionType) and frame.notes.ours.has(found):
        return _into(frame, Bound(found, ref(thing)), arguments, node)
    return _foreign(frame, arguments, node)


def _awaited(frame: Frame, arguments: Arguments, node: ast.Call) -> Value:
    kinds = [
        kind
        for each in arguments.positional
        for thing in each.refs.values()
        if (kind := own_event_type(thing))
    ]
    frame.notes.awaited.update(Made(kind, frame.place(node)) for kind in kinds)
    return Value(maybe=frozenset(kinds), unknown=not kinds)


# -- into functions


def _into(frame: Frame, thing: Any, arguments: Arguments, node: ast.Call) -> Value:
    """Follow a call into a function of the program; of one that is not, nothing is known."""
    match thing:
        case Bound(function, to):
            inner = arguments._replace(positional=[to, *arguments.positional])
            return _called(frame, function, inner, node)
        case MethodType():
            inner = arguments._replace(positional=[known(thing.__self__), *arguments.positional])
            return _called(frame, thing.__func__, inner, node)
        case functools.partial():
            before = [known(each) for each in thing.args]
            named = {name: known(each) for name, each in thing.keywords.items()} | dict(arguments.named)
            return _called(
                frame, thing.func, Arguments([*before, *arguments.positional], named, arguments.spread), node
            )
        case Partial(function, positional, named):
            whole = Arguments(
                [*positional, *arguments.positional], {**named, **arguments.named}, arguments.spread
            )
            return join([_called(frame, each, whole, node) for each in function.refs.values()])
        case Converter():
            return _called(frame, thing.function, arguments, node)
        case Definition():
            return _defined(frame, thing, arguments, node)
        case Local(body, sight, around):
            return _enter(around, around.function, body, sight, arguments)
    inner_node = node_of(thing)
    if inner_node is not None and frame.notes.ours.has(thing):
        return _enter(frame, thing, inner_node, {}, arguments)
    wrapped = inspect.unwrap(thing)
    if wrapped is not thing and isinstance(wrapped, FunctionType) and frame.notes.ours.has(wrapped):
        return _called(frame, wrapped, arguments, node)
    return _foreign(frame, arguments, node)


def _defined(frame: Frame, thing: Definition, arguments: Arguments, node: ast.Call) -> Value:
    """Follow a call of a step or a workflow; what undoes a step is called some time too."""
    value = _called(frame, thing.function, arguments, node)
    undo = thing.options.compensate if isinstance(thing, StepDefinition) else None
    if isinstance(undo, StepDefinition):
        _called(frame, undo.function, arguments, node)
    return value


def _enter(
    frame: Frame, function: FunctionType, node: Any, sight: Mapping[str, Value], arguments: Arguments
) -> Value:
    """Read a function with what its parameters are bound to."""
    notes = frame.notes
    if any(node is each for each in notes.stack):
        notes.cuts += 1
        return NOTHING  # what it returns is found where it was first entered
    if len(notes.stack) >= DEEPEST:
        notes.blind = True
        return UNKNOWN
    inner = type(frame)(notes, function, node, sight)
    inner.bind(*_bound(function, node, arguments))
    key = (function, node, frozenset((name, value.key) for name, value in inner.names.items()))
    if not sight and key in notes.told:
        return notes.told[key][1]  # what it emits was noted then
    cuts, given = notes.cuts, dict(inner.names)
    notes.stack.append(node)
    try:
        value = inner.run() or NOTHING
    finally:
        notes.stack.pop()
    if not sight and cuts == notes.cuts:
        notes.told[key] = given, value  # kept alive, so that what the key names stays what it was
    return value


def _bound(function: FunctionType, node: Any, arguments: Arguments) -> tuple[dict[str, Value], Value]:
    """Match arguments with parameters; return them, and what those without one are."""
    spec = node.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    given = dict(zip(names, arguments.positional, strict=False)) | dict(arguments.named)
    rest = list(arguments.positional[len(names) :])
    if spec.vararg is not None:
        given[spec.vararg.arg] = join([*rest, *arguments.spread])
    if spec.kwarg is not None:
        given[spec.kwarg.arg] = join([*arguments.named.values(), *arguments.spread])
    if function.__code__.co_name == getattr(node, "name", "<lambda>"):
        for name, default in _defaults(function, names).items():
            given.setdefault(name, known(default))
    missing = join([*arguments.spread, UNKNOWN]) if arguments.spread else UNKNOWN
    return given, missing


def _defaults(function: FunctionType, names: Sequence[str]) -> dict[str, Any]:
    values = function.__defaults__ or ()
    return dict(zip(names[len(names) - len(values) :], values, strict=False)) | dict(
        function.__kwdefaults__ or {}
    )


def _foreign(frame: Frame, arguments: Arguments, node: ast.Call) -> Value:
    """Say what a function may return that cannot be read: what it is given, what that returns, or anything."""
    found = [each.doubtful for each in arguments.all]
    for each in arguments.all:
        for thing in each.refs.values():
            kind = own_event_type(thing)
            if kind is not None:
                found.append(Value(maybe=frozenset({kind})))
            elif isinstance(thing, _FOLLOWED):
                found.append(_into(frame, thing, Arguments([], {}, [UNKNOWN]), node).doubtful)
    return join([Value(maybe=each.maybe, unknown=True) for each in (*found, UNKNOWN)])
