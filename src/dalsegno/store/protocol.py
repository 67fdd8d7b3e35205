"""What a store must be able to do: one verb that writes, a few that read.

Contract of ``write``: the items of a group are applied in their order, in one durable transaction;
the verdicts come in the same order. When it returns, the transaction survives ``kill -9`` and power
cuts. When it raises a ``StoreError``, nothing of the group is in the store, or all of it is and a
repetition is harmless: the fence counts commits, starts and sends are idempotent by their ids.
An item that fails for itself answers ``Failed``; the others are not harmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from dalsegno.core.commit import Fence, Loaded, Session
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Ending, Run
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.alerts import Alerts
from dalsegno.store.cases import Cases
from dalsegno.store.figures import Figures
from dalsegno.store.log import Log
from dalsegno.store.schemas import Schemas
from dalsegno.store.sourcing import Sourcing


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list: newest first, ``limit`` at most, below ``before`` to page on."""

    namespace: str = "default"
    statuses: tuple[str, ...] = ()
    workflow: str | None = None
    id_prefix: str | None = None
    reason: str | None = None  # how it begins
    case_id: str | None = None
    parent: int | None = None
    before: int | None = None
    limit: int = 50


def beyond(prefix: str) -> str | None:
    """Return the first text behind all that begin so, in the order of code points; None if nothing is."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code <= 0x10FFFF:  # a text that can be stored has no lone surrogates
            return prefix[:place] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
    return None


_A_COMMIT = 64 * 1024  # bytes: a few pages, and the WAL's frames around them


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a store tells of itself, for people. Sizes are bytes; ``wal`` is what is not in the main file yet.

    ``schema`` is the newest migration that it has, ``known`` the newest that this program has. ``free`` is
    what is left on its disk, where there is one.
    """

    kind: str
    library: str
    schema: int = 0
    known: int = 0
    size: int = 0
    wal: int = 0
    free: int | None = None

    @property
    def full(self) -> bool:
        """Whether its disk has no space left for a commit."""
        return self.free is not None and self.free < _A_COMMIT


class DueRuns(msgspec.Struct, frozen=True):
    """How many due runs wait for a worker with this code on this queue, and since when the oldest is due."""

    queue: str
    workflow: str
    version: str
    count: int
    oldest: int


class Store(Log, Sourcing, Schemas, Figures, Cases, Alerts, Protocol):
    """A place that keeps runs and journals, for one process; see the module for the contract."""

    @property
    def address(self) -> str:
        """How a person names it, as in ``sqlite:///orders.db``."""
        ...

    def now(self) -> int:
        """The store's wall clock, microseconds UTC: what timers are compared with."""
        ...

    def lease_now(self) -> int:
        """The store's clock for leases, microseconds; it never goes back."""
        ...

    async def open(self) -> None:
        """Connect, check the version, migrate if needed. Idempotent."""
        ...

    async def close(self) -> None:
        """Finish what was given to ``write`` and disconnect. Idempotent."""
        ...

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        """Write a group in one transaction and answer each item."""
        ...

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        """Read journal, inbox and timers of runs."""
        ...

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        """Read what waits for runs, in the order of acceptance."""
        ...

    async def find(self, namespace: str, run_id: str) -> Run | None:
        """Read a run by its id."""
        ...

    async def ending(self, namespace: str, run_id: str) -> Ending | None:
        """Read whether, and how, a run has ended: what is asked most often, and by its id."""
        ...

    async def endings(self, numbers: Sequence[int]) -> list[Ending]:
        """Read how runs have ended, of those among many that have."""
        ...

    async def get(self, number: int) -> Run | None:
        """Read a run by its number."""
        ...

    async def runs(self, query: RunQuery) -> list[Run]:
        """List runs."""
        ...

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        """Read a run's entries in order."""
        ...

    async def timers(self, number: int) -> list[Timer]:
        """Read a run's timers, earliest first."""
        ...

    async def attempts(self, number: int) -> list[LongAttempt]:
        """Read which attempts of a run take their time, as its worker's heartbeat last reported.

        With the number of an event, below zero: which calls of handlers for it do.
        """
        ...

    async def counts(self, namespace: str) -> dict[str, int]:
        """Count runs by status."""
        ...

    async def sessions(self, *, live: bool = True) -> list[Session]:
        """Read workers' sessions; only those not fenced, unless told otherwise."""
        ...

    async def abilities(self) -> set[tuple[str, str, int]]:
        """Read which (workflow, version) which live session has."""
        ...

    async def next_due(self, queue: str, after: int = 0) -> int | None:
        """When the next unowned run is due, of those due after a moment."""
        ...

    async def due(self) -> list[DueRuns]:
        """Count the due runs that nobody has claimed, the longest due first."""
        ...

    async def facts(self) -> StoreFacts:
        """Tell what the store is, and how large."""
        ...

    async def check(self) -> list[str]:
        """Read all of it and return what is not sound; it may take long."""
        ...

    def holder(self) -> int | None:
        """Return the pid that holds the write lock at this moment, where there is one and it can be told."""
        ...

    async def anything_to_release(self) -> bool:
        """Whether some session has ended whose runs have not all been handed on."""
        ...

    async def anything_due(self, session: int, queue: str) -> bool:
        """Whether a claim by this session would bring a run, or news of one that it owns."""
        ...

    def change_mark(self) -> int:
        """A number that is another one whenever somebody, this process included, has written."""
        ...
