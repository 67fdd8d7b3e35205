"""What services write: who they are, which partitions they hold, and what came of events."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from dalsegno.core.commit import Kept, Send, Start
from dalsegno.core.entries import Entry
from dalsegno.core.event import NewEvent
from dalsegno.core.sourcing import Expect

_READS = "reads "


def reads_version(type_: str, version: int) -> str:
    """Name the version of a run that only those may claim who read a version of an event."""
    return f"{_READS}{type_} v{version}"


def read_by(version: str) -> str | None:
    """Return which event has to be read by who claims a run of this version; None if the version says none."""
    _, names, event = version.rpartition(_READS)
    return event if names else None


class ReactedAs(IntEnum):
    """What came of an event for a handler. The numbers are stored: they are never given another meaning."""

    DONE = 1
    FILTERED = 2  # the handler's own filter left it out
    RUN = 3  # it went on as a run: that one tells how it ended
    STALE = 4  # it came too late for the state of its key, and was recorded only
    CANCELLED = 5  # its case was cancelled, and the handler would have taken it forward


class Reaction(msgspec.Struct, frozen=True, gc=False):
    """One event passed for one handler; ``took`` is in microseconds.

    ``accepted_at`` is when the event came, for whoever measures; it is not stored again.
    """

    event: int
    handler: int
    outcome: ReactedAs = ReactedAs.DONE
    run: int | None = None
    took: int = 0
    note: str | None = None
    accepted_at: int = 0


class Declared(msgspec.Struct, frozen=True):
    """A handler, or a service, as its code declares it; ``data`` is JSON, for people and checks."""

    name: str
    data: bytes = b"{}"


class Service(msgspec.Struct, frozen=True):
    """A service as its code declares it.

    ``start`` is the position that a service begins after that is new to the store: 0 is the beginning
    of the log, None its end; ``start_at`` a time instead. One that is ``complete`` begins before the
    first event there ever was: where retention has removed that, it must notice.
    """

    name: str
    handlers: tuple[Declared, ...]
    partitions: int = 64
    start: int | None = 0
    start_at: int | None = None
    data: bytes = b"{}"
    complete: bool = False


class Register(msgspec.Struct, frozen=True):
    """Make services and their handlers known. Idempotent; the verdict is ``Registered``."""

    namespace: str
    services: tuple[Service, ...]


class ServiceRow(msgspec.Struct, frozen=True):
    """A service as the store has it."""

    number: int
    namespace: str
    name: str
    generation: int
    partitions: int
    declared: bytes | None
    changed_at: int
    paused_at: int | None
    paused_by: str


class HandlerRow(msgspec.Struct, frozen=True):
    """A handler as the store has it."""

    number: int
    service: int
    name: str
    declared: bytes | None
    open_until: int | None


class Registered(msgspec.Struct, frozen=True):
    """The services that were named, and all their handlers."""

    services: tuple[ServiceRow, ...]
    handlers: tuple[HandlerRow, ...]


CAREFUL_AFTER = 3
"""How often a worker must have died at a partition, without getting further, for its events to run alone."""


class Partition(msgspec.Struct, frozen=True):
    """A part of a service's keys: how far it has come, and who owns it.

    ``crashes`` counts the workers that died since it came any further. ``suspect`` is the event that
    was begun alone then; from ``CAREFUL_AFTER`` up, ``crashes`` counts how often that one was begun again.
    """

    service: int
    partition: int
    position: int
    session: int | None = None
    crashes: int = 0
    suspect: int | None = None


class TakePartitions(msgspec.Struct, frozen=True):
    """Take up to ``limit`` partitions of a service that nobody owns. The verdict is ``Taken``.

    ``recall`` asks also for those that the session owns already, of which it may not have heard.
    """

    session: int
    service: int
    limit: int
    recall: bool = False


class GivePartitions(msgspec.Struct, frozen=True):
    """Give partitions back, so that another worker may have them. The verdict is ``Done``."""

    session: int
    service: int
    partitions: tuple[int, ...]


class Taken(msgspec.Struct, frozen=True):
    """The partitions that are the session's now."""

    partitions: tuple[Partition, ...]


