"""What an expression may be: the events that are made in it, and what it names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING

from dalsegno.events.contracts import calls
from dalsegno.events.contracts.lookups import attribute, items, known
from dalsegno.events.contracts.values import NOTHING, UNKNOWN, Local, Value, join, ref

if TYPE_CHECKING:
    from dalsegno.events.contracts.frames import Frame

_DATA = ast.Constant | ast.JoinedStr | ast.Compare | ast.UnaryOp | ast.Slice


def value_of(frame: Frame, node: ast.expr) -> Value:
    """Find what an expression may be, and note what is called in it."""
    if not frame.notes.spend():
        return UNKNOWN
    match node:
        case ast.Name(name):
            return frame.lookup(name)
        case ast.Attribute(base, name):
            return attribute(value_of(frame, base), name)
        case ast.Call():
            return calls.call(frame, node)
        case ast.Await(inner) | ast.Starred(inner):
            return value_of(frame, inner)
        case ast.NamedExpr(target, inner):
            value = value_of(frame, inner)
            frame.assign(target, value)
            return value
        case ast.Lambda():
            return ref(Local(node, frame.names, frame))
        case ast.Subscript(base, index):
            value_of(frame, index)
            told = (index.value,) if isinstance(index, ast.Constant) else ()
            return items(value_of(frame, base), *told)
        case ast.Yield(inner):
            frame.yielded.append(NOTHING if inner is None else value_of(frame, inner))
            return UNKNOWN
        case ast.YieldFrom(inner):
            frame.yielded.append(items(value_of(frame, inner)))
            return UNKNOWN
        case _:
            return _made_of(frame, node)


def _made_of(frame: Frame, node: ast.expr) -> Value:
    """Find the value of an expression that is put together from others."""
    match node:
        case ast.IfExp(test, body, orelse):
            value_of(frame, test)
            return join([value_of(frame, body), value_of(frame, orelse)])
        case ast.BoolOp():
            return _either(frame, node)
        case ast.BinOp(left, _, right):
            return join([value_of(frame, left), value_of(frame, right)])
        case ast.Tuple(parts) | ast.List(parts) | ast.Set(parts):
            return join([value_of(frame, each) for each in parts])
        case ast.Dict(keys, values):
            for key in keys:
                if key is not None:
                    value_of(frame, key)
            return join([value_of(frame, each) for each in values])
        case ast.ListComp(element, loops) | ast.SetComp(element, loops) | ast.GeneratorExp(element, loops):
            return _comprehension(frame, element, loops)
        case ast.DictComp(_, element, loops):
            return _comprehension(frame, element, loops)
    for each in ast.walk(node) if isinstance(node, _DATA) else ():
        if isinstance(each, ast.Call | ast.NamedExpr):
            value_of(frame, each)
    return NOTHING if isinstance(node, _DATA) else UNKNOWN


def _either(frame: Frame, node: ast.BoolOp) -> Value:
    *first, last = [value_of(frame, each) for each in node.values]
    if isinstance(node.op, ast.And):  # the first ones are given on only where they are false: no events
        first = [Value(maybe=each.maybe, refs=each.refs, vague=True) for each in first]
    return join([*first, last])


def _comprehension(frame: Frame, element: ast.expr, loops: list[ast.comprehension]) -> Value:
    outer = dict(frame.names)
    for loop in loops:
        frame.assign(loop.target, items(value_of(frame, loop.iter)))
        for condition in loop.ifs:
            value_of(frame, condition)
    value = value_of(frame, element)
    frame.names = {**frame.names, **outer}
    return value


def imported(node: ast.Import | ast.ImportFrom, function: FunctionType) -> Iterator[tuple[str, Value]]:
    """List what an import within a function brings, as far as its modules are loaded already."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or name, _module(name)
        else:
            module = _absolute(node, function)
            found = attribute(_module(module), alias.name)
            yield alias.asname or alias.name, found if found.refs else _module(f"{module}.{alias.name}")


def _absolute(node: ast.ImportFrom, function: FunctionType) -> str:
    if not node.level:
        return node.module or ""
    package = str(function.__globals__.get("__package__") or "").split(".")
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _module(name: str) -> Value:
    found = sys.modules.get(name)
    return UNKNOWN if found is None else known(found)
