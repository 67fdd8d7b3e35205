"""The log: events are put on it as the last act of their group, and told to runs that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import astuple

from dalsegno.core.cases import Rules
from dalsegno.core.commit import Commit, Done, Emit, Emitted, Send
from dalsegno.core.entries import Kind
from dalsegno.core.event import Event, NewEvent, delivery_id, event_signal, told
from dalsegno.core.reactions import Forget
from dalsegno.core.sourcing import Conflict, Expect
from dalsegno.store.rows import event_of
from dalsegno.store.verbs import cases
from dalsegno.store.verbs.calling_off import cancel
from dalsegno.store.verbs.cases import Cancelling
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.runs import send

FOUND_BEFORE = 1_000  # events that were there before somebody waited for them, told at most


def emit(item: Emit, group: Group) -> Verb:
    """Put events from outside on the log; their numbers are in the verdict once the group is written."""
    if item.expects and not (yield from _landed(item)):
        refusal = yield from conflict(item.expects, group)
        if refusal is not None:
            return refusal
    verdict = Emitted()
    group.events += [(event, verdict) for event in item.events]
    return verdict


def conflict(expects: Sequence[Expect], group: Group) -> Verb:
    """Tell which of these does not hold, if one does not: of the log, or of what goes on it in this group."""
    for expect in expects:
        types = msgspec.json.encode(expect.types).decode()
        rows = yield "last_of_key", (expect.namespace, expect.key, types, expect.version)
        actual = (yield from _last_of_group(expect, group)) or rows[0][0]
        if actual is not None:
            return Conflict(expect, actual)
    return None


def _last_of_group(expect: Expect, group: Group) -> Verb:
    """Return the number that the last such event of the group will have; None if there is none."""
    if not any(expect.concerns(event) for event, _ in group.events):
        return None
    ((last, _, _),) = yield "read_ends", ()
    found = None
    names: dict[tuple[str, str, str], int] = {}
    for event, _ in group.events:
        if event.id is not None and (yield from _known(event, names)) is not None:
            continue
        last += 1
        if event.id is not None:
            names[event.namespace, event.source, event.id] = last
        if expect.concerns(event):
            found = last
    return found


def _landed(item: Emit) -> Verb:
    first = item.events[0] if item.events else None
    return first is not None and first.id is not None and (yield from _known(first, {})) is not None


def append(group: Group) -> Verb:
    """Give the group's events their numbers, in commit order and without gaps, and write them."""
    if not group.events:
        return
    ((last, at, processes),) = yield "read_head", ()
    rules = (yield from cases.rules_of(group, processes)) if processes else None
    news = cases.News()
    at = max(group.wall, at)
    written: list[Event] = []
    names: dict[tuple[str, str, str], int] = {}
    for event, verdict in group.events:
        known = (yield from _known(event, names)) if event.id is not None else None
        if known is None:
            last += 1
            line = placed(event, last, at, (yield from _hops(event)))
            if rules is not None and (said := rules.said_by(line)):
                line = yield from cases.follow(line, said, rules, news)
            written.append(line)
            if event.id is not None:
                names[event.namespace, event.source, event.id] = last
            for one in news.cancelled:
                yield from cancel(one, group)
            news.cancelled.clear()
            if event.cancels and line.case_id is not None:
                yield from _cancel(event, line, rules, group)
        if verdict is not None:
            verdict.numbers.append(known or last)
            verdict.repeated += known is not None
    group.events.clear()
    if written:
        yield "move_head", (last, at, sum(len(event.data or b"") for event in written))
        yield "insert_event", [astuple(event) for event in written]
        yield from _tell(written, group)


def _cancel(event: NewEvent, line: Event, rules: Rules | None, group: Group) -> Verb:
    """Let nothing of a case go forward any more, whatever name of it an event or a run has."""
    assert line.case_id is not None
    names = [line.case_id]
    if rules is not None and rules.may_merge(event.namespace):
        names = yield from cases.names_of(event.namespace, line.case_id)
    yield from cancel(Cancelling(event.namespace, names, line.number, event.canceller, event.run), group)


