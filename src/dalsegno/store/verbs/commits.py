"""One advance of a run: refused as a whole before its first write, or written as a whole."""

from __future__ import annotations

from msgspec.structs import astuple

from dalsegno.core.commit import Commit, Committed, Refused
from dalsegno.core.sourcing import Conflict
from dalsegno.store.rows import is_child, run_of
from dalsegno.store.verbs import dead_letters, log, services
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.runs import send, start


def commit(item: Commit, group: Group) -> Verb:
    """Write what one advance of a run produced."""
    at = max(group.wall, item.floor)
    # Whatever can refuse the commit comes before its first write: a refusal leaves nothing behind.
    refusal: Refused | Conflict | None = (yield from _children(item)) if item.starts else None
    if refusal is None and item.expects:
        refusal = yield from log.conflict(item.expects, group)
    if refusal is None:
        refusal = yield from _guard(item, at)
    if refusal is not None:
        return refusal
    for child in item.starts:
        yield from start(child, group)
    for entry in item.entries[1:]:
        yield "insert_entry", (item.run, *astuple(entry)[:-1], at)
    for timer in item.timers:
        yield "set_timer", (item.run, timer.op, timer.due_at, int(timer.retry))
    for op in item.dropped:
        yield "drop_timer", (item.run, op)
    for number in item.consumed:
        yield "take_delivery", (item.run, number)
    for sent in item.sends:
        yield from send(sent, group)
    if item.rest is None:
        yield from _go_on(item, at)
    elif item.rest.status.ended:
        yield "drop_timers", (item.run,)
    yield from _follow(item, group)
    return Committed(at)


def _follow(item: Commit, group: Group) -> Verb:
    """Do what concerns events: those that it emits, those that it waits for, the one that it came of."""
    group.events += [(event, None) for event in item.events]
    if item.subscribes:
        yield from log.subscribe(item, group)
    if item.unsubscribes:
        yield "unsubscribe", (item.run,)
    if item.kept:
        yield from services.keep(item.kept, group)
    if item.laned or item.dead is not None:
        yield from dead_letters.follow(item, group)


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
    for child in item.starts:
        rows = yield "find_run", (child.namespace, child.id)
        if rows and not is_child(run_of(rows[0]), item.run, child):
            return Refused.CHILD_EXISTS
        if not rows and (yield "seek_number", (child.number,)):
            return Refused.NUMBER_TAKEN
    return None


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
