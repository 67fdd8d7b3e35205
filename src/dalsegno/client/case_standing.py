"""Where a case stands, as values: its trail, what is owed and by whom, and why it does not move.

Moments are aware datetimes in UTC, lengths of time seconds. The names of the fields are those of the JSON
that the command line prints, so they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.standing import Because


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a case's trail: an event, or an entry of a run's journal.

    ``kind`` is event, or what the entry is: step, attempt, timer, signal and so on. ``name`` is the event's
    type, or the step. ``by`` is who did it: a handler, a workflow, or where an event came from (empty for a
    client, which has no name). ``took`` is how long the reaction or the step that brought it took, where that is
    known. ``event`` is its number, ``cause`` that of the event that led to it; ``run`` the run whose doing it is.
    ``outcome`` is done, failed, unknown, cancelled or open; ``said`` says in words what name and time do not.
    """

    at: datetime
    kind: str
    name: str
    by: str
    took: float | None = None
    event: int | None = None
    cause: int | None = None
    run: str | None = None
    outcome: str = "done"
    said: str = ""


@dataclass(frozen=True, slots=True)
class Owing:
    """Somebody who is to do something now: a handler that has not reacted to an event, or a run under way.

    ``by`` is the handler's full name or the workflow's; ``event`` and ``type`` are what it is to react to.
    ``gives`` are the types of events that may come of it, ``certain`` those of them that come in any case.
    ``state`` is open, dead letter or running. ``due_at`` is by when its declaration asks for it. Where none does,
    ``usual`` is within how many seconds of its event 99 of 100 past cases had it, and ``usual_at`` when that
    is for this one: an expectation, and no promise; None where fewer than 20 had that step. ``reasons`` say
    why it has not happened yet: the first one binds, the others would hold it next.
    """

    by: str
    event: int | None
    type: str | None
    since: datetime
    gives: tuple[str, ...]
    certain: tuple[str, ...]
    state: str
    due_at: datetime | None
    run: str | None
    reasons: tuple[Because, ...]
    usual: float | None = None
    usual_at: datetime | None = None

    @property
    def why(self) -> Because:
        """The reason that binds."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class Then:
    """An event that may come once others have: of which handlers, after which events, and whether in any case."""

    type: str
    by: tuple[str, ...]
    after: tuple[str, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that nothing of the case emits: it comes from outside, or of workflows that have not begun."""

    type: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToUndo:
    """Compensation debt: an effect of a case that undoes itself, and that nobody has undone yet.

    ``state`` is open (one of ``by`` is to react), dead letter, later (once an event that may still come is
    there), or nobody (no handler will).
    """

    event: int
    type: str
    by: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Stray:
    """An event that is not as declared.

    ``why`` is unknown (nobody declares it), foreign (it belongs to another process) or unannounced (nobody who
    takes the event that led to it gives it).
    """

    event: int
    type: str
    why: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run of the case, in short. ``reacts`` tells a reaction that went on as a run from a run that takes part."""

    id: str
    workflow: str
    version: str
    status: str
    reason: str | None
    since: datetime
    reacts: bool
    why: Because


@dataclass(frozen=True, slots=True)
class CaseStanding:
    """Where a case stands at ``at``; ``past`` says that this is a moment that has passed.

    ``kind`` is choreography, orchestration or hybrid. ``state`` is open, ended or cancelled; ``end`` is the type
    of the event that closed it. ``process`` is None for a case that no process declares: then ``owed`` tells
    what handlers owe, and nothing is known of later. ``late`` is by how many seconds it is past its due time.
    ``stuck`` says that nothing of it moves, nor will, until somebody acts. ``names`` are further names of it,
    ``keys`` its further keys. The ``trail`` leaves out its first ``earlier`` lines. ``reasons`` are all that hold
    it, the one that binds first; ``next`` are commands that would be of use now. ``exact`` is False where there
    were too many ways for the process to go on to look through all of them.
    """

    id: str
    process: str | None
    kind: str
    key: str | None
    tracking: str
    state: str
    end: str | None
    at: datetime
    past: bool
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime | None
    late: float | None
    stuck: bool
    names: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    earlier: int
    trail: tuple[Line, ...]
    owed: tuple[Owing, ...]
    then: tuple[Then, ...]
    expected: tuple[Expected, ...]
    to_undo: tuple[ToUndo, ...]
    strays: tuple[Stray, ...]
    unreachable: tuple[str, ...]
    runs: tuple[RunLine, ...]
    reasons: tuple[Because, ...]
    next: tuple[str, ...]
    exact: bool

    @property
    def why(self) -> Because | None:
        """The reason that binds; None for a case that has nothing left to do."""
        return self.reasons[0] if self.reasons else None
