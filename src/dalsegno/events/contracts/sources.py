"""The source of functions: their file, their syntax tree, and which functions belong to a program."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def node_of(function: FunctionType) -> FunctionNode | None:
    """Find the syntax tree of a function; None where its source is not to be had."""
    code = function.__code__
    found = _nodes(code.co_filename).get((code.co_name, code.co_firstlineno), [])
    return found[0] if len(found) == 1 else _by_columns(found, code)


def _by_columns(found: list[FunctionNode], code: CodeType) -> FunctionNode | None:
    """Tell lambdas of one line apart by where their code begins."""
    begins = {(line, column) for line, _, column, _ in code.co_positions() if line and column is not None}
    for node in found:
        if isinstance(node, ast.Lambda) and any(
            (line, column) >= (node.body.lineno, node.body.col_offset)
            and (line, column) <= (node.body.end_lineno or 0, node.body.end_col_offset or 0)
            for line, column in begins
        ):
            return node
    return None


@functools.lru_cache(maxsize=512)
def _nodes(file: str) -> dict[tuple[str, int], list[FunctionNode]]:
    """List the functions of a file by name and first line, decorators included, as code objects have them."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return {}
    found: dict[tuple[str, int], list[FunctionNode]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            found.setdefault(("<lambda>", node.lineno), []).append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found.setdefault((node.name, first), []).append(node)
    return found


class Ours:
    """Tells which functions belong to the program of one function: its package, or its folder."""

    def __init__(self, function: FunctionType) -> None:
        self._package = _package(function.__module__ or "")
        self._folder = Path(function.__code__.co_filename).parent

    def has(self, thing: FunctionType | type) -> bool:
        """Tell whether a function, or a class, is to be read as part of the program."""
        package = _package(thing.__module__ or "")
        if package.startswith("dalsegno") or package == self._package:
            return package == self._package
        if isinstance(thing, FunctionType):
            file = Path(thing.__code__.co_filename)
        else:
            file = Path(getattr(sys.modules.get(thing.__module__), "__file__", None) or "")
        return self._folder in file.parents and not {"site-packages", "dist-packages"} & set(file.parts)


def _package(module: str) -> str:
    """Name the top package of a module; within this library each room counts by itself."""
    if module.split(".", maxsplit=1)[0] == "dalsegno":
        return module.rpartition(".")[0]
    return module.split(".", maxsplit=1)[0]


def is_stub(node: FunctionNode) -> bool:
    """Tell whether a function has no body yet, but for a docstring and ``...``."""
    if isinstance(node, ast.Lambda):
        return False
    return all(
        isinstance(each, ast.Pass) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in node.body
    )


def is_generator(node: FunctionNode) -> bool:
    """Tell whether a function yields, nested ones aside."""
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(each)
    return False


def plain(function: object) -> FunctionType | None:
    """Return the function behind a callable, if there is a Python one: what wrappers wrap."""
    if inspect.ismethod(function):
        function = function.__func__
    return function if isinstance(function, FunctionType) else None
