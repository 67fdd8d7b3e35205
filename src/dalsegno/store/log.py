"""What a store must be able to read of the log, of services and of what came of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from dalsegno.core.event import Event, Head
from dalsegno.core.reactions import DeadLetterRow, HandlerRow, KeptRow, Partition, ServiceRow, lane_of_rounds


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to list, the oldest first, ``limit`` at most; ``newest`` lists the newest first.

    ``after`` is a number to begin after (or, for the newest, ``before`` one to end before); ``since``
    and ``until`` are times of acceptance, microseconds UTC.
    """

    namespace: str = "default"
    type: str | None = None
    key: str | None = None
    case_id: str | None = None
    after: int = 0
    before: int | None = None
    since: int | None = None
    until: int | None = None
    newest: bool = False
    limit: int = 100


class DeadLetterQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters to list, the newest first, below ``before`` to page on.

    ``cause`` is the whole text, ``begins`` its first words.
    """

    namespace: str = "default"
    state: str | None = "open"
    service: int | None = None
    handler: int | None = None
    cause: str | None = None
    begins: str | None = None
    before: int | None = None
    limit: int = 100


class DeadLetterGroup(msgspec.Struct, frozen=True):
    """Open dead letters that failed alike; ``example`` is the number of the oldest."""

    cause: str
    service: int
    handler: int
    count: int
    oldest: int
    newest: int
    example: int
    error: str


class Lane(msgspec.Struct, frozen=True):
    """The reactions of a key that are runs: who is first, and how many there are with it."""

    key: str
    head: int
    count: int


class ReactionRow(msgspec.Struct, frozen=True):
    """A reaction as the store has it."""

    event: int
    handler: int
    outcome: int
    run: int | None
    took: int
    note: str | None
    at: int
    generation: int


class Log(Protocol):
    """The half of a store that is about events; see ``store.protocol.Store``."""

    async def head(self) -> Head:
        """Read the two ends of the log."""
        ...

    async def read_log(self, after: int, limit: int) -> list[Event]:
        """Read the log in order, all namespaces, from behind a number."""
        ...

    async def cancelled_cases(
        self, namespace: str, cases: Sequence[str], after: int | None = None
    ) -> dict[str, int]:
        """Read which of these cases are cancelled, and with ``after`` which others by a later event; and by which."""
        ...

    async def event(self, number: int) -> Event | None:
        """Read an event by its number."""
        ...

    async def known_event(self, namespace: str, source: str, id: str) -> int | None:
        """Return the number of an event from outside by its id."""
        ...

    async def events(self, query: EventQuery) -> list[Event]:
        """List events."""
        ...

    async def services(self, namespace: str) -> list[ServiceRow]:
        """Read the services that are known."""
        ...

    async def handlers(self, service: int) -> list[HandlerRow]:
        """Read a service's handlers."""
        ...

    async def partitions(self, service: int) -> list[Partition]:
        """Read how far each part of a service has come."""
        ...

    async def reactions(self, event: int) -> list[ReactionRow]:
        """Read what came of an event."""
        ...

    async def reacted(self, service: int, generation: int, after: int) -> set[tuple[int, int]]:
        """Read which (event, handler) of a service are done beyond a position."""
        ...

    async def lanes(self, service: int) -> list[Lane]:
        """Read which keys of a service have reactions that are runs."""
        ...

    async def lane(self, service: int, key: str, limit: int = 1_000_000) -> list[int]:
        """Read the runs of a key, up to so many, the first one first."""
        ...

    async def kept(self, service: int, key: str) -> KeptRow | None:
        """Read a service's state of a key."""
        ...

    async def dead_letter(self, number: int) -> DeadLetterRow | None:
        """Read a dead letter."""
        ...

    async def dead_letter_of(self, run: int) -> DeadLetterRow | None:
        """Read the dead letter that a run is, or was."""
        ...

    async def dead_letters(self, query: DeadLetterQuery) -> list[DeadLetterRow]:
        """List dead letters."""
        ...

    async def dead_letter_groups(self, namespace: str) -> list[DeadLetterGroup]:
        """Count open dead letters by what they failed of, the largest group first."""
        ...


async def lane_of(store: Log, service: int, key: str | None, run: int, event: int) -> list[int]:
    """Return the lane that a reaction's run is in: that of its key, or of its join's rounds; empty if in none."""
    if key is None:
        return []
    lane = await store.lane(service, key)
    for row in [] if run in lane else await store.reactions(event):
        if row.run == run:
            lane = await store.lane(service, lane_of_rounds(row.handler, row.generation, key))
    return lane if run in lane else []