def _hops(event: NewEvent) -> Verb:
    """Count the events that led to one, where whoever emits it has not."""
    if event.hops or event.cause is None:
        return event.hops
    rows = yield "read_hops", (event.cause,)
    return rows[0][0] + 1 if rows else 1


def _known(event: NewEvent, names: Mapping[tuple[str, str, str], int]) -> Verb:
    """Return the number of an event that is on the log already, or earlier in its group, if it is."""
    assert event.id is not None
    name = (event.namespace, event.source, event.id)
    if name in names:
        return names[name]
    rows = yield "known_event", name
    return rows[0][0] if rows else None


def _tell(events: Sequence[Event], group: Group) -> Verb:
    """Deliver events to the runs that wait for them."""
    if not (yield "any_subscription", ()):
        return
    for event in events:
        if event.only is not None:
            continue
        asked = (event.namespace, event.type, event.case_id, event.key)
        for (run,) in (yield "find_subscribers", asked):
            yield from send(delivery(run, event), group)


def delivery(run: int, event: Event) -> Send:
    """Make the delivery of an event to a run: each event comes to it once."""
    return Send(
        Kind.SIGNAL,
        run=run,
        name=event_signal(event.type),
        id=delivery_id(event.number),
        source=event.source,
        data=told(event),
    )


def subscribe(item: Commit, group: Group) -> Verb:
    """Note what a run waits for from now on, and deliver what was there before."""
    for wanted in item.subscribes:
        row = (item.run, wanted.namespace, wanted.type, int(wanted.by_key), wanted.value)
        if not (yield "subscribe", row):
            continue
        name = "events_of_key" if wanted.by_key else "events_of_case"
        rows = yield name, (wanted.namespace, wanted.value, wanted.type, 0, FOUND_BEFORE)
        for event in map(event_of, rows):
            if event.only is None:
                yield from send(delivery(item.run, event), group)


def forget(item: Forget, group: Group) -> Verb:
    """Remove the oldest events, and what came of them."""
    ((last, first, _, there),) = yield "read_extent", ()
    before = min(item.before, first + item.limit, last + 1)
    ((needed,),) = yield "first_unsaved", (before,)
    before = before if needed is None else needed
    sizes = yield "sizes_of_oldest", (before,)
    before, less = oldest(sizes, before, None if item.bytes is None else there - item.bytes)
    if before <= first:
        return Done(0)
    yield "forget_reactions", (before,)
    yield from cases.forget(before)
    removed = yield "forget_events", (before,)
    yield "move_first", (before, less)
    return Done(removed)


def oldest(sizes: Iterable[tuple[int, int]], before: int, over: int | None) -> tuple[int, int]:
    """Say up to where events are to go so that ``over`` bytes do (all of these, for None), and how many bytes do."""
    less = 0
    for number, size in sizes:
        if over is not None and less >= over:
            return number, less
        less += size
    return before, less


def last_before(at: int) -> Verb:
    """Find the last event that was accepted before a time, by halves: along the log it never goes back."""
    ((last, first, _),) = yield "read_ends", ()
    low, high = first - 1, last  # ``low`` is before it, what follows ``high`` is not
    while low < high:
        middle = (low + high + 1) // 2
        rows = yield "event_time", (middle,)
        if not rows or rows[0][0] < at:  # one that is gone was forgotten meanwhile, as the oldest are
            low = middle
        else:
            high = middle - 1
    return low


def placed(event: NewEvent, number: int, at: int, hops: int) -> Event:
    """Make the line of the log that an event becomes."""
    return Event(
        number=number,
        namespace=event.namespace,
        type=event.type,
        version=event.version,
        source=event.source,
        id=event.id,
        key=event.key,
        case_id=event.case_id,
        cause=event.cause,
        run=event.run,
        hops=hops,
        traceparent=event.traceparent,
        time=event.time,
        codec=event.codec,
        data=event.data,
        extra=event.extra,
        at=at,
    )
