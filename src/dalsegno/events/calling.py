"""How a handler is called: an event becomes its arguments, and what it returns becomes events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from dalsegno.core.commit import Kept
from dalsegno.core.event import Event, Heard, NewEvent
from dalsegno.core.limits import Limits
from dalsegno.core.reactions import KeptRow
from dalsegno.core.stamps import Added, onward, stamped, text_with
from dalsegno.engine.context import StepInfo
from dalsegno.errors import InvalidInput
from dalsegno.events.contract import Role
from dalsegno.events.declared import following
from dalsegno.events.gate import Gate
from dalsegno.events.handlers import Handler
from dalsegno.events.keeping import Keeping
from dalsegno.events.readable import Readable
from dalsegno.events.registry import Types
from dalsegno.events.sequence import Sequenced
from dalsegno.events.stamps import Stamp, seen
from dalsegno.events.types import EventType

Read = Callable[[bytes], Any]
Load = Callable[[str], Awaitable[KeptRow | None]]


async def _nothing_kept(_: str) -> KeptRow | None:
    return None


class Calling:
    """One handler as a worker calls it."""

    def __init__(self, handler: Handler, types: Types, keeping: Keeping | None, readable: Readable) -> None:
        self.handler = handler
        self.readable = readable
        self.load: Load = _nothing_kept
        self.gate: Gate | None = (
            None  # where the handler has a bound or a circuit, and this worker its service
        )
        self.service = self.number = 0  # of the service and the handler, in the store, once it knows them
        self.title = handler.title
        self.is_async = handler.is_async
        self.where = handler.options.where
        self.keeping = keeping
        self.sequence = None if handler.options.sequence is None else Sequenced(handler)
        self._types = types
        self._arguments = handler.contract.arguments
        self._roles = tuple(argument.role for argument in handler.contract.arguments)
        self._follows = handler.contract.follows
        self._batch = handler.options.batch is not None
        self._takes_stamp = handler.contract.takes_stamp
        self.stamp_limit = Limits().stamp  # the App may say otherwise
        self._reads: dict[tuple[str, int], Read] = {}

    # -- whether it may be called

    def held(self, attempt: object) -> float:
        """Return for how many seconds a reaction that is a run is to wait before this attempt."""
        return 0.0 if self.gate is None else self.gate.held(attempt)

    def heard(self, attempt: object, *, failed: bool | None) -> None:
        """Hear that an attempt of such a reaction has ended."""
        if self.gate is not None:
            self.gate.heard(attempt, failed=failed)

    # -- arguments

    def read(self, event: Event | Heard) -> Any:
        """Read an event as the type that the handler takes. Raises NotDecodable, NoConverter."""
        read = self._reads.get((event.type, event.version)) or self._reading(event)
        return read(bytes(event.data or b"null"))

    def read_all(self, events: Sequence[Event | Heard]) -> list[Any]:
        """Read the events of a join, or the only one, in the order of the parameters."""
        if len(events) == 1:
            return [self.read(events[0])]
        by_name = {event.type: self.read(event) for event in events}
        return [by_name[kind.name] for role in self._arguments for kind in role.types]

    def wanted(self, event: Event | Heard) -> EventType[Any]:
        """Return the type that the handler takes an event as."""
        wanted = self.handler.wanted(event.type, event.version)
        assert wanted is not None
        return wanted

    def has_read(self, stored: tuple[str, int]) -> bool:
        """Tell whether an event of this version was read before."""
        return stored in self._reads

    def _reading(self, event: Event | Heard) -> Read:
        wanted, stored = self.wanted(event), (event.type, event.version)
        if wanted.version == event.version:
            return self._reads.setdefault(stored, wanted.decode)
        if self.readable.converts(stored, wanted):
            return self._reads.setdefault(stored, partial(self._convert, stored, wanted))
        readers = event.readers if isinstance(event, Heard) else self.readable.readers(stored)
        if wanted.version in readers:
            return self._reads.setdefault(stored, wanted.decode)
        return partial(self._convert, stored, wanted)  # which says why not

    def _convert(self, stored: tuple[str, int], wanted: EventType[Any], data: bytes) -> Any:
        return self._types.convert(stored[0], data, stored[1], wanted)

    def arguments(
        self, values: Sequence[Any], state: Any = None, tx: Any = None, stamp: Stamp | None = None
    ) -> list[Any]:
        """Put events, state, transaction and stamp in the order of the function's parameters."""
        if self._roles == (Role.EVENT,):
            return list(values)
        left = list(values)
        made: list[Any] = []
        for role in self._roles:
            if role is Role.EVENT:
                made.append(left.pop(0))
            elif role is Role.EVENTS:
                made.append(left if self._batch else tuple(left))
            elif role is Role.STAMP:
                made.append(stamp)
            else:
                made.append(state if role is Role.STATE else tx)
        return made

    def wants(self, values: Sequence[Any]) -> bool:
        """Whether the handler's own filter lets it through."""
        return self.where is None or bool(self.where(values[0]))

    def state(self, row: KeptRow | None) -> Any:
        """Read the state that the handler is called with."""
        return None if self.keeping is None else self.keeping.read(row)

    # -- the stamp of its case

    def stamp(self, events: Sequence[Event | Heard]) -> Stamp | None:
        """Show the handler, if it asks for that, what these events carry of its case's state."""
        if not self._takes_stamp:
            return None
        texts = self._texts(events)
        text = self._onward(texts, {}) if texts else None
        return seen(self.handler.service, text, self.handler.reads_stamp)

    def beside(self, events: Sequence[Event | Heard], emitted: Sequence[Any] = ()) -> bytes | None:
        """Say what is kept beside events that follow these: their stamp, with what was added to it.

        Raises StampTooLarge.
        """
        texts = self._texts(events)
        if not texts:
            return None
        added = {name: data for one in emitted if isinstance(one, Added) for name, data in one.values.items()}
        return stamped(None, self._onward(texts, added))

    def _texts(self, events: Sequence[Event | Heard]) -> list[str]:
        """Return the stamps of events in the order of the log."""
        there = [(event.number, text_with(event)) for event in events]
        return [text for _, text in sorted(there, key=lambda one: one[0]) if text is not None]

    def _onward(self, texts: Sequence[str], added: dict[str, msgspec.Raw]) -> str:
        return onward(texts, self.handler.service, added, self.stamp_limit, f"handler {self.title}")

    def settle(
        self, info: StepInfo, row: KeptRow | None, event: Event | Heard, value: Any
    ) -> tuple[list[Kept], bool]:
        """Return what is to be kept of what the body has said, and whether that came too late."""
        said = [one for one in info.emitted if isinstance(one, Kept)]
        if not said:
            return [], False
        if self.keeping is None:
            raise InvalidInput(
                f"Handler {self.title} keeps a state, and its service has none.",
                "Nothing of this attempt was written.",
                "Declare it: Service(name, state=Totals).",
            )
        place = None if self.sequence is None else self.sequence.place(value)
        kept, stale = self.keeping.settle(said, row, event, place)
        return [] if kept is None else [kept], stale

    def returned(self, value: Any) -> list[NewEvent]:
        """Make what is to be written of what a call returned. Raises UndeclaredEvent, NotEncodable."""
        if value is None and not self._follows.types:
            return []
        return [
            NewEvent(
                type=kind.name,
                version=kind.version,
                key=kind.key_of(event),
                data=kind.encode(event),
                cancels=kind.cancels,
            )
            for kind, event in following(self._follows, value, f"handler {self.title}")
        ]


def heard(event: Event, generation: int, readers: tuple[int, ...] = ()) -> Heard:
    """Return what a run is told of the event that it came of, and which other versions' readers can read it."""
    return Heard(
        event.number,
        event.type,
        event.version,
        msgspec.Raw(event.data or b"null"),
        event.key,
        event.case_id,
        event.hops,
        event.happened_at,
        event.at,
        generation,
        readers,
        event.stamp or msgspec.UNSET,
    )
