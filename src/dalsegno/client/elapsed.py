"""Where the time of a case went: what was at work when, read from its trail and its runs' journals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from dalsegno.client.case_times import Split
from dalsegno.core.clock import SECOND
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import Run, Status
from dalsegno.store.cases import CaseTrail
from dalsegno.store.log import ReactionRow

Span: TypeAlias = tuple[int, int, int]
"""From, until, and what the time was: the lower counts where several meet."""

RUNNING, RETRYING, QUEUED, WAITING = range(4)

_AT_WORK = (Kind.STEP, Kind.ATTEMPT, Kind.INTENT, Kind.EMIT)


def split(left: CaseTrail, journals: Mapping[int, Sequence[Entry]], since: int, until: int) -> Split:
    """Part the time between two moments (microseconds); ``journals`` are those of the case's runs, by number."""
    parts = [0, 0, 0, 0]
    spans = [*_of_reactions(left), *_of_runs(left.runs, journals, until)]
    for begin, end, what in _once(spans, since, until):
        parts[what] += end - begin
    parts[WAITING] = max(0, until - since) - sum(parts[:WAITING])
    return Split(*(part / SECOND for part in parts))


def _once(spans: Iterable[Span], since: int, until: int) -> Iterator[Span]:
    """Cut spans so that each moment is in one, the lowest that has it; what only waits is left out."""
    changes: list[tuple[int, int, int]] = []
    for first, last, what in spans:
        begin, end = max(first, since), min(last, until)
        if begin < end and what != WAITING:
            changes += [(begin, what, 1), (end, what, -1)]
    under_way, passed = [0, 0, 0], since
    for at, what, by in sorted(changes):
        holds = next((each for each, count in enumerate(under_way) if count), None)
        if holds is not None and passed < at:
            yield passed, at, holds
        under_way[what] += by
        passed = at


def _of_reactions(left: CaseTrail) -> Iterator[Span]:
    """Say when reactions were queued, and when at work; of one that went on as a run, until it did."""
    events = {event.number: event.at for event in left.events}
    for row in left.reactions:
        if row.outcome in (ReactedAs.DONE, ReactedAs.RUN) and row.event in events:
            began = max(events[row.event], began_at(row))
            yield events[row.event], began, QUEUED
            yield began, row.at, RUNNING


def began_at(row: ReactionRow) -> int:
    """Say when a handler was called."""
    return row.at - row.took


def _of_runs(runs: Iterable[Run], journals: Mapping[int, Sequence[Entry]], until: int) -> Iterator[Span]:
    for run in runs:
        yield from _of_run(run, journals.get(run.number, ()), until)


def _of_run(run: Run, journal: Sequence[Entry], until: int) -> Iterator[Span]:
    """Say what a run did when. Where a step began is not recorded: from the entry before, it is said to run.

    What follows a failed attempt is its retry, until the step is settled.
    """
    failed: set[int] = set()
    last, started = run.created_at, run.started_at
    for entry in journal:
        if started is not None and last < started <= entry.at:
            yield last, started, RETRYING if failed else QUEUED
            last = started
        yield last, entry.at, _before(entry, failed)
        last = max(last, entry.at)
        if entry.kind is Kind.ATTEMPT:
            failed.add(entry.op)
        elif entry.kind in (Kind.STEP, Kind.HOLD):
            failed.discard(entry.op)
    if started is not None and last < started:
        yield last, started, RETRYING if failed else QUEUED
        last = started
    yield last, until if run.ended_at is None else run.ended_at, _now(run, failed)


def _before(entry: Entry, failed: set[int]) -> int:
    """Say what the time was that an entry ended."""
    if entry.kind in (Kind.STEP, Kind.ATTEMPT) and entry.op in failed:
        return RETRYING
    return RUNNING if entry.kind in _AT_WORK else WAITING


def _now(run: Run, failed: set[int]) -> int:
    """Say what a run has done since its last entry."""
    if run.status.ended or run.status is Status.RUNNING:
        return RETRYING if failed and not run.status.ended else RUNNING
    if run.parked:
        return WAITING
    if failed:
        return RETRYING
    return QUEUED if run.status is Status.PENDING else WAITING