class Laned(msgspec.Struct, frozen=True):
    """A reaction that goes on as a run, in the order of its key.

    ``rank`` is its place among those of its key: the number of its event, or that of its own sequence;
    without a key nothing is before it. ``failed`` is what its journal begins with: the attempt that
    was made before it was a run, and ``due_at`` when the next one is.
    """

    start: Start
    handler: int
    rank: int
    key: str | None = None
    failed: Entry | None = None
    due_at: int | None = None


class Joined(msgspec.Struct, frozen=True):
    """An event that belongs together with others: it joins the oldest round of its key that lacks its part.

    ``part`` is its bit and ``all`` those of a whole round; ``start`` begins a new round, whose run is
    told of the event by ``send``. Where there is a ``lane``, the rounds in it go one after the other.
    """

    start: Start
    send: Send
    handler: int
    key: str
    part: int
    all: int
    lane: str | None = None


def lane_of_rounds(handler: int, generation: int, key: str) -> str:
    """Name the lane of a join's rounds: that of no event's key, since these have no line break."""
    return f"{key}\n{handler}/{generation}"


def is_of_rounds(lane: str) -> bool:
    """Tell whether rounds of a join are in a lane, and not the reactions of a key."""
    return "\n" in lane


class React(msgspec.Struct, frozen=True):
    """What a service did with events meanwhile, in one commit. Refused as a whole once the session is fenced.

    ``positions`` are (partition, position); ``suspects`` (partition, event) of those that are about to
    be begun alone. Where ``expects`` do not hold, the verdict is a ``Conflict``.
    """

    session: int
    service: int
    generation: int
    positions: tuple[tuple[int, int], ...] = ()
    reactions: tuple[Reaction, ...] = ()
    events: tuple[NewEvent, ...] = ()
    laned: tuple[Laned, ...] = ()
    joined: tuple[Joined, ...] = ()
    kept: tuple[Kept, ...] = ()
    suspects: tuple[tuple[int, int], ...] = ()
    expects: tuple[Expect, ...] = ()

    @property
    def begun(self) -> tuple[Start, ...]:
        """The runs that it begins, or may begin."""
        return (*(one.start for one in self.laned), *(one.start for one in self.joined))


class KeptRow(msgspec.Struct, frozen=True):
    """A service's state of a key, as the store has it."""

    codec: int
    data: bytes | None
    rank: int
    event: int
    at: int


class DeadLetterRow(msgspec.Struct, frozen=True):
    """A dead letter as the store has it; ``state`` is open, redriving, resolved or discarded."""

    number: int
    namespace: str
    run: int
    service: int
    handler: int
    event: int
    key: str | None
    cause: str
    error: str
    attempts: int
    times: int
    state: str
    at: int
    changed_at: int
    changed_by: str
    why: str = ""  # of the last answer


class SteerService(msgspec.Struct, frozen=True):
    """A person's order to a service. The verdict is ``Done`` with how many services it concerned.

    ``pause`` stops or resumes it, ``skip`` lets it pass over what retention has removed before it read
    it, ``rewind`` lets all of it begin again after that position of the log, as a new generation (and
    from the beginning without the states that it keeps);
    ``circuit`` are a handler's number and until when its circuit is open.
    """

    namespace: str
    name: str
    by: str = ""
    pause: bool | None = None
    skip: bool = False
    rewind: int | None = None
    circuit: tuple[int, int | None] | None = None


class Forget(msgspec.Struct, frozen=True):
    """Remove the events before a number, up to ``limit``, with their reactions. The verdict is ``Done``.

    It stops before the first event that an aggregate still needs, since no snapshot has it, and with ``bytes`` as
    soon as the log has no more data than that.
    """

    before: int
    limit: int = 1_000
    bytes: int | None = None
