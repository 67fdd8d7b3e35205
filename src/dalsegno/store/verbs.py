"""What each written item means, once for every SQL database.

A verb is a generator: it yields ``(statement, parameters)`` and is sent back the rows, or for a
statement without rows how many it changed (for a list of parameters: how many each changed); what it
returns is the verdict. Whoever drives it holds one open transaction, and decides between blocking calls
(SQLite) and awaited ones (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from msgspec.structs import astuple, replace

from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    EndSession,
    Fence,
    OpenSession,
    Refused,
    Release,
    Retry,
    Send,
    Sent,
    SentHow,
    Session,
    Start,
    Started,
    Verdict,
    Write,
)
from dalsegno.core.entries import Delivery, Entry, Kind, Outcome, Timer
from dalsegno.core.runs import Run, Status

Ask: TypeAlias = tuple[str, tuple[Any, ...] | list[tuple[Any, ...]]]
Verb: TypeAlias = Generator[Ask, Any, Any]


class Now(NamedTuple):
    """The clocks of one transaction, read once after it began."""

    wall: int
    lease: int


class Standing(Enum):
    """How a group stands with its fence."""

    HELD = "held"
    LANDED = "landed"  # it landed before and only its reply was lost
    LOST = "lost"


def write_group(items: Sequence[Write], fence: Fence | None, now: Now) -> Generator[Ask, Any, list[Verdict]]:
    """Write a group; commits of a session that lost its fence are refused, the rest goes on."""
    standing = yield from hold(fence, now)
    held = standing is Standing.HELD
    verdicts: list[Verdict] = []
    # What most items are: one entry. These depend on nothing else in the group, so they go together, at its end.
    plain: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for item in items:
        if held and type(item) is Commit and item.plain:
            at = max(now.wall, item.floor)
            plain.append(len(verdicts))
            rows.append((item.run, *astuple(item.entries[0])[:-1], at, item.session, item.turn))
            verdicts.append(Committed(at))
        else:
            verdicts.append((yield from write_item(item, fence, standing, now)))
    if rows:
        for place, written in zip(plain, (yield "insert_owned_entry", rows), strict=True):
            if not written:
                verdicts[place] = Refused.STALE
    return verdicts


def for_session(item: Write, session: int | None) -> Write:
    """Return the item as this session may write it: a start for another one is left to be claimed."""
    if isinstance(item, Start) and item.session is not None and item.session != session:
        return replace(item, session=None)
    return item


def write_item(
    item: Write, fence: Fence | None, standing: Standing, now: Now
) -> Generator[Ask, Any, Verdict]:
    """Write one item of a group whose fence stands like this."""
    if standing is Standing.LOST and isinstance(item, (Commit, Claim)):
        return Refused.FENCED
    verdict: Verdict | None = None
    if standing is Standing.LANDED:
        verdict = yield from _landed(item, now)
    if verdict is None:
        session = fence.session if fence is not None and standing is not Standing.LOST else None
        verdict = yield from _VERBS[type(item)](for_session(item, session), now)
    return verdict


def hold(fence: Fence | None, now: Now) -> Generator[Ask, Any, Standing]:
    """Hold the fence of a group, if it has one, and tell how it stands."""
    if fence is None:
        return Standing.HELD
    until = now.lease + fence.lease
    renewed = yield (
        "renew",
        (fence.session, fence.commits, fence.commits - 1, until, fence.loop_turn_at),
    )
    if renewed:
        return Standing.HELD
    rows = yield "count_commits", (fence.session,)
    landed = bool(rows) and rows[0][0] == fence.commits and rows[0][1] is None
    return Standing.LANDED if landed else Standing.LOST


def _landed(item: Write, now: Now) -> Verb:
    """Answer again for an item that landed, whose reply was lost; None if it is to be written after all.

    A claim tells of all runs that the session owns: its caller knows which of them it has.
    """
    if isinstance(item, Claim):
        owned = [run_of(row) for row in (yield "owned_runs", (item.session,))]
        return Claimed(tuple(owned), tuple((run.number, run.wakes) for run in owned), now.wall)
    if isinstance(item, Commit):
        rows = yield "get_run", (item.run,)
        run = run_of(rows[0]) if rows else None
        if run is not None and run.turn == item.turn:
            if item.entries:
                rows = yield "entry_time", (item.run, item.entries[0].position)
                return Committed(rows[0][0]) if rows else None
            if item.rest is not None and run.session is None:
                return Committed(run.changed_at)
    return None


def _commit(item: Commit, now: Now) -> Verb:
    at = max(now.wall, item.floor)
    # Whatever can refuse the commit comes before its first write: a refusal leaves nothing behind.
    refusal: Refused | None = (yield from _children(item)) if item.starts else None
    if refusal is None:
        refusal = yield from _guard(item, at)
    if refusal is not None:
        return refusal
    for start in item.starts:
        yield from _start(start, now)
    for entry in item.entries[1:]:
        yield "insert_entry", (item.run, *astuple(entry)[:-1], at)
    for timer in item.timers:
        yield "set_timer", (item.run, timer.op, timer.due_at, int(timer.retry))
    for op in item.dropped:
        yield "drop_timer", (item.run, op)
    for number in item.consumed:
        yield "take_delivery", (item.run, number)
    for send in item.sends:
        yield from _send(send, now)
    if item.rest is None:
        yield from _go_on(item, at)
    elif item.rest.status.ended:
        yield "drop_timers", (item.run,)
    return Committed(at)


def _guard(item: Commit, at: int) -> Verb:
    """Check that (session, turn) own the run by the commit's first write, or for want of one by a look."""
    if item.rest is not None:
        refusal = yield from _rest(item, at)
        if refusal is not None or not item.entries:
            return refusal
        yield "insert_entry", (item.run, *astuple(item.entries[0])[:-1], at)
        return None
    if item.entries:
        row = (item.run, *astuple(item.entries[0])[:-1], at, item.session, item.turn)
        return None if (yield "insert_owned_entry", row) else Refused.STALE
    return (yield from _own(item))


