"""Runs: started, told, claimed, and handed on."""

from __future__ import annotations

from typing import Any

from msgspec.structs import astuple

from dalsegno.core.commit import (
    Claim,
    Claimed,
    Done,
    Refused,
    Release,
    Retry,
    Send,
    Sent,
    SentHow,
    Start,
    Started,
)
from dalsegno.core.entries import Delivery, Kind
from dalsegno.core.runs import Run, Status
from dalsegno.store.rows import new_run, run_of, status_of
from dalsegno.store.verbs.cases import follow_start
from dalsegno.store.verbs.group import Group, Verb


def start(item: Start, group: Group) -> Verb:
    """Make a new run, or find the one of that id."""
    claimed = item.session is not None
    state = (
        *(status_of(item), item.reason, item.session, int(claimed)),
        *(None if claimed or item.held else item.due_at or group.wall, group.wall if claimed else None),
    )
    created = yield (
        "insert_run",
        (
            *(item.number, item.namespace, item.id, item.workflow, item.version),
            *(item.input, item.input_codec, item.input_digest, item.fingerprint, item.python),
            *(item.parent, item.parent_op, int(item.attached), item.depth),
            *(item.case_id, item.traceparent, item.queue, item.cause, int(item.undoes), *state, group.wall),
        ),
    )
    if created:
        yield from follow_start(item, group)
        return Started(True, new_run(item, group.wall))
    rows = yield "find_run", (item.namespace, item.id)
    if not rows:
        return Refused.NUMBER_TAKEN
    return Started(False, run_of(rows[0]))


def send(item: Send, group: Group) -> Verb:
    """Put a delivery into a run's inbox."""
    if item.run is None:
        rows = yield "seek_run", (item.namespace, item.run_id)
    else:
        rows = yield "seek_number", (item.run,)
    if not rows:
        return Sent(SentHow.UNKNOWN)
    number, status = rows[0][0], Status(rows[0][1])
    if item.id is not None and (yield "known_delivery", (number, item.id)):
        return Sent(SentHow.REPEATED, number, status)
    woken = yield "wake_run", (number, group.wall, int(item.release))
    if not woken:
        return Sent(SentHow.ENDED, number, status)
    delivery = Delivery(
        number=woken[0][0],
        kind=item.kind,
        name=item.name,
        id=item.id,
        source=item.source,
        op=item.op,
        outcome=item.outcome,
        codec=item.codec,
        data=item.data,
        accepted_at=group.wall,
    )
    yield "insert_delivery", (number, *astuple(delivery))
    return Sent(SentHow.ACCEPTED, number, status)


def retry(item: Retry, group: Group) -> Verb:
    """Let a parked run go on, because a person says so."""
    rows = yield "find_run", (item.namespace, item.run_id)
    if not rows:
        return Sent(SentHow.UNKNOWN)
    run = run_of(rows[0])
    if not run.parked:
        return Sent(SentHow.NOT_PARKED, run.number, run.status)
    told: Sent = yield from send(retry_of(item, run), group)
    if told.how is not SentHow.ACCEPTED:
        return told
    yield "unpark_run", (run.number, group.wall)
    if run.cause is not None:
        yield "redrive", (run.number, item.source, item.why, group.wall)
    return Sent(SentHow.ACCEPTED, run.number, run.status)


def retry_of(item: Retry, run: Run) -> Send:
    """Make the delivery of a person's order; a run takes one each time that it has parked."""
    return Send(
        kind=Kind.HOLD,
        run=run.number,
        id=f"retry\n{run.turn}",
        source=item.source,
        data=item.data,
        release=True,
    )


def claim(item: Claim, group: Group) -> Verb:
    """Take due runs for a session."""
    who = (item.session, item.queue, group.wall)
    rows: list[Any] = (yield "owned_runs", (item.session,)) if item.recall else []
    owned = [run_of(row) for row in rows]
    if item.limit > 0:
        rows += yield "claim_due", (*who, 0, item.suspect_after, item.limit)
    if item.suspects > 0:
        rows += yield "claim_due", (*who, item.suspect_after, 1_000_000, item.suspects)
    news = {row[0]: row[1] for row in (yield "hear_news", (item.session,))}
    news |= {run.number: run.wakes for run in owned}
    runs = tuple(sorted((run_of(row) for row in rows), key=lambda run: run.number))
    return Claimed(runs, tuple(news.items()), group.wall)


def release(item: Release, group: Group) -> Verb:
    """Hand on the runs and partitions of fenced sessions."""
    total = 0
    for (number,) in (yield "fenced_sessions", ()):
        left = item.limit - total
        if left <= 0:
            break
        released = yield "release_runs", (group.wall, left, item.max_crashes, 1, number)
        total += released
        if released < left:
            yield "release_partitions", (number, 1)
            yield "mark_released", (number,)
    return Done(total)
