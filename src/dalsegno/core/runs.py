"""A run as the store keeps it: its six statuses, the reasons beside them, and its row."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """Where a run is. Six and final: what else there is to say is the reason, a field of its own."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether it is one of the three that never change."""
        return self in ENDED


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})

COMPENSATING = "compensating"
COMPENSATED = "compensated"
PARKED = "parked: "
DIVERGED = PARKED + "diverged"
KILLS_ITS_WORKER = PARKED + "kills its worker"
COMPENSATION_FAILED = PARKED + "compensation failed"
WAITS_FOR_NOTHING = PARKED + "waits for nothing"
DEAD_LETTER = PARKED + "dead letter"
UNWRITABLE = PARKED + "cannot be written"


class Run(msgspec.Struct, frozen=True, gc=False):
    """One run's row. Times are microseconds UTC.

    ``turn`` counts claims and ``wakes`` deliveries; a commit is conditional on both. ``due_at`` is
    when the run next needs a worker: now for a new one, its earliest timer for one that sleeps,
    None for one that waits for a delivery or has ended.
    """

    number: int
    namespace: str
    id: str
    workflow: str
    version: str
    status: Status
    reason: str | None = None
    turn: int = 0
    wakes: int = 0
    session: int | None = None
    crashes: int = 0
    due_at: int | None = None
    input_codec: int = 1
    input: bytes | None = None
    input_digest: bytes = b""
    output_codec: int = 1
    output: bytes | None = None
    error: bytes | None = None
    notes: bytes | None = None
    fingerprint: str = ""
    python: str = ""
    parent: int | None = None
    parent_op: int = 0
    attached: bool = True
    depth: int = 0
    case_id: str | None = None
    traceparent: str | None = None
    created_at: int = 0
    started_at: int | None = None
    changed_at: int = 0
    ended_at: int | None = None
    cause: int | None = None  # the event that started it
    undoes: bool = False  # so it goes on though its case is cancelled

    @property
    def parked(self) -> bool:
        """Whether it does not move until a person or a deploy acts."""
        return self.status is Status.WAITING and (self.reason or "").startswith(PARKED)


class Ending(msgspec.Struct, frozen=True, gc=False):
    """As much of a run's row as tells whether, and how, it has ended."""

    number: int
    workflow: str
    version: str
    status: Status
    reason: str | None
    output: bytes | None
    error: bytes | None


def ending_of(run: Run) -> Ending:
    """Return how a run has ended, if it has."""
    return Ending(run.number, run.workflow, run.version, run.status, run.reason, run.output, run.error)
