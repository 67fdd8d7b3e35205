"""A function's body, followed statement by statement with what its names may stand for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING

from dalsegno.events.contracts import expressions
from dalsegno.events.contracts.lookups import global_of, items
from dalsegno.events.contracts.sources import FunctionNode, is_generator
from dalsegno.events.contracts.values import NOTHING, UNKNOWN, Local, Value, join, ref

if TYPE_CHECKING:
    from dalsegno.events.contracts.reading import Notes


class Frame:
    """One function that is being read, with what its names stand for at this statement.

    ``alive`` is False behind a ``return``, ``raise``, ``break`` or ``continue``.
    """

    def __init__(
        self, notes: Notes, function: FunctionType, node: FunctionNode, sight: Mapping[str, Value]
    ) -> None:
        self.notes = notes
        self.function = function
        self.node = node
        self.names: dict[str, Value] = {}
        self._sight = sight  # the names of the functions around it
        self._returned: list[Value] = []
        self.yielded: list[Value] = []
        self._left: list[dict[str, Value]] = []  # what names stood for where loops were left
        self.alive = True

    @property
    def sight(self) -> Mapping[str, Value]:
        """The names that a function sees which is defined here."""
        return {**self._sight, **self.names}

    def place(self, node: ast.expr | ast.stmt) -> str:
        """Name file and line of a node."""
        return f"{self.function.__code__.co_filename}:{node.lineno}"

    def value(self, node: ast.expr) -> Value:
        """Find what an expression may be."""
        return expressions.value_of(self, node)

    def lookup(self, name: str) -> Value:
        """Find what a name stands for."""
        if name in self.names:
            return self.names[name]
        if name in self._sight:
            return self._sight[name]
        return global_of(self.function, name)

    def bind(self, given: Mapping[str, Value], missing: Value) -> None:
        """Bind the parameters by name; those that are not given are what ``missing`` says, or their default."""
        arguments = self.node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        named += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        self.names = {each.arg: given.get(each.arg, missing) for each in named}

    def run(self) -> Value | None:
        """Follow the body; return what may be returned, None where it never returns."""
        if isinstance(self.node, ast.Lambda):
            return expressions.value_of(self, self.node.body)
        self.follow(self.node.body)
        if is_generator(self.node):
            return join(self.yielded)
        if self.alive:
            self._returned.append(NOTHING)
        return join(self._returned) if self._returned else None

    def follow(self, statements: Sequence[ast.stmt]) -> None:
        """Follow statements in order, as far as they are reached."""
        for each in statements:
            if not self.alive or not self.notes.spend():
                return
            self._statement(each)

    def assign(self, target: ast.expr, value: Value) -> None:
        """Let a name, or several, stand for a value; into what is no name, the value goes besides."""
        match target:
            case ast.Name(name):
                self.names[name] = value
            case ast.Tuple(parts) | ast.List(parts):
                for each in parts:
                    self.assign(each, items(value))
            case ast.Starred(inner):
                self.assign(inner, value)
            case ast.Subscript(inner) | ast.Attribute(inner):
                self.add(inner, value)

    def add(self, container: ast.expr, value: Value) -> None:
        """Put a value into what a name stands for."""
        if isinstance(container, ast.Name) and container.id in self.names:
            self.names[container.id] = join([self.names[container.id], value])

    # -- statements

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Return(value):
                self._returned.append(NOTHING if value is None else self.value(value))
                self.alive = False
            case ast.Raise() | ast.Break() | ast.Continue():
                self._parts(node)
                self._left.append(self.names)
                self.alive = False
            case ast.Assign(targets, value):
                made = self.value(value)
                for target in targets:
                    self.assign(target, made)
            case ast.AnnAssign(target, _, value) if value is not None:
                self.assign(target, self.value(value))
            case ast.AugAssign(target, _, value):
                self.add(target, self.value(value))
            case ast.Expr(value):
                self.value(value)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                self.names[name] = ref(Local(node, self.names, self))
            case ast.ClassDef(name):
                self.names[name] = UNKNOWN
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        match node:
            case ast.If(test, body, orelse):
                self.value(test)
                self._either([body, orelse])
            case ast.For(target, iterable, body, orelse) | ast.AsyncFor(target, iterable, body, orelse):
                value = items(self.value(iterable))
                self._loop(body, orelse, lambda: self.assign(target, value))
            case ast.While(test, body, orelse):
                self._loop(body, orelse, lambda: self.value(test))
                if isinstance(test, ast.Constant) and test.value and not _leaves(body):
                    self.alive = False
            case ast.With(entries, body) | ast.AsyncWith(entries, body):
                for entry in entries:
                    value = self.value(entry.context_expr)
                    if entry.optional_vars is not None:
                        self.assign(entry.optional_vars, value.doubtful)
                self.follow(body)
            case ast.Try(body, handlers, orelse, finalbody) | ast.TryStar(body, handlers, orelse, finalbody):
                self._try(body, handlers, orelse, finalbody)
            case ast.Match(subject, cases):
                self._match(self.value(subject), cases)
            case _:
                self._parts(node)

    def _parts(self, node: ast.stmt) -> None:
        """Look at what a statement holds that neither branches nor leaves."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, value in expressions.imported(node, self.function):
                self.names[name] = value
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.expr):
                self.value(each)

    def _either(self, branches: Sequence[Sequence[ast.stmt]]) -> None:
        """Follow each branch from here, and go on with what any of them leaves."""
        before, ends = dict(self.names), []
        for branch in branches:
            self.names, self.alive = dict(before), True
            self.follow(branch)
            if self.alive:
                ends.append(self.names)
        self.alive = bool(ends)
        self.names = merged(ends) if ends else before

    def _loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], each_time: Callable[[], object]
    ) -> None:
        """Follow a body twice: what the first time leaves is there the second time."""
        outer, self._left = self._left, []
        for _ in range(2):
            before = dict(self.names)
            each_time()
            self.follow(body)
            self.names, self.alive = merged([before, self.names, *self._left]), True
        self._left = outer
        self.follow(orelse)

    def _try(
        self,
        body: Sequence[ast.stmt],
        handlers: Sequence[ast.ExceptHandler],
        orelse: Sequence[ast.stmt],
        finalbody: Sequence[ast.stmt],
    ) -> None:
        before = dict(self.names)
        self.follow(body)
        torn = merged([before, self.names])
        self.follow(orelse)
        ends = [self.names] if self.alive else []
        for handler in handlers:
            self.names, self.alive = dict(torn), True
            if handler.name:
                self.names[handler.name] = UNKNOWN
            self.follow(handler.body)
            if self.alive:
                ends.append(self.names)
        self.names, alive = merged(ends) if ends else torn, bool(ends)
        self.alive = True
        self.follow(finalbody)
        self.alive = self.alive and alive

    def _match(self, subject: Value, cases: Sequence[ast.match_case]) -> None:
        whole = any(
            case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            for case in cases
        )
        inner = items(subject)
        for case in cases:
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    self.names[name] = Value(maybe=inner.kinds, refs=inner.refs, unknown=True)
        self._either([case.body for case in cases] + ([] if whole else [[]]))


def merged(sights: Sequence[Mapping[str, Value]]) -> dict[str, Value]:
    """Join what names stand for at the ends of several ways."""
    names = dict.fromkeys(name for each in sights for name in each)
    return {name: join(each[name] for each in sights if name in each) for name in names}


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a loop may be left by ``break``."""
    return any(isinstance(each, ast.Break) for statement in body for each in ast.walk(statement))
