"""What an expression may be, as far as it matters here: events that are made, and objects that are known."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dalsegno.events.types import EventType


class Made(NamedTuple):
    """An event that is made at a place."""

    kind: EventType[Any]
    place: str


class Bound(NamedTuple):
    """A function with what its first parameter is bound to."""

    function: Any
    to: Value


class Local(NamedTuple):
    """A function that is defined within the code that is read, and what was in sight there."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    sight: Mapping[str, Value]
    frame: Any  # the frame in which it was defined


class Partial(NamedTuple):
    """A call that has some of its arguments: ``functools.partial(…)``."""

    function: Value
    positional: tuple[Value, ...]
    named: Mapping[str, Value]


class Instance(NamedTuple):
    """Some instance of a class of the program."""

    cls: type


@dataclass(frozen=True)
class Value:
    """What an expression may be: all that is not excluded.

    ``made`` are events that are surely made on the way here, or within it, ``maybe`` the kinds of those
    that it may hold besides. ``refs`` are objects of the program that it may be (classes, functions,
    modules, tables), by identity; ``vague``: it is one of them, and perhaps never some of the others.
    ``unknown``: it may be anything else.
    """

    made: frozenset[Made] = frozenset()
    maybe: frozenset[EventType[Any]] = frozenset()
    refs: Mapping[int, Any] = field(default_factory=dict)
    unknown: bool = False
    vague: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other values, as long as it is there."""
        return self.made, self.maybe, frozenset(self.refs), self.unknown, self.vague

    @property
    def kinds(self) -> frozenset[EventType[Any]]:
        """All kinds of events that it may hold."""
        return self.maybe | {made.kind for made in self.made}

    @property
    def doubtful(self) -> Value:
        """The same, where it is not sure any more that the events get through."""
        return Value(maybe=self.kinds, refs=self.refs, unknown=True, vague=self.vague)

    @property
    def possible(self) -> Value:
        """The same, where it may well be that its events are never made."""
        return Value(maybe=self.kinds, refs=self.refs, unknown=self.unknown, vague=True)


NOTHING = Value()
UNKNOWN = Value(unknown=True)


def ref(*things: Any) -> Value:
    """Make a value that is one of these objects."""
    return Value(refs={id(thing): thing for thing in things})


def join(values: Iterable[Value]) -> Value:
    """Make a value that may be any of these."""
    made: frozenset[Made] = frozenset()
    maybe: frozenset[EventType[Any]] = frozenset()
    refs: dict[int, Any] = {}
    unknown = vague = False
    for each in values:
        made |= each.made
        maybe |= each.maybe
        refs.update(each.refs)
        unknown = unknown or each.unknown
        vague = vague or each.vague
    return Value(made, maybe, refs, unknown, vague)
