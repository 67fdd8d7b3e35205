"""Workers' sessions: opened, kept alive, and ended for good."""

from __future__ import annotations

from msgspec.structs import astuple

from dalsegno.core.commit import Beat, Done, EndSession, OpenSession, Refused, Session
from dalsegno.store.verbs.group import Group, Verb


def open_session(item: OpenSession, group: Group) -> Verb:
    """Open a session, with what it can run."""
    opened = yield (
        "open_session",
        (
            *(item.number, item.pid, item.pid_start, item.pid_namespace, item.boot_id, item.host),
            *(item.python, item.program, item.lease, group.lease + item.lease, group.lease, group.wall),
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


def beat(item: Beat, group: Group) -> Verb:
    """Renew a lease, and report attempts that take their time."""
    beaten = yield "beat", (item.session, group.lease + item.lease, item.loop_turn_at)
    if not beaten:
        return Refused.FENCED
    if item.attempts is not None:
        yield "forget_attempts", (item.session,)
        for attempt in item.attempts:
            yield "report_attempt", (item.session, *astuple(attempt))
    return Done(1)


def end_session(item: EndSession, group: Group) -> Verb:
    """Fence a session for good."""
    if item.expired_only:
        fenced = yield "fence_expired", (item.number, group.wall, group.lease)
    else:
        fenced = yield "fence", (item.number, group.wall)
    if fenced:
        yield "forget_abilities", (item.number,)
        yield "forget_attempts", (item.number,)
        if item.goodbye:
            yield "release_runs", (group.wall, 1_000_000, 1_000_000, 0, item.number)
            yield "release_partitions", (item.number, 0)
            yield "mark_released", (item.number,)
    return Done(fenced)
