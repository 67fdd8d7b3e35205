"""What must hold of the log after every write: no event is lost, changed, invented, or there twice.

P1: what was acknowledged, or committed, is on the log as it was, in the order of commits, without gaps, and
accepted no earlier than what is before it; only what retention was asked to remove is gone. P5: nothing is on
it that no accepted item has brought; an item that landed before brings nothing again. P8: what becomes a run of a
cancelled case is called off at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from dalsegno.core.commit import Commit, Committed, Emit, Emitted
from dalsegno.core.entries import Kind
from dalsegno.core.event import Event, Head, NewEvent, stamp_in
from dalsegno.core.reactions import Forget, React
from dalsegno.core.stamps import read_stamp
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.protocol import Store
from dalsegno.testing.shadows import Breach, peek

_ALL = 1_000_000_000


class Chronicle:
    """Knows the log as it was after the last write."""

    def __init__(self, breach: Breach, store: Store) -> None:
        self._breach = breach
        self._store = store
        self._landed: set[object] = set()
        self.head = Head()
        self.events: dict[int, Event] = {}

    def take_as_given(self) -> None:
        """Begin with what is on the log already."""
        self.head = peek(self._store.head())
        self.events = {event.number: event for event in peek(self._store.read_log(0, _ALL))}

    def wrote(self, group: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        """Judge what a write has done to the log."""
        wanted = self._brought(group, verdicts)
        head = peek(self._store.head())
        if not wanted and head == self.head == Head():
            return
        events = {event.number: event for event in peek(self._store.read_log(0, _ALL))}
        self._is_whole(head, events, asked=any(isinstance(item, Forget) for item in group))
        new = [events[number] for number in sorted(events.keys() - self.events.keys())]
        self._is_brought(new, wanted)
        self.head, self.events = head, events
        for item, verdict in zip(group, verdicts, strict=True):
            self._is_there(item, verdict)
            if isinstance(item, React) and isinstance(verdict, Committed):
                self._is_called_off(item)

    def _is_whole(self, head: Head, events: dict[int, Event], *, asked: bool) -> None:
        if list(events) != list(range(head.first, head.last + 1)):
            self._breach("P1", f"the log should go from {head.first} to {head.last}, and has {list(events)}")
        if head.last < self.head.last or head.first < self.head.first or head.at < self.head.at:
            self._breach("P1", f"the ends of the log went back from {self.head} to {head}")
        size = sum(len(event.data or b"") for event in events.values())
        if head.bytes != size:
            self._breach("P1", f"the log has {size} bytes of data, and says {head.bytes}")
        if head.first > self.head.first and not asked:
            self._breach("P1", f"events before {head.first} are gone, and nobody asked for it")
        for number, event in self.events.items():
            if number >= head.first and events.get(number) != event:
                self._breach("P1", f"event {number} was {event}, and is {events.get(number)}")
        names = Counter(_id(event) for event in events.values() if event.id is not None)
        if twice := [name for name, count in names.items() if count > 1]:
            self._breach("P2", f"these ids are on the log more than once: {twice}")
        at = 0
        for event in events.values():
            if event.at < at or event.at > head.at:
                self._breach("P1", f"time went back along the log at {event}; its end is {head}")
            at = event.at

    def _brought(self, group: Sequence[Write], verdicts: Sequence[Verdict]) -> Counter[Any]:
        """Count what the accepted items of a group bring that have not landed before."""
        wanted: Counter[Any] = Counter()
        for item, verdict in zip(group, verdicts, strict=True):
            if isinstance(item, Emit) and isinstance(verdict, Emitted):
                wanted.update(map(_what, item.events))
            elif isinstance(item, Commit | React) and isinstance(verdict, Committed) and item.events:
                name = _name(item)
                if name not in self._landed:
                    wanted.update(map(_what, item.events))
                self._landed.add(name)
        return wanted

    def _is_brought(self, new: Sequence[Event], wanted: Counter[Any]) -> None:
        left = wanted.copy()
        for event in new:
            what = _what(event) if left[_what(event)] else _what(replace(event, case_id=None))
            if not left[what]:
                self._breach("P5", f"{event} is on the log, and no item that was accepted has brought it")
            left[what] -= 1

    def _is_there(self, item: Write, verdict: Verdict) -> None:
        """Look for the events of an accepted item."""
        if isinstance(item, Emit) and isinstance(verdict, Emitted):
            for event, number in zip(item.events, verdict.numbers, strict=True):
                there = self.events.get(number)
                same = there is not None and (
                    _id(there) == _id(event) if event.id else _what(event) in _whats(there)
                )
                if not same and number >= self.head.first:
                    self._breach("P1", f"{event} was acknowledged as {number}, which is {there}")
        if isinstance(item, Commit | React) and isinstance(verdict, Committed):
            known = {what for event in self.events.values() for what in _whats(event)}
            for event in item.events:
                if self.head.first == 1 and _what(event) not in known:  # else it may be forgotten since
                    self._breach("P1", f"{event} was committed, and is not on the log")

    def _is_called_off(self, item: React) -> None:
        """See that a reaction which became a run too late was told that its case is cancelled."""
        for start in (one.start for one in item.laned):
            if start.case_id is None or start.undoes:
                continue
            cancelled = peek(self._store.cancelled_cases(start.namespace, [start.case_id]))
            told = peek(self._store.inbox([start.number]))[start.number] if cancelled else ()
            if any((start.cause or 0) < number for number in cancelled.values()) and not any(
                delivery.kind is Kind.CANCEL for delivery in told
            ):
                self._breach("P8", f"{start.id} became a run of a case that event {cancelled} had cancelled")


def _what(event: Event | NewEvent) -> tuple[object, ...]:
    """Return what tells an event from others, but for its place."""
    said = (event.namespace, event.type, event.version, event.source, event.id, event.key, event.case_id)
    return (*said, event.cause, event.run, event.codec, event.data, *_beside(event.extra))


def _beside(extra: bytes | None) -> tuple[bytes | None, bytes]:
    """Return what is kept beside an event, and the parts of its stamp: the store writes that one's head."""
    text = stamp_in(extra)
    stamp = None if text is None else read_stamp(text)
    if extra is None or stamp is None:
        return extra, b"{}"
    kept = msgspec.json.decode(extra)
    del kept["extensions"]["stamp"]
    if not kept["extensions"]:
        del kept["extensions"]
    return msgspec.json.encode(kept) if kept else None, msgspec.json.encode(stamp.parts)


def _whats(event: Event) -> tuple[tuple[object, ...], ...]:
    """Return what it may have been when it was brought: one that had no case may have found it."""
    return _what(event), _what(replace(event, case_id=None))


def _id(event: Event | NewEvent) -> tuple[object, ...]:
    return event.namespace, event.source, event.id


def _name(item: Commit | React) -> object:
    """Return what tells a commit with events from others: it lands once."""
    brings = tuple(map(_what, item.events))
    if isinstance(item, Commit):
        return item.run, item.turn, tuple(entry.position for entry in item.entries), item.rest, brings
    return item.service, item.generation, tuple((one.event, one.handler) for one in item.reactions), brings
