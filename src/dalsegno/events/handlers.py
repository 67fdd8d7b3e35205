"""A handler: a function, or a stacked workflow, that a service calls for certain events. Declaration only."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from dalsegno.core.transact import LONGEST
from dalsegno.engine.definitions import Definition, Workflow
from dalsegno.errors import DefinitionError
from dalsegno.events.annotations import Annotations, events_in
from dalsegno.events.contract import Contract, Form, read_contract
from dalsegno.events.declared import Declared, plainly
from dalsegno.events.options import HandlerOptions, named, read_options
from dalsegno.events.places import place_of
from dalsegno.events.types import EventType, fields_of
from dalsegno.events.ways import Ways

Undoes: TypeAlias = "type[Any] | Literal['none'] | None"
"""The event that a handler undoes, "none" if there is nothing to undo, on purpose."""


class Handler:
    """What a service does on certain events. Made by ``Service.on``.

    ``contract`` says what it takes and what follows; where annotations name what comes further down
    in the module, it can be read only once that is there.
    """

    def __init__(
        self,
        service: str,
        name: str | None,
        target: Any,
        *,
        told: Mapping[str, Any],
        joins: Ways | None = None,
        emits: Any = None,
        compensates: Undoes = None,
        state: type[Any] | None = None,
        reads_stamp: tuple[str, ...] = (),
        sight: Mapping[str, Any],
    ) -> None:
        self.workflow: Workflow[Any, Any] | None = target if isinstance(target, Workflow) else None
        self.function: Callable[..., Any] = target.function if isinstance(target, Workflow) else target
        self.place = place_of(self.function)
        _check_target(target, self.function, f"on() of service {service}", self.place)
        self.service = service
        self.name = named(_name_of(target) if name is None else name, "name of a handler", without="#")
        self.options: HandlerOptions = read_options(self.what, told, stacked=self.workflow is not None)
        self._joins = joins
        self.reads_stamp = reads_stamp
        self._state = state
        self._emits = emits
        self._compensates = compensates
        self._annotations = Annotations(self.function, sight)
        _check_together(self, joins)
        if self._annotations.known:
            self.check()

    @property
    def title(self) -> str:
        """Its full name: ``payments.authorize``; that of the workflow too that its slow reactions are runs of."""
        return f"{self.service}.{self.name}"

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        return f"handler {self.title} ({self.place})"

    @property
    def is_async(self) -> bool:
        """Whether its function is ``async def``."""
        return inspect.iscoroutinefunction(self.function)

    @functools.cached_property
    def contract(self) -> Contract:
        """What it takes and gives. Raises DefinitionError."""
        form = Form(
            self.what,
            joins=self._joins,
            stacked=self.workflow is not None,
            batch=self.options.batch is not None,
            transaction=self.options.transaction,
            state=self._state,
        )
        hints = self._annotations.read(self.what)
        emits = () if self._emits is None else _classes(self._emits, f"emits= of {self.what}")
        return read_contract(inspect.signature(self.function), hints, form, emits)

    @property
    def takes(self) -> tuple[EventType[Any], ...]:
        """The event types that it takes."""
        return self.contract.takes

    @property
    def follows(self) -> Declared:
        """What follows, by its return annotation."""
        return self.contract.follows

    @functools.cached_property
    def compensates(self) -> tuple[EventType[Any], ...] | Literal["none"] | None:
        """The event types that it undoes; "none" if it undoes nothing on purpose; None if nothing was said."""
        undoes = self._compensates
        if undoes is None or undoes == "none":
            return undoes
        return _classes(undoes, f"compensates= of {self.what}")

    def wanted(self, name: str, version: int | None) -> EventType[Any] | None:
        """Say as which type it takes an event of a name: of its very version, else the highest that it takes."""
        known = [kind for kind in self.takes if kind.name == name]
        exact = [kind for kind in known if kind.version == version]
        return next(iter(exact), None) or max(known, key=lambda kind: kind.version, default=None)

    def check(self) -> None:
        """Read everything that the declaration says. Raises DefinitionError."""
        _check_keys(self)
        _ = self.compensates

    def declaration(self) -> dict[str, Any]:
        """Say it as plain data, for the store and for other programs."""
        undoes = self.compensates
        options = self.options
        return {
            "service": self.service,
            "name": self.name,
            "kind": "step" if self.workflow is None else self.workflow.model,
            "takes": [kind.named for kind in self.takes],
            "joins": [kind.named for kind in self.contract.joins],
            "follows": plainly(self.follows),
            "gives": [kind.named for kind in self.contract.gives],
            "emits": [kind.named for kind in self.contract.emits],
            "compensates": undoes if undoes is None or isinstance(undoes, str) else [t.named for t in undoes],
            "attempts": options.retry.attempts if self.workflow is None else None,
            "after_dead_letter": options.after_dead_letter,
            "within": options.within,
            "due": options.due,
            "batch": options.batch,
            "filtered": options.where is not None,
            "ordered": options.sequence is not None,
            "place": self.place,
        }

    def __repr__(self) -> str:
        return f"<{self.what}>"


def _check_target(target: Any, function: Any, what: str, place: str) -> None:
    if isinstance(target, Definition) and not isinstance(target, Workflow):
        raise DefinitionError(
            f"{what} is above the step {target.name} ({place}).",
            "A step belongs to a run; a handler is a plain function, which is tried as a whole, or a workflow.",
            "Leave out @step, or put @workflow between the two.",
        )
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        raise DefinitionError(f"{what} is above {target!r}, which is no function.", "", "Put it above a def.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"{what} is above {place}, which is a generator.",
            "A handler returns the events that follow.",
            "Return a list: -> list[A].",
        )


def _name_of(target: Any) -> str:
    name: str = target.name if isinstance(target, Workflow) else target.__qualname__
    return name.rpartition("<locals>.")[2]


def _classes(thing: Any, what: str) -> tuple[EventType[Any], ...]:
    parts = thing if isinstance(thing, list | tuple) else (thing,)
    return tuple(dict.fromkeys(kind for part in parts for kind in events_in(part, what)))


def _check_together(handler: Handler, joins: Ways | None) -> None:
    """Refuse options that make no sense beside each other, or for this kind of handler."""
    options = handler.options
    if joins is not None and len(joins.sets) > 1:
        raise DefinitionError(
            f"{handler.what} waits for {joins}.", "A join has one set of events.", "Write on(all_of(A, B))."
        )
    for wrong, why, mend in (
        (options.batch and joins, "batch= and all_of(…)", "A join is called for one event of each."),
        (options.where and joins, "where= and all_of(…)", "Whether a filter is to see one event or all is not said."),
        (options.sequence and joins, "sequence= and all_of(…)", "A join waits for its events in any order."),
        (options.within is not None and not joins, "within= and no all_of(…)", "It bounds the wait of a join."),
        (options.gap is not None and not options.sequence, "gap= and no sequence=", "It bounds the wait for a gap."),
        (options.transaction and handler.is_async, "transaction=True and async def",
         "A transaction is held by one thread, and blocks it."),
        (options.transaction and options.batch, "transaction=True and batch=",
         "Its rows and its reaction to one event are one commit."),
        (options.transaction and (options.timeout or 0) > LONGEST, "transaction=True and a timeout over 5 s",
         "Nobody else can write to the store meanwhile."),
    ):  # fmt: skip
        if wrong:
            raise DefinitionError(f"{handler.what} has {why}.", mend, "Leave one of them out.")


def _check_keys(handler: Handler) -> None:
    """See that its events have the keys, and the field, by which they are to be joined, kept or put in order."""
    contract, options = handler.contract, handler.options
    why = "joins by key" if contract.joins else "keeps a state per key" if contract.takes_state else ""
    why = why or ("puts the events of a key in order" if options.sequence else "")
    for kind in contract.takes if why else ():
        if kind.key is None:
            raise DefinitionError(
                f"{handler.what} {why}, and {kind.title} ({kind.place}) has no key.",
                "",
                f'Write @event(…, key="…") above {kind.cls.__qualname__}.',
            )
    for kind in contract.takes:
        if isinstance(options.sequence, str) and options.sequence not in (fields_of(kind.cls) or ()):
            raise DefinitionError(
                f"sequence={options.sequence!r} of {handler.what} names no field of {kind.cls.__qualname__}.",
                f"Its fields are: {', '.join(fields_of(kind.cls) or ()) or 'none'}.",
                "Name the field that counts, or give a function of the event.",
            )
