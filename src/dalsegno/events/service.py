"""Services, declared: a name, a position on the log, and the handlers that react to its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload

from dalsegno.core.clock import from_datetime
from dalsegno.core.codec import Shape, shape_of
from dalsegno.core.durations import Duration
from dalsegno.core.retry import Retry
from dalsegno.errors import DefinitionError, InvalidInput
from dalsegno.events.handlers import Handler, Undoes
from dalsegno.events.options import (
    PARTITIONS_MOST,
    AfterDeadLetter,
    Circuit,
    named,
    refused,
    whole,
)
from dalsegno.events.places import caller_place, in_sight
from dalsegno.events.types import EventType, Key
from dalsegno.events.ways import Ways

F = TypeVar("F", bound=Callable[..., Any])

Start: TypeAlias = Literal["beginning", "now"] | datetime
"""Where on the log a service begins that has never run before."""

Merge: TypeAlias = Literal["by_sequence", "by_time"] | Callable[[Any, Any], Any] | None
"""How a new state of a key meets the one that is there."""


class OnDecorator(Protocol):
    """What ``service.on(…)`` returns: it gives a handler back as it came."""

    def __call__(self, handler: F, /) -> F: ...


class Service:
    """A named group of handlers with its own position on the log.

    ``start`` says where a service begins that is new to its store: at the "beginning" of the log,
    "now", or at an aware datetime. Events of one key stay in order, those of different keys run side
    by side; ``partitions`` bounds how many workers can
    share it, and is fixed once it has run. ``max_lag`` is how many events it may be behind before
    producers outside are told to wait. ``state`` is a class of which each key has one value, kept with
    the reaction; ``merge`` says what a stale one does to it: "by_sequence", "by_time", or a function
    of the old and the new that returns what is kept. ``reads_stamp`` names the services whose parts of a
    case's stamp its handlers may read beside its own. Raises DefinitionError.
    """

    def __init__(
        self,
        name: str,
        *,
        state: type[Any] | None = None,
        merge: Merge = None,
        start: Start = "beginning",
        max_lag: int | None = None,
        partitions: int = 64,
        reads_stamp: Sequence[str] = (),
    ) -> None:
        self.name = named(name, "name of a service", without=".#")
        self.place = caller_place(1)
        self.state = state
        self.merge = merge
        self.start: Start = start
        self.max_lag = None if max_lag is None else whole(max_lag, f"max_lag= of {self.what}")
        self.partitions = whole(partitions, f"partitions= of {self.what}", PARTITIONS_MOST)
        self.reads_stamp = self._read_by(reads_stamp)
        self._handlers: dict[str, Handler] = {}
        self._check()
        self.state_shape: Shape[Any] | None = None if state is None else shape_of(state)

    @property
    def what(self) -> str:
        """Name it in a message, with its place."""
        return f"service {self.name} ({self.place})"

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Its handlers by name, in the order of their definition."""
        return self._handlers

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All event types that its handlers take, emit or undo."""
        found: dict[EventType[Any], None] = {}
        for handler in self._handlers.values():
            undoes = handler.compensates
            found |= dict.fromkeys((*handler.contract.takes, *handler.contract.gives))
            found |= dict.fromkeys(undoes if isinstance(undoes, tuple) else ())
        return tuple(found)

    @overload
    def on(self, handler: F, /) -> F: ...
    @overload
    def on(
        self,
        events: Ways | None = None,
        /,
        *,
        name: str | None = None,
        emits: type[Any] | UnionType | tuple[type[Any], ...] | None = None,
        compensates: Undoes | UnionType = None,
        attempts: int | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        after_dead_letter: AfterDeadLetter = "wait",
        where: Callable[[Any], bool] | None = None,
        within: Duration | None = None,
        batch: int | None = None,
        linger: Duration | None = None,
        sequence: Key = None,
        gap: Duration | None = None,
        transaction: bool = False,
        max_in_flight: int | None = None,
        due: Duration | None = None,
        ordered: bool = False,
        circuit: Circuit | None = None,
        examples: Sequence[Any] | None = None,
    ) -> OnDecorator: ...
    def on(self, events: Any = None, /, **options: Any) -> Any:
        """Declare a handler: a plain function, or a workflow or saga whose reaction is a full run.

        Its first parameter's annotation says which events it takes (``A``, or ``A | B``), its return
        annotation what follows: ``-> A | B`` exactly one, ``tuple[A, B]`` both, ``A | None`` maybe,
        ``list[A]`` any number, ``None`` nothing. ``emits`` are those that its body emits besides.
        ``on(all_of(A, B), within="1h")`` waits for one of each, of one key; the function then has a
        parameter for each.

        A failed reaction is tried again by ``retry`` (``attempts=5`` for short), each attempt bounded by
        ``timeout``; then it is a dead letter, and the later events of its key "wait" or "go on" by
        ``after_dead_letter``. ``where`` passes over events for which it is False. ``batch`` collects up to
        so many events for a parameter ``list[A]``, for at most ``linger``. ``sequence`` puts the events of
        a key in order by a number that they carry, and waits for a missing one for at most ``gap``.
        ``transaction`` gives the function ``tx``, the store's own connection. ``max_in_flight`` bounds how
        many of its calls a worker makes at once, retries among them. ``due`` says how soon after its event
        a reaction is owed. ``ordered`` lets the next run of a stacked workflow begin only when the one
        before of its key has ended.
        ``compensates`` names the events that it undoes, or "none". ``circuit`` leaves it alone for a while
        when all fails. ``examples`` are events that it expects, or their data as dicts, which ``dalsegno
        contracts check`` holds to what is emitted. The function is returned as it came. Raises DefinitionError.
        """
        sight = in_sight(1)
        if events is not None and not isinstance(events, Ways):
            if isinstance(events, type | UnionType):
                raise DefinitionError(
                    f"on() of {self.what} was given {events!r}.",
                    "Which events a handler takes is said by the annotation of its parameter.",
                    "Write on() above def handler(event: A | B), or on(all_of(A, B)) to join.",
                )
            return self._add(events, None, sight, options)
        return lambda handler: self._add(handler, events, sight, options)

    def check(self) -> None:
        """Read what all its handlers declare, and all that they name. Raises DefinitionError."""
        for handler in self._handlers.values():
            handler.check()
        self._check_states()
        if self.merge == "by_sequence":
            self._check_sequence()

    @property
    def is_sequenced(self) -> bool:
        """Whether a handler puts the events of a key in order by a number that they carry."""
        return any(handler.options.sequence is not None for handler in self._handlers.values())

    def declaration(self) -> dict[str, Any]:
        """Say it as plain data, for the store and for other programs."""
        start = self.start.isoformat() if isinstance(self.start, datetime) else self.start
        return {
            "name": self.name,
            "start": start,
            "partitions": self.partitions,
            "max_lag": self.max_lag,
            "state": None if self.state is None else self.state.__qualname__,
            "handlers": [handler.declaration() for handler in self._handlers.values()],
        }

    def _read_by(self, names: Sequence[str]) -> tuple[str, ...]:
        if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
            raise refused("reads_stamp", names, self.what, 'a list of services\' names, like ["payments"]')
        return tuple(names)

    def _add(self, target: F, joins: Ways | None, sight: Mapping[str, Any], given: dict[str, Any]) -> F:
        told = dict(given)
        handler = Handler(
            self.name,
            told.pop("name", None),
            target,
            joins=joins,
            emits=told.pop("emits", None),
            compensates=told.pop("compensates", None),
            state=self.state,
            reads_stamp=self.reads_stamp,
            sight=sight,
            told=told,
        )
        other = self._handlers.setdefault(handler.name, handler)
        if other is not handler:
            raise DefinitionError(
                f"Service {self.name} has two handlers {handler.name}: {other.place} and {handler.place}.",
                "A reaction is known by the name of its handler.",
                "Give one of them name=.",
            )
        return target

    def _check_sequence(self) -> None:
        """See that there is something by which a state can come too late, and one thing only."""
        handlers = self._handlers.values()
        if not self.is_sequenced:
            overtaken = any(
                each.contract.joins or each.options.after_dead_letter == "go on" for each in handlers
            )
            if handlers and not overtaken:
                raise DefinitionError(
                    f'{self.what} has merge="by_sequence", and no handler with sequence=.',
                    "The events of a key come to it in the order of the log, so none can come too late.",
                    'Say by what they are counted: on(sequence="…"); or leave merge= out.',
                )
            return
        for handler in handlers:
            if handler.options.sequence is None and handler.contract.takes_state:
                raise DefinitionError(
                    f'{handler.what} has no sequence=, and {self.what} has merge="by_sequence".',
                    "Other handlers of it count the events of a key; a place on the log is no such number.",
                    'Write on(sequence="…") above it too, or choose another merge=.',
                )

    def _check(self) -> None:
        if isinstance(self.start, datetime):
            try:
                from_datetime(self.start)
            except InvalidInput as error:
                raise DefinitionError(
                    f"start= of {self.what}: {error.what}", error.meaning, error.mend
                ) from None
        elif self.start not in ("beginning", "now"):
            raise refused("start", self.start, self.what, '"beginning", "now" or an aware datetime')
        if self.state is not None and not isinstance(self.state, type):
            raise refused("state", self.state, self.what, "a class")
        if self.merge is None:
            return
        if self.state is None:
            raise DefinitionError(
                f"{self.what} has merge= and no state=.", "", "Write Service(name, state=Totals)."
            )
        if self.merge not in ("by_sequence", "by_time") and not callable(self.merge):
            raise refused(
                "merge", self.merge, self.what, '"by_sequence", "by_time" or a function of two states'
            )

    def _check_states(self) -> None:
        """Refuse a join whose state others change: it runs beside the other reactions of its key."""
        keeping = [handler for handler in self._handlers.values() if handler.contract.takes_state]
        join = next((handler for handler in keeping if handler.contract.joins), None)
        other = next((handler for handler in keeping if handler is not join), None)
        if join is not None and other is not None:
            raise DefinitionError(
                f"{join.what} is a join and has the service's state, and so has {other.title} ({other.place}).",
                "A join runs beside the other reactions of its key: one would write over what the other keeps.",
                "Put the join into a service of its own, with a state of its own.",
            )

    def __repr__(self) -> str:
        return f"<{self.what}>"
