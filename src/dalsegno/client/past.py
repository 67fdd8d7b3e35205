"""A case as it was at a time in the past, made of all that it has left since.

There are two times, and they are not the same where events come late, or were imported. By "accepted" it is
what the store knew at a moment: what was on the log then, which reactions had ended, how the case's row stood.
By "happened" it is what had happened until a moment, by the events' own times, whenever they came to be known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec.structs import replace

from dalsegno.core.cases import OPEN, CaseRow, End, Process
from dalsegno.core.event import Event
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.store.cases import CaseTrail

By: TypeAlias = Literal["accepted", "happened"]
"""By which of its two times an event counts."""


def left_at(left: CaseTrail, at: int, by: By = "accepted") -> CaseTrail:
    """Leave of a trail what there was at a time; by "happened" the events are in the order in which they did.

    A run that has changed since is shown as running if it had begun, and as a dead letter if it was one:
    why else it waited is not kept. By "happened" reactions, runs and dead letters are those of the events
    that are left, as they stand now, since they have no time but that of the store.
    """
    if by == "happened":
        return _happened(left, at)
    letters = tuple(_letter(letter, at) for letter in left.dead_letters if letter.at <= at)
    buried = {letter.run for letter in letters if letter.state == "open"}
    return CaseTrail(
        tuple(event for event in left.events if event.at <= at),
        tuple(row for row in left.reactions if row.at <= at),
        tuple(_run(run, at, run.number in buried) for run in left.runs if run.created_at <= at),
        letters,
    )


def row_at(
    row: CaseRow, process: Process | None, left: CaseTrail, at: int, by: By = "accepted"
) -> CaseRow | None:
    """Say how the row of a case stood; None where the case had not begun. ``left`` is its whole trail.

    Its names and keys are those that it has now. ``process`` is what it is declared as, if it still is; by
    "happened" its beginning and its end are read from the events, in the order in which they happened.
    """
    if by == "happened":
        return _row_by_events(row, process, _in_time(left.events, at), at)
    if row.started_at > at:
        return None
    return _opened(row) if row.ended_at is not None and row.ended_at > at else row


# -- by what was accepted


def _run(run: Run, at: int, buried: bool) -> Run:
    if run.changed_at <= at and not (run.ended_at is not None and run.ended_at > at):
        return run
    if run.started_at is not None and run.started_at > at:
        run = replace(run, started_at=None)
    begun = Status.PENDING if run.started_at is None else Status.RUNNING
    status, reason = (Status.WAITING, DEAD_LETTER) if buried else (begun, None)
    changed = run.created_at if run.started_at is None else run.started_at
    return replace(run, status=status, reason=reason, changed_at=changed, ended_at=None, due_at=None)


def _letter(letter: DeadLetterRow, at: int) -> DeadLetterRow:
    """Say how a dead letter stood: one that was answered since was open."""
    if letter.changed_at <= at:
        return letter
    return replace(letter, state="open", changed_at=letter.at, changed_by="", why="")


def _opened(row: CaseRow) -> CaseRow:
    return replace(row, state=OPEN, end=None, end_event=None, ended_at=None)


# -- by what happened


def _happened(left: CaseTrail, at: int) -> CaseTrail:
    events = _in_time(left.events, at)
    numbers = {event.number for event in events}
    reactions = tuple(row for row in left.reactions if row.event in numbers)
    whose = {row.run for row in reactions} | {event.run for event in events}
    runs = tuple(run for run in left.runs if run.number in whose or run.created_at <= at)
    there = {run.number for run in runs}
    return CaseTrail(
        events, reactions, runs, tuple(letter for letter in left.dead_letters if letter.run in there)
    )


def _in_time(events: Iterable[Event], at: int) -> tuple[Event, ...]:
    """List events that had happened by a time, in that order; of those at one time, as the log has them."""
    return tuple(sorted((each for each in events if each.happened_at <= at), key=_when))


def _when(event: Event) -> tuple[int, int]:
    return event.happened_at, event.number


def _row_by_events(
    row: CaseRow, process: Process | None, events: tuple[Event, ...], at: int
) -> CaseRow | None:
    began = next((event for event in events if process is not None and event.type in process.starts), None)
    started_at = began.happened_at if began is not None else None
    if started_at is None and row.began_run is not None and row.started_at <= at:
        started_at = row.started_at
    if started_at is None:
        return None
    due_at = None if process is None or process.due is None else started_at + process.due
    began_event = row.began_event if began is None else began.number
    opened = replace(_opened(row), started_at=started_at, began_event=began_event, due_at=due_at)
    end = None if process is None else _end(process, events)
    if end is None:
        return opened
    return replace(opened, state=end.state, end=end.type, end_event=end.event, ended_at=end.at)


def _end(process: Process, events: Iterable[Event]) -> End | None:
    return process.closes(
        (each.number, each.type, each.happened_at) for each in events if each.type in process.closing
    )
