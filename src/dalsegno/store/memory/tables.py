"""What the store holds: every table as a dictionary, or a set."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from dalsegno.core.alerts import AlertRow
from dalsegno.core.cases import Alias, CaseRow, EmitterRow, ProcessRow
from dalsegno.core.clock import Clock
from dalsegno.core.commit import Emitted, Session, Subscription
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.event import Event, Head, NewEvent
from dalsegno.core.notes import LongAttempt
from dalsegno.core.reactions import DeadLetterRow, HandlerRow, KeptRow, Partition, ServiceRow
from dalsegno.core.runs import Run
from dalsegno.core.schemas import SchemaRow
from dalsegno.core.sourcing import ProjectionRow, SnapshotRow
from dalsegno.store.log import ReactionRow
from dalsegno.store.memory.guest_tables import GuestTables


class Rows(msgspec.Struct):
    """What hangs on one run."""

    run: Run
    queue: str
    entries: list[Entry] = []
    timers: dict[int, Timer] = {}
    inbox: dict[int, Delivery] = {}
    known: set[str] = set()
    subscribed: set[Subscription] = set()


class Cancelled(msgspec.Struct, frozen=True, order=True):
    """By which event a case was cancelled, and on whose behalf."""

    event: int
    sender: str


class InLane(msgspec.Struct, frozen=True, order=True):
    """A reaction that is a run, in the order of its key."""

    rank: int
    handler: int
    run: int


class Round(msgspec.Struct):
    """Events that belong together and are not all there: which parts have come to which run."""

    handler: int
    generation: int
    key: str
    parts: int


class Tables:
    """The rows, and the clock that stamps them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, Rows] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._sessions: dict[int, Session] = {}
        self._released: set[int] = set()
        self._abilities: set[tuple[str, str, int]] = set()
        self._attempts: dict[int, tuple[LongAttempt, ...]] = {}
        self._head = Head()
        self._events: dict[int, Event] = {}
        self._cancelled: dict[tuple[str, str], Cancelled] = {}
        self._joined: list[tuple[list[tuple[str, str]], Cancelled]] = []  # with cancelled cases, to be told
        self._event_ids: dict[tuple[str, str, str], int] = {}
        self._emitted: list[tuple[NewEvent, Emitted | None]] = []  # by the group that is being written
        self._services: dict[int, ServiceRow] = {}
        self._handlers: dict[int, HandlerRow] = {}
        self._partitions: dict[tuple[int, int], Partition] = {}
        self._reactions: dict[tuple[int, int, int], ReactionRow] = {}
        self._lanes: dict[tuple[int, str], list[InLane]] = {}
        self._rounds: dict[int, Round] = {}
        self._kept: dict[tuple[int, str], KeptRow] = {}
        self._dead_letters: dict[int, DeadLetterRow] = {}  # by run
        self._sources: set[tuple[str, str, str]] = set()  # namespace, type, aggregate
        self._snapshots: dict[tuple[str, str, str], SnapshotRow] = {}
        self._projections: dict[tuple[str, str, int], ProjectionRow] = {}
        self._schemas: dict[tuple[str, str, int], SchemaRow] = {}  # namespace, type, version
        self._processes: dict[tuple[str, str], ProcessRow] = {}  # namespace, name
        self._emitters: dict[tuple[str, str, str], EmitterRow] = {}  # namespace, workflow, version
        self._cases: dict[tuple[str, str], CaseRow] = {}  # namespace, id
        self._aliases: dict[tuple[str, Alias], tuple[str, int]] = {}  # the case, and the event that said so
        self._merged: dict[tuple[str, str], str] = {}
        self._alerts: dict[int, AlertRow] = {}
        self._watches: dict[tuple[str, str], tuple[int, int]] = {}  # session and until, by namespace and rule
        self._tallies: dict[tuple[str, int, str, str, int], int] = {}
        self._tables = GuestTables(clock)
        self._mark = 0

    def _all(self) -> dict[str, Any]:
        """Copy all rows, for a transaction that may be rolled back."""
        kept = {"_clock", "_tables", "_mark"}
        return copy.deepcopy({name: value for name, value in vars(self).items() if name not in kept})

    def now(self) -> int:
        return self._clock.now()

    def lease_now(self) -> int:
        return self._clock.boot()
