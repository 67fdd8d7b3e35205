"""How long cases take, as values: one case's time in its parts, what its steps take usually, when it will end.

Lengths of time are seconds, moments aware datetimes in UTC. A percentile is the smallest length that at least so
many of a hundred do not exceed: one that was measured, never one in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Split:
    """A length of time in its parts; each moment counts once, as the first of these that holds.

    ``running``: a handler or a step was at work. ``retrying``: an attempt had failed, and the next one was not
    over. ``queued``: an event or a run was there, and nobody had come to it. ``waiting``: nothing of this: it
    waited for an event, a signal, a timer, another run or a person.
    """

    running: float
    retrying: float
    queued: float
    waiting: float

    @property
    def elapsed(self) -> float:
        """All of it."""
        return self.running + self.retrying + self.queued + self.waiting


@dataclass(frozen=True, slots=True)
class CaseTimes:
    """One case: when it began and ended, and where the time went until its end, or until ``at``."""

    case: str
    process: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    at: datetime
    split: Split


@dataclass(frozen=True, slots=True)
class Spread:
    """How some lengths of time lie: of how many, and three percentiles."""

    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class StepTimes:
    """One step of a process: from an event (of a join, the last) to one that came of it.

    ``by`` is the handler, or whoever emitted it; ``type`` is None for all reactions of it, whatever came.
    """

    after: str
    by: str
    type: str | None
    took: Spread


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a process takes, by its last cases that ended: as a whole, in its parts, and step by step.

    ``cases`` is how many were looked at; ``elapsed`` and ``shares`` are None where there was none. ``shares``
    are of all their time together.
    """

    process: str
    cases: int
    elapsed: Spread | None
    shares: Split | None
    steps: tuple[StepTimes, ...]

    def usual(self, after: str, by: str, type: str | None = None) -> Spread | None:
        """Say what a step takes; None where too few were seen to tell a p99 of (less than 20)."""
        for step in self.steps:
            if (step.after, step.by, step.type) == (after, by, type):
                return step.took if step.took.count >= FEW else None
        return None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a case is likely to end, by past cases that took at least as long as it has by now.

    They count from the event ``since`` (its type), or from their beginning where that is None. ``p50_at`` and
    ``p95_at`` are None where it has taken longer than all of ``cases``, and where there are none.
    """

    case: str
    at: datetime
    since: str | None
    cases: int
    p50_at: datetime | None
    p95_at: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """By when something that is owed is to come: who owes it, and because of which event (number and type).

    ``declared`` says that the handler's own ``due=`` asks for it, whatever of ``type`` may come; otherwise it is
    when 99 of 100 past cases had it by.
    """

    by: str
    event: int
    after: str
    type: str
    at: datetime
    declared: bool
    late: bool


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One event of two cases: how long after the case's beginning it came there; None where it did not."""

    type: str
    by: str
    first: float | None
    second: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two cases side by side. ``parted`` is the first place in ``events`` that only one of them has."""

    first: CaseTimes
    second: CaseTimes
    events: tuple[SideBySide, ...]
    parted: int | None


Dues: TypeAlias = tuple[Due, ...]

FEW = 20  # of fewer a p99 says nothing
