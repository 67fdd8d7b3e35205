"""Alerts: one session looks after a rule, and what it sees is one row for as long as it holds."""

from __future__ import annotations

from dalsegno.core.alerts import AlertRow, Seen, Tally, Tell, Watch
from dalsegno.core.commit import Done, Refused
from dalsegno.store.rows import alert_of
from dalsegno.store.verbs.group import Group, Verb


def watch(item: Watch, group: Group) -> Verb:
    """Look after a rule, or go on with it."""
    until = group.lease + item.lease
    yield "take_watch", (item.namespace, item.rule, item.session, until, group.lease)
    rows = yield "read_watch", (item.namespace, item.rule)
    return Done(int(rows[0][0] == item.session))


def see(item: Seen, group: Group) -> Verb:
    """Begin an alert, keep it up to date, or end it."""
    rows = yield "read_watch", (item.namespace, item.rule)
    if not rows or rows[0][0] != item.session:
        return Refused.STALE
    rows = yield "open_alert", (item.namespace, item.rule, item.subject)
    known = alert_of(rows[0]) if rows else None
    if item.holds and known is None:
        said = (item.namespace, item.rule, item.subject, item.text, item.value)
        yield "begin_alert", (*said, group.wall)
        group.events += [(event, None) for event in (item.began,) if event is not None]
        return Done(1)
    if item.holds and known is not None:
        yield "see_alert", (known.number, item.text, item.value, group.wall)
    if not item.holds and known is not None and over(known, item, group.wall):
        yield "end_alert", (known.number, group.wall)
        group.events += [(event, None) for event in (item.ended,) if event is not None]
        return Done(1)
    return Done(0)


def over(known: AlertRow, item: Seen, now: int) -> bool:
    """Whether a condition that does not hold has not done so for long enough."""
    return now - known.seen_at >= item.calm


def tell(item: Tell, group: Group) -> Verb:
    """Note what has been told."""
    return Done((yield "tell_alert", (item.number, int(item.told))))


def tally(item: Tally, group: Group) -> Verb:
    """Keep what a session has counted."""
    where = (item.namespace, item.minute)
    if item.counts:
        yield "keep_tally", [(*where, name, of, item.session, count) for name, of, count in item.counts]
    yield "forget_tallies", (item.namespace, item.keep)
    return Done(len(item.counts))
