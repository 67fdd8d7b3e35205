"""What must hold of cases after every write: a row says what the events of its case say, no more and no less.

P8: the rows follow in the very transaction of the events. They are told again here from the whole log, by
other means than the stores have: whoever opens, ends, cancels or joins a case late, or twice, is found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dalsegno.core.event import Event
from dalsegno.store.cases import CaseQuery
from dalsegno.store.protocol import Store
from dalsegno.testing.shadows import Breach, peek

_ALL = 1_000_000_000


@dataclass
class _Story:
    """One case as its events tell it; ``over`` is how it was closed before it took another one over."""

    id: str
    process: Mapping[str, Any]
    began: int
    heard: list[Event] = field(default_factory=list)
    over: tuple[str, str | None, int | None] | None = None

    def closed(self) -> tuple[str, str | None, int | None]:
        """Tell its state, and the type and number of what closed it."""
        if self.over is not None:
            return self.over
        cancel, types = (self.process["cancel"] or [None])[0], set()
        for event in sorted(self.heard, key=lambda one: one.number):
            if event.type == cancel:
                return "cancelled", event.type, event.number
            types.add(event.type)
            for each in self.process["ends"]:
                names = {name for name, _ in each}
                if event.type in names and names <= types:
                    return "ended", event.type, event.number
        return "open", None, None


class CaseRows:
    """Compares the rows of cases with the log, in worlds whose runs begin no case by themselves."""

    def __init__(self, breach: Breach, store: Store) -> None:
        self._breach = breach
        self._store = store
        self.judged = 0
        self.merged = 0

    def wrote(self, events: Mapping[int, Event], namespace: str = "default") -> None:
        """Judge the rows after a write; ``events`` are the whole log."""
        rows = peek(self._store.processes(namespace))
        if not rows or (events and min(events) > 1):  # what was forgotten tells nothing
            return
        processes = [msgspec.json.decode(row.declared) for row in rows]
        told = _Telling(processes).tell(event for event in events.values() if event.namespace == namespace)
        wanted = {story.id: (story.process["name"], story.began, *story.closed()) for story in told}
        cases = peek(self._store.cases(CaseQuery(namespace=namespace, limit=_ALL)))
        found = {row.id: (row.process, row.began_event, row.state, row.end, row.end_event) for row in cases}
        self.judged += len(wanted)
        self.merged += sum(len({one.case_id for one in story.heard}) > 1 for story in told)
        for name in wanted.keys() | found.keys():
            says, should = found.get(name), wanted.get(name)
            if says != should:
                self._breach("P8", f"the row of case {name} says {says}, and its events {should}")


class _Telling:
    """Tells the cases of a log from its beginning."""

    def __init__(self, processes: Iterable[Mapping[str, Any]]) -> None:
        self._processes = list(processes)
        self._stories: dict[str, _Story] = {}
        self._early: dict[str, list[Event]] = {}  # what was heard of a case that has not begun
        self._into: dict[str, str] = {}
        self._keys: dict[tuple[str, str, str], str] = {}

    def tell(self, events: Iterable[Event]) -> list[_Story]:
        """Return the cases that events tell, which come in order."""
        for event in events:
            if event.case_id is not None:
                self._hear(event, event.case_id)
        return list(self._stories.values())

    def _hear(self, event: Event, name: str) -> None:
        while name in self._into:
            name = self._into[name]
        story = self._stories.get(name)
        if story is None:
            process = next((one for one in self._processes if event.type in _names(one["starts"])), None)
            if process is None:
                self._early.setdefault(name, []).append(event)
                return
            story = self._stories[name] = _Story(name, process, event.number, self._early.pop(name, []))
        story.heard.append(event)
        data = msgspec.json.decode(event.data or b"null")
        for key, where in story.process.get("keys", {}).items():
            value = data.get(where) if isinstance(data, dict) else None
            if value or (value == 0 and value is not False):
                story = self._meet(
                    story, self._keys.setdefault((story.process["name"], key, str(value)), name)
                )

    def _meet(self, story: _Story, other: str) -> _Story:
        """Make one of two cases that have a key in common."""
        while other in self._into:
            other = self._into[other]
        if other == story.id:
            return story
        elder, younger = sorted((story, self._stories[other]), key=lambda one: one.began)
        closed = elder.closed()
        elder.over = None if closed[0] == "open" else closed  # it stays as it ended
        elder.heard += self._stories.pop(younger.id).heard
        self._into[younger.id] = elder.id
        return elder


def _names(types: Iterable[tuple[str, int]]) -> set[str]:
    return {name for name, _ in types}
