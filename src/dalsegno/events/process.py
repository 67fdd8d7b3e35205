"""Business processes, declared: where a case begins, where it ends, and by when."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, TypeAlias, get_args

from dalsegno.core.durations import Duration
from dalsegno.errors import DefinitionError
from dalsegno.events.annotations import event_in, events_in
from dalsegno.events.options import length, named
from dalsegno.events.places import caller_place
from dalsegno.events.types import EventType, fields_of
from dalsegno.events.ways import Ways, ways_of

Events: TypeAlias = type[Any] | UnionType
"""A class of events, or several: ``A | B``."""

Tracking: TypeAlias = Literal["event_sourced", "stamp", "front_controller"]
"""How the state of a process's cases is known."""


class Process:
    """A business process: what starts a case, what ends it, what cancels it, and when it is due.

    A case is named after its process and the key of the event that started it (``order-123``).
    ``starts`` is a class of events or several (``A | B``), each with a key; ``ends`` may also ask for
    several at once (``all_of(Billed, Notified) | Rejected``). ``cancel`` is the event that a cancelled
    case emits. ``due`` is how long after its start a case should have ended.

    ``keys`` are further keys of a case, each a name and the field that holds it in whatever event of
    the case has such a field: an event from outside that belongs to no case finds its case by them, and
    two cases of which one event says that a key of both is the same become one. A value must belong to
    one case alone. ``tracking`` is how a case's state is known. Raises DefinitionError.
    """

    def __init__(
        self,
        name: str,
        *,
        starts: Events,
        ends: Events | Ways,
        cancel: type[Any] | None = None,
        due: Duration | None = None,
        keys: Mapping[str, str] | None = None,
        tracking: Tracking = "event_sourced",
    ) -> None:
        self.name = named(name, "name of a process")
        self.place = caller_place(1)
        self.starts: tuple[EventType[Any], ...] = events_in(starts, f"starts= of process {name}")
        self.ends: Ways = ways_of(ends, f"ends= of process {name}")
        self.cancel: EventType[Any] | None = (
            None if cancel is None else event_in(cancel, f"cancel= of process {name}")
        )
        if self.cancel is not None:
            self.cancel.cancels = True
        self.due = None if due is None else length(due, f"due= of process {name}")
        """Microseconds, or None."""
        self.keys = dict(keys or {})
        self.tracking: Tracking = tracking
        self._check()

    @property
    def types(self) -> tuple[EventType[Any], ...]:
        """All event types that the process names."""
        cancel = () if self.cancel is None else (self.cancel,)
        return tuple(dict.fromkeys((*self.starts, *self.ends.types, *cancel)))

    @property
    def _cancel_key(self) -> str | None:
        """The field of the cancelling event that holds the key, if it is one."""
        if self.cancel is None or self.cancel.key not in (fields_of(self.cancel.cls) or ()):
            return None
        return str(self.cancel.key)

    def case_of(self, key: str) -> str:
        """Name the case that an event of this key starts."""
        return f"{self.name}-{key}"

    def declaration(self) -> dict[str, Any]:
        """Say it as plain data, for the store and for other programs."""
        return {
            "name": self.name,
            "starts": [kind.named for kind in self.starts],
            "ends": [[kind.named for kind in each] for each in self.ends.sets],
            "cancel": None if self.cancel is None else self.cancel.named,
            "due": self.due,
            "keys": self.keys,
            "tracking": self.tracking,
            "cancel_key": self._cancel_key,
            "place": self.place,
        }

    def _check(self) -> None:
        self._check_options()
        for kind in self.starts if self.cancel is None else (*self.starts, self.cancel):
            if kind.key is None:
                raise DefinitionError(
                    f"Process {self.name} ({self.place}): {kind.title} has no key.",
                    f"A case is named after the process and a key: {self.case_of('<key>')}.",
                    f'Write @event(…, key="…") above {kind.cls.__qualname__}.',
                )
        starts = {kind.name for kind in self.starts}
        if self.cancel is not None and self.cancel.name in starts:
            raise DefinitionError(
                f"Process {self.name} ({self.place}): {self.cancel.name} both starts and cancels a case.",
                "To cancel one would start another.",
                "Give the cancelling an event of its own.",
            )
        for each in self.ends.sets:
            if starts.issuperset(kind.name for kind in each):
                raise DefinitionError(
                    f"Process {self.name} ({self.place}): a case ends as it starts, with {each[0].name}.",
                    "There would be nothing to wait for.",
                    "Name the events after which nothing is owed any more.",
                )

    def _check_options(self) -> None:
        for name, field in self.keys.items():
            if not (isinstance(name, str) and isinstance(field, str) and name and field):
                raise DefinitionError(
                    f"keys= of process {self.name} has {name!r}: {field!r}.",
                    "A key has a name, and is found in a field of the events' data.",
                    'For example: keys={"payment": "payment_id"}.',
                )
        if self.tracking not in get_args(Tracking):
            raise DefinitionError(
                f"tracking= of process {self.name} is {self.tracking!r}.",
                f"It is one of {', '.join(get_args(Tracking))}.",
                'Leave it out for "event_sourced".',
            )

    def __repr__(self) -> str:
        return f"<process {self.name} at {self.place}>"
