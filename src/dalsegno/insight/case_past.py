"""What was owed of a case at a time in the past, and what is known of why: of what it had left by then.

Events, reactions, runs and dead letters have the times at which they came and ended, and journals those of
their entries (``client.past`` takes from them what there was). What is overwritten is not known any more: how far
services had come, pauses, circuits, workers, and what a run waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from dalsegno.client.standing import Because, Fact, Mark, Reason, Standing, Why
from dalsegno.core.clock import to_datetime
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import Run
from dalsegno.insight.flow import Flow, Participant, Reacted, State, Trail
from dalsegno.insight.owed import Owed
from dalsegno.insight.reasons import kind_of_letter
from dalsegno.store.cases import CaseTrail


def trail_then(trail: Trail, then: CaseTrail, titles: Mapping[int, str], at: int) -> Trail:
    """Return the trail as it was, of the one that there is by now; a reaction that is not listed was open."""
    events = {event.number for event in then.events}
    dead = {(each.event, titles.get(each.handler, "")): each.at for each in _open(then)}
    kept = [
        each
        for each in trail.reactions
        if each.event in events
        and (each.event, each.handler) not in dead
        and (each.at is None or each.at <= at)
    ]
    kept += [Reacted(event, handler, State.DEAD_LETTER, since) for (event, handler), since in dead.items()]
    known = {run.id: not run.status.ended for run in then.runs}
    return Trail(
        tuple(event for event in trail.events if event.number in events),
        tuple(kept),
        tuple(Participant(run.workflow, known[run.id], run.id) for run in trail.runs if run.id in known),
        trail.cancelled if trail.cancelled in events else None,
    )


def owed_then(
    flow: Flow, trail: Trail, then: CaseTrail, titles: Mapping[int, str], marks: Mapping[int, Iterable[Mark]]
) -> Iterator[Owed]:
    """Tell which handlers had not reacted, and what is known of why."""
    rows = {(row.event, titles.get(row.handler)): row for row in then.reactions}
    runs = {run.number: run for run in then.runs}
    letters = {(each.event, titles.get(each.handler)): each for each in _open(then)}
    for event in trail.events:
        for handler in flow.takers.get(event.type, ()):
            if trail.state(event, handler) not in (State.OPEN, State.DEAD_LETTER):
                continue
            place = (event.number, handler.title)
            row = rows.get(place)
            run = None if row is None or row.run is None else runs.get(row.run)
            tried = () if run is None else marks.get(run.number, ())
            because = _because(handler.title, event.number, letters.get(place), tried, joins=handler.joins)
            yield Owed(
                event=event.number,
                service=handler.service,
                handler=handler.name,
                since=to_datetime(event.at),
                kind=because.kind,
                text=because.text,
                run=None if run is None else run.id,
                next=because.next,
                reasons=(because,),
            )


def _open(then: CaseTrail) -> Iterator[DeadLetterRow]:
    """List the dead letters that nobody had answered by then."""
    return (letter for letter in then.dead_letters if letter.state == "open")


def _because(
    title: str, event: int, letter: DeadLetterRow | None, marks: Iterable[Mark], *, joins: bool
) -> Because:
    if letter is not None:
        tries = f"{letter.attempts} attempt{'s' if letter.attempts != 1 else ''}"
        text = f"was dead letter {letter.number}, after {tries}: {letter.error}"
        found: dict[str, Fact] = {
            "dead_letter": letter.number,
            "event": event,
            "since": to_datetime(letter.at),
        }
        return Because(
            kind_of_letter(letter), text, title, found, (f"dalsegno dead-letters show {letter.number}",)
        )
    last = max(marks, key=lambda mark: mark.position, default=None)
    if last is not None and last.kind == "attempt":
        text = f"attempt {last.attempt} had failed: {last.error}"
        return Because(Reason.RETRY, text, title, {"event": event, "attempt": last.attempt, "since": last.at})
    if joins:
        return Because(Reason.JOIN, "waited for the other events of its key", title, {"event": event})
    return Because(Reason.NOT_KNOWN, "had not reacted; why is not known any more", title, {"event": event})


def standing_then(run: Run, marks: tuple[Mark, ...], at: int) -> Standing:
    """Tell how a run stood, as far as that is known."""
    ended = run.status.ended
    kind = Reason(run.status.value) if ended else Reason.NOT_KNOWN
    text = run.status.value if ended else "had not ended; what it waited for is not known any more"
    because = Because(kind, text, run.id, {"run": run.id})
    return Standing(
        id=run.id,
        workflow=run.workflow,
        version=run.version,
        status=run.status.value,
        reason=run.reason,
        why=Why(kind, text),
        at=to_datetime(at),
        since=to_datetime(run.changed_at),
        created_at=to_datetime(run.created_at),
        started_at=_moment(run.started_at, at),
        ended_at=_moment(run.ended_at, at),
        due_at=None,
        case_id=run.case_id,
        parent=None,
        worker=None,
        error=None,
        earlier=0,
        trail=marks,
        doing=(),
        waits=(),
        kept=(),
        undone=0,
        to_undo=0,
        crashes=0,
        line="",
        next=(),
        reasons=(because,),
    )


def _moment(value: int | None, at: int) -> datetime | None:
    return None if value is None or value > at else to_datetime(value)


def marks_then(marks: tuple[Mark, ...], at: int) -> tuple[Mark, ...]:
    """Return the marks that there were."""
    then = to_datetime(at)
    return tuple(mark for mark in marks if mark.at <= then)
