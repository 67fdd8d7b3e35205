"""The trail of a case as lines: its events, and what the runs that take part have done, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dalsegno.client.case_standing import Line
from dalsegno.client.standing import Mark
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.event import Event, event_signal
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import Run
from dalsegno.store.cases import CaseTrail
from dalsegno.store.log import ReactionRow


def lines_of(
    left: CaseTrail, titles: Mapping[int, str], marks: Mapping[int, Iterable[Mark]], takes_part: Iterable[Run]
) -> list[Line]:
    """Make the lines; ``titles`` names handlers by number, ``marks`` are of runs by number."""
    runs = {run.number: run for run in left.runs}
    reactions: dict[int | None, list[ReactionRow]] = {}
    for row in left.reactions:
        reactions.setdefault(row.event, []).append(row)
    found = [_event(event, reactions.get(event.cause, ()), titles, runs, marks) for event in left.events]
    for run in takes_part:
        emitted = {event.type for event in left.events if event.run == run.number}
        found += _entries(run, (mark for mark in marks.get(run.number, ()) if mark.name not in emitted))
    return sorted(found, key=lambda line: line.at)


def _event(
    event: Event,
    reactions: Iterable[ReactionRow],
    titles: Mapping[int, str],
    runs: Mapping[int, Run],
    marks: Mapping[int, Iterable[Mark]],
) -> Line:
    """Make the line of an event; ``reactions`` are those to its cause."""
    mine = (row for row in reactions if titles.get(row.handler) == event.source)
    row = max(mine, key=lambda row: row.generation, default=None)
    run = runs.get(event.run) if event.run is not None else None
    took, said = None, ""
    if row is not None and row.outcome == ReactedAs.DONE:
        took = row.took / SECOND
    elif run is not None and row is not None:
        took = (event.at - run.created_at) / SECOND
        said = _tries(marks.get(run.number, ()))
    return Line(
        at=to_datetime(event.at),
        kind="event",
        name=event.type,
        by=event.source,
        took=took,
        event=event.number,
        cause=event.cause,
        run=None if run is None else run.id,
        said=said,
    )


def _tries(marks: Iterable[Mark]) -> str:
    """Say which attempt it was, where it was not the first, and whether a person had to answer before it."""
    tried, answered = 0, ""
    for mark in marks:
        if mark.kind == "answer":
            tried, answered = 0, "edited and redriven" if mark.said.startswith("edit") else "redriven"
        elif mark.kind in ("step", "attempt"):
            tried = max(tried, mark.attempt)
    return ", ".join([*([answered] if answered else []), *([f"attempt {tried}"] if tried > 1 else [])])


def _entries(run: Run, marks: Iterable[Mark]) -> Iterator[Line]:
    """Make lines of what a run that takes part has done; what it waits for is said with what is owed."""
    for mark in marks:
        if mark.kind == "signal" and mark.name.startswith(event_signal("")):
            continue  # the event has a line of its own
        undoes = [f"undoes {mark.undoes}"] if mark.undoes else []
        tried = [f"attempt {mark.attempt}"] if mark.attempt > 1 or mark.kind == "attempt" else []
        error = [mark.error] if mark.error else []
        sender = [f"signal from {mark.source}" if mark.source else "signal"] if mark.kind == "signal" else []
        yield Line(
            at=mark.at,
            kind=mark.kind,
            name=mark.name or mark.kind,
            by=run.workflow,
            run=run.id,
            outcome=mark.outcome,
            said=", ".join([*undoes, *sender, *tried, *error]),
        )