def _go_on(item: Commit, at: int) -> Verb:
    if item.reason is not None:
        yield "explain_run", (item.run, item.reason or None, item.notes, at)
    if item.clear_crashes:
        yield "clear_crashes", (item.run,)


def _children(item: Commit) -> Verb:
    """Tell what refuses the children of a commit, if anything does."""
    for start in item.starts:
        rows = yield "find_run", (start.namespace, start.id)
        if rows and not is_child(run_of(rows[0]), item.run, start):
            return Refused.CHILD_EXISTS
        if not rows and (yield "seek_number", (start.number,)):
            return Refused.NUMBER_TAKEN
    return None


def is_child(run: Run, parent: int, start: Start) -> bool:
    """Tell whether a run is the child that an operation of its parent wants to start."""
    made_by = (run.parent, run.parent_op, run.workflow, run.input_digest)
    return made_by == (parent, start.parent_op, start.workflow, start.input_digest)


def _own(item: Commit) -> Verb:
    rows = yield "own_run", (item.run, item.session, item.turn)
    return None if rows else Refused.STALE


def _rest(item: Commit, at: int) -> Verb:
    rest = item.rest
    assert rest is not None
    key = (item.run, item.session, item.turn, rest.wakes)
    if rest.status.ended:
        changed = yield (
            "end_run",
            (*key, rest.status.value, rest.reason, rest.output, rest.output_codec, rest.error, at),
        )
    else:
        changed = yield (
            "rest_run",
            (*key, rest.status.value, rest.reason, rest.due_at, rest.error, rest.notes, at),
        )
    if changed:
        return None
    return (yield from _own(item)) or Refused.MISSED


def _start(item: Start, now: Now) -> Verb:
    claimed = item.session is not None
    state = (
        *("running" if claimed else "pending", item.session, int(claimed)),
        *(None if claimed else now.wall, now.wall if claimed else None),
    )
    created = yield (
        "insert_run",
        (
            *(item.number, item.namespace, item.id, item.workflow, item.version),
            *(item.input, item.input_codec, item.input_digest, item.fingerprint, item.python),
            *(item.parent, item.parent_op, int(item.attached), item.depth),
            *(item.case_id, item.traceparent, item.queue, *state, now.wall),
        ),
    )
    if created:
        return Started(True, new_run(item, now.wall))
    rows = yield "find_run", (item.namespace, item.id)
    if not rows:
        return Refused.NUMBER_TAKEN
    return Started(False, run_of(rows[0]))


def _send(item: Send, now: Now) -> Verb:
    if item.run is None:
        rows = yield "seek_run", (item.namespace, item.run_id)
    else:
        rows = yield "seek_number", (item.run,)
    if not rows:
        return Sent(SentHow.UNKNOWN)
    number, status = rows[0][0], Status(rows[0][1])
    if item.id is not None and (yield "known_delivery", (number, item.id)):
        return Sent(SentHow.REPEATED, number, status)
    woken = yield "wake_run", (number, now.wall, int(item.release))
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
        accepted_at=now.wall,
    )
    yield "insert_delivery", (number, *astuple(delivery))
    return Sent(SentHow.ACCEPTED, number, status)


def _retry(item: Retry, now: Now) -> Verb:
    rows = yield "find_run", (item.namespace, item.run_id)
    if not rows:
        return Sent(SentHow.UNKNOWN)
    run = run_of(rows[0])
    if not run.parked:
        return Sent(SentHow.NOT_PARKED, run.number, run.status)
    yield from _send(Send(kind=Kind.HOLD, run=run.number, source=item.source, release=True), now)
    yield "unpark_run", (run.number, now.wall)
    return Sent(SentHow.ACCEPTED, run.number, run.status)


