"""What a handler takes and what follows, read from its signature.

The first annotated parameter says which events it takes, the return annotation what follows. Besides
events a function may ask, by name, for ``state`` (its service's, for the event's key), ``tx`` (the
transaction of ``transaction=True``) and ``stamp`` (what its case's events carry).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from enum import Enum
from typing import Any, get_args, get_origin

import msgspec

from dalsegno.errors import DefinitionError
from dalsegno.events.annotations import events_in, members, shown
from dalsegno.events.declared import Declared, read_declared
from dalsegno.events.stamps import Stamp
from dalsegno.events.types import EventType
from dalsegno.events.ways import Ways


class Role(Enum):
    """What an argument of a handler is."""

    EVENT = "event"
    EVENTS = "events"  # a batch as a list, or a join of a stacked workflow as a tuple
    STATE = "state"
    TX = "tx"
    STAMP = "stamp"


class Argument(msgspec.Struct, frozen=True):
    """One parameter of a handler: its name, what it is, and for events which."""

    name: str
    role: Role
    types: tuple[EventType[Any], ...] = ()


class Contract(msgspec.Struct, frozen=True):
    """What a handler takes and gives: its arguments in order, what follows, what it emits besides.

    ``joins`` are the types of which it takes one each, by key; empty for a handler of single events.
    """

    arguments: tuple[Argument, ...]
    follows: Declared
    emits: tuple[EventType[Any], ...]
    joins: tuple[EventType[Any], ...]

    @property
    def takes(self) -> tuple[EventType[Any], ...]:
        """All event types that it takes."""
        return tuple(dict.fromkeys(kind for argument in self.arguments for kind in argument.types))

    @property
    def takes_state(self) -> bool:
        """Whether it asks for its service's state of the event's key."""
        return any(argument.role is Role.STATE for argument in self.arguments)

    @property
    def takes_stamp(self) -> bool:
        """Whether it asks for the stamp of the event's case."""
        return any(argument.role is Role.STAMP for argument in self.arguments)

    @property
    def gives(self) -> tuple[EventType[Any], ...]:
        """All event types that it may emit, returned or from its body."""
        return tuple(dict.fromkeys((*self.follows.types, *self.emits)))


class Form(msgspec.Struct, frozen=True):
    """What sort of handler a signature belongs to, as far as ``on(…)`` said it."""

    what: str  # for messages: "handler payments.authorize (shop.py:12)"
    joins: Ways | None = None
    stacked: bool = False
    batch: bool = False
    transaction: bool = False
    state: type[Any] | None = None


def read_contract(
    signature: inspect.Signature, hints: dict[str, Any], form: Form, emits: tuple[EventType[Any], ...]
) -> Contract:
    """Read a handler's signature. Raises DefinitionError that says what is wrong with it, and how to mend it."""
    arguments = tuple(
        _argument(each, hints, form) for each in signature.parameters.values() if _counts(each, form)
    )
    if "return" not in hints:
        raise DefinitionError(
            f"{form.what} has no return annotation.",
            "It declares what follows the event.",
            "Write -> A | B (exactly one), tuple[A, B] (both), A | None (maybe), list[A] (any number), "
            "or -> None if nothing follows.",
        )
    roles = [each.role for each in arguments]
    if form.transaction and Role.TX not in roles:
        raise DefinitionError(
            f"{form.what} has transaction=True and no parameter tx.",
            "Its rows go through the transaction that it is given.",
            "Write def handler(tx, event: A).",
        )
    events = [each for each in arguments if each.types]
    joins = _joined(form.joins, events, form) if form.joins is not None else ()
    if not joins and len(events) != 1:
        raise DefinitionError(
            f"{form.what} takes {len(events)} events.",
            "A handler takes one event; a join takes one of each.",
            "Write one parameter, annotated A or A | B, or join with on(all_of(A, B)).",
        )
    return Contract(arguments, read_declared(hints["return"], form.what), emits, joins)


def _counts(parameter: inspect.Parameter, form: Form) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty:
            return False
        raise DefinitionError(
            f"{form.what} has the parameter {parameter}.",
            "A handler is called with its events by position, and with nothing else.",
            "Leave it out, or make it keyword-only with a default.",
        )
    return True


def _argument(parameter: inspect.Parameter, hints: dict[str, Any], form: Form) -> Argument:
    name, hint = parameter.name, hints.get(parameter.name)
    if name == "tx" and not form.stacked:
        if not form.transaction:
            raise DefinitionError(
                f"{form.what} asks for tx, and has no transaction=True.", "", "Write on(transaction=True)."
            )
        return Argument(name, Role.TX)
    if name == "state" and not form.stacked:
        _check_state(hint, form)
        return Argument(name, Role.STATE)
    if name == "stamp" and hint in (None, Stamp) and not form.stacked:
        if form.batch:
            raise DefinitionError(
                f"{form.what} asks for stamp, and has batch=.",
                "The events of a batch are of many cases, each with a stamp of its own.",
                "Leave one of them out.",
            )
        return Argument(name, Role.STAMP)
    if hint is None:
        raise DefinitionError(
            f"{form.what}: the parameter {name} has no annotation.",
            "It says which events the handler takes.",
            f"Write {name}: A, or {name}: A | B.",
        )
    says = f"{form.what}: the annotation of {name}"
    if form.batch or (form.stacked and form.joins is not None):
        return Argument(name, Role.EVENTS, _inside(hint, says, form))
    if get_origin(hint) in (list, Sequence):
        raise DefinitionError(
            f"{says} is {shown(hint)}.", "Lists of events come to batching handlers.", "Write on(batch=100)."
        )
    return Argument(name, Role.EVENT, tuple(dict.fromkeys(events_in(hint, says))))


def _inside(hint: Any, says: str, form: Form) -> tuple[EventType[Any], ...]:
    """Read ``list[A | B]`` of a batch, or ``tuple[A, B]`` of a stacked join."""
    wanted = list if form.batch else tuple
    if get_origin(hint) is not wanted or Ellipsis in get_args(hint):
        wanted_form = (
            "list[A], since it has batch=" if form.batch else "tuple[A, B], since a workflow has one input"
        )
        raise DefinitionError(f"{says} is {shown(hint)}.", "", f"Write {wanted_form}.")
    return tuple(kind for part in get_args(hint) for kind in events_in(part, says))


def _check_state(hint: Any, form: Form) -> None:
    if form.state is None:
        raise DefinitionError(
            f"{form.what} asks for state, and its service has none.", "", "Write Service(name, state=Totals)."
        )
    if hint is not None and not set(members(hint)) <= {form.state, type(None)}:
        raise DefinitionError(
            f"{form.what} annotates its state as {shown(hint)}; its service has {form.state.__qualname__}.",
            "",
            f"Write state: {form.state.__qualname__}.",
        )


def _joined(ways: Ways, events: Sequence[Argument], form: Form) -> tuple[EventType[Any], ...]:
    """Check that a join takes one parameter for each event that it waits for."""
    taken = [kind for argument in events for kind in argument.types]
    wanted = ways.sets[0]
    one_each = form.stacked or all(len(each.types) == 1 for each in events)
    if not one_each or sorted(t.named for t in taken) != sorted(t.named for t in wanted):
        raise DefinitionError(
            f"{form.what} waits for {ways}, and takes {', '.join(kind.name for kind in taken) or 'nothing'}.",
            "A join is called once it has one event of each.",
            "Give it one parameter for each, annotated with its class.",
        )
    return wanted
