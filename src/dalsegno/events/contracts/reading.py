"""What a function does with events, read from its source: which it returns, emits and waits for.

The reading follows calls into the functions of the same program, and runs nothing. Where it cannot
tell, it says so: what is found to be made is surely made, what is not found may be there all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from dalsegno.events.contracts.frames import Frame
from dalsegno.events.contracts.sources import Ours, is_stub, node_of, plain
from dalsegno.events.contracts.values import UNKNOWN, Made, Value
from dalsegno.events.types import EventType

BUDGET = 25_000
"""How many expressions are looked at for one function; then the reading gives up."""


@dataclass(frozen=True)
class Reading:
    """What a function does with events.

    ``returned`` and ``emitted`` are surely made and given on, where that is written. ``may_return`` and
    ``may_emit`` are all kinds that were seen on the way there. ``open_return``: it may return others too;
    ``open_emit``: it may emit others too. ``emits_at`` is where it calls ``emit``. ``awaited`` are the
    kinds that it waits for, with where. ``read`` is False where there is no source, or too much of it.
    """

    returned: frozenset[Made] = frozenset()
    may_return: frozenset[EventType[Any]] = frozenset()
    open_return: bool = True
    emitted: frozenset[Made] = frozenset()
    may_emit: frozenset[EventType[Any]] = frozenset()
    open_emit: bool = True
    emits_at: tuple[str, ...] = ()
    awaited: frozenset[Made] = frozenset()
    read: bool = False


@dataclass
class Notes:
    """What is noted while a function and those that it calls are read."""

    ours: Ours
    emitted: list[Value] = field(default_factory=list)
    emits_at: dict[str, None] = field(default_factory=dict)
    awaited: set[Made] = field(default_factory=set)
    blind: bool = False  # something was called of which nothing is known
    left: int = BUDGET
    stack: list[Any] = field(default_factory=list)  # the nodes of the functions that are being read

    cuts: int = 0  # how often a function was met that is being read already
    told: dict[Any, tuple[Mapping[str, Value], Value]] = field(
        default_factory=dict
    )  # what calls have returned

    def spend(self) -> bool:
        """Take one expression from the budget; False if none is left."""
        self.left -= 1
        return self.left > 0


def read(function: Any, parameters: Mapping[str, Value] | None = None) -> Reading:
    """Read a function, or method, whose parameters are these, and anything where they are not told."""
    body = plain(function)
    node = None if body is None else node_of(body)
    if body is None or node is None:
        return Reading()
    if is_stub(node):
        return Reading(read=True)
    notes = Notes(Ours(body))
    frame = Frame(notes, body, node, {})
    frame.bind(dict(_self(function, body)) | dict(parameters or {}), UNKNOWN)
    value = frame.run()
    out = notes.left <= 0
    emitted = frozenset(made for each in notes.emitted for made in each.made)
    return Reading(
        frozenset() if value is None else value.made,
        frozenset() if value is None else value.kinds,
        value is None or value.unknown or out,
        emitted,
        frozenset(kind for each in notes.emitted for kind in each.kinds),
        any(each.unknown or each.refs for each in notes.emitted) or notes.blind or out,
        tuple(notes.emits_at),
        frozenset(notes.awaited),
        read=not out,
    )


def _self(function: Any, body: FunctionType) -> list[tuple[str, Value]]:
    """Bind the first parameter of a method to the instance that it was taken from."""
    instance = getattr(function, "__self__", None)
    if instance is None or not body.__code__.co_argcount:
        return []
    return [(body.__code__.co_varnames[0], Value(refs={id(instance): instance}))]