def _claim(item: Claim, now: Now) -> Verb:
    who = (item.session, item.queue, now.wall)
    rows: list[Any] = (yield "owned_runs", (item.session,)) if item.recall else []
    owned = [run_of(row) for row in rows]
    if item.limit > 0:
        rows += yield "claim_due", (*who, 0, item.suspect_after, item.limit)
    if item.suspects > 0:
        rows += yield "claim_due", (*who, item.suspect_after, 1_000_000, item.suspects)
    news = {row[0]: row[1] for row in (yield "hear_news", (item.session,))}
    news |= {run.number: run.wakes for run in owned}
    runs = tuple(sorted((run_of(row) for row in rows), key=lambda run: run.number))
    return Claimed(runs, tuple(news.items()), now.wall)


def _open_session(item: OpenSession, now: Now) -> Verb:
    opened = yield (
        "open_session",
        (
            *(item.number, item.pid, item.pid_start, item.pid_namespace, item.boot_id, item.host),
            *(item.python, item.program, item.lease, now.lease + item.lease, now.lease, now.wall),
        ),
    )
    if not opened:
        rows = yield "read_session", (item.number,)
        return Done(1) if is_same_session(Session(*rows[0]), item) else Refused.NUMBER_TAKEN
    for workflow, version in item.abilities:
        yield "add_ability", (item.number, workflow, version)
    return Done(1)


def is_same_session(session: Session, item: OpenSession) -> bool:
    """Tell whether a session is the one that is being opened, written before by a lost reply."""
    known = (session.pid, session.pid_start, session.boot_id, session.host, session.commits)
    return known == (item.pid, item.pid_start, item.boot_id, item.host, 0) and session.fenced_at is None


def _beat(item: Beat, now: Now) -> Verb:
    beaten = yield "beat", (item.session, now.lease + item.lease, item.loop_turn_at)
    if not beaten:
        return Refused.FENCED
    if item.attempts is not None:
        yield "forget_attempts", (item.session,)
        for attempt in item.attempts:
            yield "report_attempt", (item.session, *astuple(attempt))
    return Done(1)


def _end_session(item: EndSession, now: Now) -> Verb:
    if item.expired_only:
        fenced = yield "fence_expired", (item.number, now.wall, now.lease)
    else:
        fenced = yield "fence", (item.number, now.wall)
    if fenced:
        yield "forget_abilities", (item.number,)
        yield "forget_attempts", (item.number,)
        if item.goodbye:
            yield "release_runs", (now.wall, 1_000_000, 1_000_000, 0, item.number)
            yield "mark_released", (item.number,)
    return Done(fenced)


def _release(item: Release, now: Now) -> Verb:
    total = 0
    for (number,) in (yield "fenced_sessions", ()):
        left = item.limit - total
        if left <= 0:
            break
        released = yield "release_runs", (now.wall, left, item.max_crashes, 1, number)
        total += released
        if released < left:
            yield "mark_released", (number,)
    return Done(total)


_VERBS: dict[type, Callable[[Any, Now], Verb]] = {
    Start: _start,
    Send: _send,
    Commit: _commit,
    Claim: _claim,
    OpenSession: _open_session,
    Beat: _beat,
    EndSession: _end_session,
    Release: _release,
    Retry: _retry,
}


def new_run(item: Start, now: int) -> Run:
    """Make the run that a start has made, without reading it back."""
    claimed = item.session is not None
    return Run(
        number=item.number,
        namespace=item.namespace,
        id=item.id,
        workflow=item.workflow,
        version=item.version,
        status=Status.RUNNING if claimed else Status.PENDING,
        turn=int(claimed),
        session=item.session,
        due_at=None if claimed else now,
        input_codec=item.input_codec,
        input=item.input,
        input_digest=item.input_digest,
        fingerprint=item.fingerprint,
        python=item.python,
        parent=item.parent,
        parent_op=item.parent_op,
        attached=item.attached,
        depth=item.depth,
        case_id=item.case_id,
        traceparent=item.traceparent,
        created_at=now,
        started_at=now if claimed else None,
        changed_at=now,
    )


STATUS_OF = {status.value: status for status in Status}
_STATUS = Run.__struct_fields__.index("status")
_ATTACHED = Run.__struct_fields__.index("attached")


def run_of(row: Sequence[Any]) -> Run:
    """Make a run of a row of ``run_columns``."""
    values = list(row)
    values[_STATUS] = STATUS_OF[values[_STATUS]]
    values[_ATTACHED] = bool(values[_ATTACHED])
    return Run(*values)


def entry_of(row: Sequence[Any]) -> Entry:
    """Make an entry of a row of ``read_entries``."""
    position, kind, op, name, digest, outcome, *rest = row
    return Entry(position, Kind(kind), op, name, digest, Outcome(outcome), *rest)


def timer_of(row: Sequence[Any]) -> Timer:
    """Make a timer of a row of ``read_timers``."""
    return Timer(row[0], row[1], bool(row[2]))


def delivery_of(row: Sequence[Any]) -> Delivery:
    """Make a delivery of a row of ``read_inbox``."""
    number, kind, name, id_, source, op, outcome, codec, data, accepted_at = row
    return Delivery(number, Kind(kind), name, id_, source, op, Outcome(outcome), codec, data, accepted_at)
