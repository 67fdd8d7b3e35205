"""What ``where`` answers, as values: frozen, and without a way back to the store.

Moments are aware datetimes in UTC. The names of the fields are those of the JSON that the command
line prints, so they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as the store knows it.

    ``state`` is live, wedged (its heart beats and its loop does not turn), silent (its lease is over)
    or gone (its process has ended); ``seconds`` tell for how long it is wedged or silent.
    """

    session: int
    pid: int
    host: str
    program: str
    python: str
    opened_at: datetime
    state: str
    seconds: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it may still act, be it that its loop stands."""
        return self.state in ("live", "wedged")

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"pid {self.pid} ({self.program})" if self.program else f"pid {self.pid}"


class Reason(StrEnum):
    """Why a run does not move, or that it does: a closed list, of which one always holds.

    ``DUE`` is the moment between becoming due and being claimed. ``NOTHING`` is a run whose code waits
    for itself: no signal, timer, step or child can wake it. ``NOT_EMITTED`` is a case that cannot go on:
    what it needs was not emitted, and nothing that is open will. ``NOT_KNOWN`` is said of a time in the past.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RUNNING = "running"
    STEP_RUNNING = "step running"
    RETRY = "retry waits"
    COMPENSATING = "compensating"
    SIGNAL = "waiting for a signal"
    TIMER = "waiting for a timer"
    CHILD = "waiting for a child"
    PERSON = "waiting for a person"
    PARKED = "parked"
    DEAD_LETTER = "dead letter"
    SCHEMA_REFUSED = "schema refused"
    BLOCKED = "blocked behind key"
    EVENT = "waiting for an event"
    JOIN = "waiting for a join"
    SERVICE_PAUSED = "service paused"
    CIRCUIT_OPEN = "circuit open"
    LAG = "lag"
    RETENTION_PASSED = "retention passed"
    PRESSURE = "producer backpressure"
    EARLIER = "waiting for an earlier event of its key"
    NOT_EMITTED = "not emitted"
    FILTERED = "filtered"
    DUPLICATE = "duplicate, already handled"
    NOT_KNOWN = "not known any more"
    NOTHING = "waiting for nothing"
    NOT_YET_DUE = "not yet due"
    DUE = "due"
    NO_WORKER = "no live worker"
    WEDGED = "worker's loop wedged"
    LACKS_CODE = "worker lacks the code or the version"
    STORE_HELD = "store held"
    STORE_FULL = "store full"

    @property
    def is_dead_letter(self) -> bool:
        """Whether it is a dead letter, whatever made it one: also data that no handler's class can read."""
        return self in (Reason.DEAD_LETTER, Reason.SCHEMA_REFUSED)


@dataclass(frozen=True, slots=True)
class Why:
    """The reason, and a sentence that says it with its names and numbers."""

    kind: Reason
    text: str


Fact = str | int | float | datetime | tuple[str, ...] | None
"""One piece of evidence."""


@dataclass(frozen=True, slots=True)
class Because:
    """A reason with what it rests on: names, numbers, times and counts by name, and commands of use.

    ``about`` is the handler or the run that it holds; empty where it holds the case as a whole.
    """

    kind: Reason
    text: str
    about: str = ""
    evidence: Mapping[str, Fact] | None = None
    next: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a run's trail: what an entry of its journal says.

    ``kind`` is step, attempt, intent, timer, signal, child (it ended), detached (it began), cancel or
    answer (a person's, to a parked run); ``outcome`` is done, failed, unknown, cancelled or open.
    ``source`` is a signal's sender, a child's run id, or who cancelled or retried. ``undoes`` names the
    step that a compensation undoes. ``said`` is what an answer says: redrive, edit or discard, and why.
    """

    position: int
    at: datetime
    kind: str
    name: str
    op: int
    outcome: str
    attempt: int = 0
    source: str = ""
    undoes: str = ""
    error: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """An attempt under way that takes its time, as its worker's heartbeat reported it."""

    step: str
    op: int
    attempt: int
    of: int
    began_at: datetime

    @property
    def ordinal(self) -> str:
        """Which attempt it is, where there may be several: ", attempt 2 of 5"."""
        if self.of == 1:
            return ""
        return f", attempt {self.attempt}{f' of {self.of}' if self.of else ''}"


@dataclass(frozen=True, slots=True)
class Awaited:
    """One thing that a run waits for.

    ``kind`` is signal, timer, retry, child, person, pressure (an event that a service is too far behind
    for) or held (an event or a step that is to wait, of which no more is known). A retry is before
    attempt ``attempt`` of ``of`` (0: without limit). ``detail`` is a child's run id, or the error that a
    retry follows; ``run`` is where that child stands.
    """

    kind: str
    name: str
    op: int
    since: datetime
    due_at: datetime | None = None
    attempt: int = 0
    of: int = 0
    detail: str = ""
    run: Standing | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What has been accepted for a run and not been taken by it yet."""

    kind: str
    name: str
    source: str
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error as it is stored: its class as text, its message, its traceback."""

    type: str
    message: str
    traceback: str = ""

    @property
    def brief(self) -> str:
        """The class without its module, and the message."""
        return without_module(f"{self.type}: {self.message}" if self.message else self.type)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one run stands at ``at``.

    ``since`` is when its status or reason last changed. The ``trail`` leaves out its first
    ``earlier`` marks. ``undone`` of ``to_undo`` compensations are done. ``line`` is where its code
    waited when it last came to rest. ``next`` are commands that would be of use now. ``reasons`` are all
    that hold it, of which ``why`` is the first: the one that binds.
    """

    id: str
    workflow: str
    version: str
    status: str
    reason: str | None
    why: Why
    at: datetime
    since: datetime
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    case_id: str | None
    parent: str | None
    worker: WorkerView | None
    error: Trouble | None
    earlier: int
    trail: tuple[Mark, ...]
    doing: tuple[Doing, ...]
    waits: tuple[Awaited, ...]
    kept: tuple[Kept, ...]
    undone: int
    to_undo: int
    crashes: int
    line: str
    next: tuple[str, ...]
    reasons: tuple[Because, ...] = ()


def without_module(error: str) -> str:
    """Shorten ``builtins.KeyError: 'sku'`` to ``KeyError: 'sku'``."""
    kind, colon, message = error.partition(":")
    return error if " " in kind else f"{kind.rpartition('.')[2]}{colon}{message}"
