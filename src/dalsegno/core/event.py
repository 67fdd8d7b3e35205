"""Events as values: a fact on its way to the log, and one line of the log."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec


class NewEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An event that is to be written.

    With an ``id`` it is written once per (namespace, source, id) for as long as the first one is kept:
    events from outside have one. Our own have none, since the commit that emits them lands once; their
    id is their number on the log. ``cause`` is the number of the event that led to this one, ``run``
    the run that emits it, ``hops`` how many events led to it one after the other. ``time`` is when it
    happened, where that is not now; ``extra`` is what else a CloudEvent said, as JSON. One that
    ``cancels`` ends its case, on behalf of ``sender``: nothing of it goes forward any more.
    """

    type: str
    namespace: str = "default"
    version: int = 1
    source: str = ""
    id: str | None = None
    key: str | None = None
    case_id: str | None = None
    cause: int | None = None
    run: int | None = None
    hops: int = 0
    traceparent: str | None = None
    time: int | None = None
    codec: int = 1
    data: bytes | None = None
    extra: bytes | None = None
    cancels: bool = False
    sender: str = ""

    @property
    def canceller(self) -> str:
        """Who cancels a case by it, as the case's runs are told."""
        return self.sender or self.source or self.type


class Event(msgspec.Struct, frozen=True, gc=False):
    """One line of the log; ``number`` is its place in commit order, ``at`` when it was accepted.

    ``at`` never goes back along the log, so that a time is found in it as a place is.
    """

    number: int
    namespace: str
    type: str
    version: int
    source: str
    id: str | None
    key: str | None
    case_id: str | None
    cause: int | None
    run: int | None
    hops: int
    traceparent: str | None
    time: int | None
    codec: int
    data: bytes | None
    extra: bytes | None
    at: int

    @property
    def happened_at(self) -> int:
        """When it happened, as far as whoever emitted it said."""
        return self.at if self.time is None else self.time

    @property
    def only(self) -> str | None:
        """The one service that it was brought in for, so that nobody else hears of it; None for all."""
        return None if self.extra is None else _AIM.decode(self.extra).only

    @property
    def stamp(self) -> str | None:
        """What it carries of its case's state, or of something else by that name, as text."""
        return stamp_in(self.extra)

    def partition(self, partitions: int) -> int:
        """Tell which of a service's partitions it belongs to: always the same for one key."""
        return partition_of(self.key, self.number, partitions)


class Head(msgspec.Struct, frozen=True, gc=False):
    """The two ends of the log: the last number given, and the first that is still there.

    ``bytes`` is how much data the events have that are there.
    """

    last: int = 0
    first: int = 1
    at: int = 0
    bytes: int = 0


class Heard(msgspec.Struct, frozen=True, gc=False):
    """What a run is told of an event: the one that it waits for, or that it came of.

    ``generation`` is that of the service whose reaction the run is. ``readers`` are other versions of its
    type whose readers can read the data as it is. ``stamp`` is what it carries of its case's state.
    """

    number: int
    type: str
    version: int
    data: msgspec.Raw
    key: str | None = None
    case_id: str | None = None
    hops: int = 0
    at: int = 0
    accepted_at: int = 0
    generation: int | None = None
    readers: tuple[int, ...] = ()
    stamp: str | msgspec.UnsetType = msgspec.UNSET  # not written where there is none


class _Aim(msgspec.Struct, frozen=True):
    """As much of what is kept beside an event as says whom it is meant for."""

    only: str | None = None


class _Beside(msgspec.Struct, frozen=True):
    """As much of what is kept beside an event as may hold a stamp."""

    extensions: dict[str, Any] = {}


_ENCODER = msgspec.json.Encoder()
_AIM = msgspec.json.Decoder(_Aim)
_BESIDE = msgspec.json.Decoder(_Beside)
_DECODER = msgspec.json.Decoder(Heard)


def stamp_in(extra: bytes | None) -> str | None:
    """Return the text of the extension that is a stamp, of what is kept beside an event."""
    if extra is None or b'"stamp"' not in extra:
        return None
    text = _BESIDE.decode(extra).extensions.get("stamp")
    return text if isinstance(text, str) else None


def meant_for(extra: bytes | None, service: str) -> bytes:
    """Add to what is kept beside an event that one service alone is to react to it."""
    kept = msgspec.json.decode(extra) if extra is not None else {}
    return msgspec.json.encode({**kept, "only": service})


def told(event: Event, readers: tuple[int, ...] = (), generation: int | None = None) -> bytes:
    """Write what a run is told of an event, and which other versions' readers can read it."""
    data = msgspec.Raw(event.data or b"null")
    return _ENCODER.encode(
        Heard(
            event.number,
            event.type,
            event.version,
            data,
            event.key,
            event.case_id,
            event.hops,
            event.happened_at,
            event.at,
            generation,
            readers,
            event.stamp or msgspec.UNSET,
        )
    )


def hear(data: bytes) -> Heard:
    """Read what a run was told of an event."""
    return _DECODER.decode(data)


def delivery_id(number: int) -> str:
    """Name the delivery of an event to a run, of which there is one: no id that a person gives is like it."""
    return f"event\n{number}"


def event_signal(type_: str) -> str:
    """Name the signal that an event of a type is to a run that waits for it."""
    return f"event {type_}"


def partition_of(key: str | None, number: int, partitions: int) -> int:
    """Return the partition of a key; an event without one has no order to keep, and goes where it falls."""
    return number % partitions if key is None else zlib.crc32(key.encode()) % partitions
