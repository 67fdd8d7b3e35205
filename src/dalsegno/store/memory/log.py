"""The log: events get their numbers as the last act of their group, and are told to runs that wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from dalsegno.core.commit import Commit, Done, Emit, Emitted, Subscription
from dalsegno.core.event import Event, Head, NewEvent
from dalsegno.core.reactions import Forget
from dalsegno.core.sourcing import Conflict, Expect
from dalsegno.store.log import EventQuery
from dalsegno.store.memory.calling_off import CallingOff
from dalsegno.store.memory.tables import Cancelled
from dalsegno.store.verbs.log import FOUND_BEFORE, delivery, oldest, placed


class LogVerbs(CallingOff):
    """What the items mean that put events on the log or take them from it; and what is read of it."""

    def _emit(self, item: Emit) -> Emitted | Conflict:
        landed = bool(item.events) and self._number_of(item.events[0]) is not None
        refusal = None if landed else self._conflict(item.expects)
        if refusal is not None:
            return refusal
        verdict = Emitted()
        self._emitted += [(event, verdict) for event in item.events]
        return verdict

    def _conflict(self, expects: Iterable[Expect]) -> Conflict | None:
        """Tell which of these does not hold, of the log or of what goes on it in this group."""
        for expect in expects:
            asked = (expect.namespace, expect.key)
            later = [
                event.number
                for event in self._events.values()
                if (event.namespace, event.key) == asked
                and event.type in expect.types
                and event.number > expect.version
            ]
            later += self._to_come(expect)
            if later:
                return Conflict(expect, later[-1])
        return None

    def _to_come(self, expect: Expect) -> list[int]:
        """Number the events of the group that is being written, as they will be, and choose those."""
        found: list[int] = []
        last, names = self._head.last, set(self._event_ids)
        for event, _ in self._emitted:
            name = None if event.id is None else (event.namespace, event.source, event.id)
            if name is None or name not in names:
                last += 1
                if name is not None:
                    names.add(name)
                if expect.concerns(event):
                    found.append(last)
        return found

    def _number_of(self, event: NewEvent) -> int | None:
        return None if event.id is None else self._event_ids.get((event.namespace, event.source, event.id))

    def _append(self) -> None:
        """Number the group's events, write them, then tell them to the runs that wait for them."""
        at, first = max(self.now(), self._head.at), self._head.last + 1
        for event, verdict in self._emitted:
            name = None if event.id is None else (event.namespace, event.source, event.id)
            known = None if name is None else self._event_ids.get(name)
            number = known or self._head.last + 1
            if known is None:
                self._events[number] = placed(event, number, at, self._hops(event))
                size = self._head.bytes + len(event.data or b"")
                self._head = replace(self._head, last=number, at=at, bytes=size)
                if name is not None:
                    self._event_ids[name] = number
                case_id = self._follow_event(self._events[number]).case_id
                self._stamp_event(self._events[number])
                while self._joined:
                    self._cancel(*self._joined.pop(0))
                if event.cancels and case_id is not None:
                    names = self._names(self._survivor((event.namespace, case_id)))
                    self._cancel(names, Cancelled(number, event.canceller), event.run)
            if verdict is not None:
                verdict.numbers.append(number)
                verdict.repeated += known is not None
        self._emitted.clear()
        for number in range(first, self._head.last + 1):
            self._tell(self._events[number])

    def _hops(self, event: NewEvent) -> int:
        if event.hops or event.cause is None:
            return event.hops
        cause = self._events.get(event.cause)
        return cause.hops + 1 if cause is not None else 1

    def _tell(self, event: Event) -> None:
        for run, rows in sorted(self._rows.items()):
            if any(_matches(event, wanted) for wanted in rows.subscribed):
                self._send(delivery(run, event))

    def _subscribe(self, item: Commit) -> None:
        """Note what a run waits for from now on, and deliver what was there before."""
        subscribed = self._rows[item.run].subscribed
        for wanted in item.subscribes:
            if wanted not in subscribed:
                subscribed.add(wanted)
                found = [event for event in self._events.values() if _matches(event, wanted)]
                for event in found[:FOUND_BEFORE]:
                    self._send(delivery(item.run, event))

    def _forget(self, item: Forget) -> Done:
        before = min(item.before, self._head.first + item.limit, self._head.last + 1)
        before = next((number for number in self._events if number < before and self._needed(number)), before)
        sizes = [(n, len(event.data or b"")) for n, event in self._events.items() if n < before]
        over = None if item.bytes is None else self._head.bytes - item.bytes
        before, less = oldest(sizes, before, over)
        if before <= self._head.first:
            return Done(0)
        gone = [number for number in self._events if number < before]
        for number in gone:
            del self._events[number]
        self._event_ids = {name: number for name, number in self._event_ids.items() if number >= before}
        self._reactions = {key: row for key, row in self._reactions.items() if row.event >= before}
        self._head = replace(self._head, first=before, bytes=self._head.bytes - less)
        self._forget_cases(before)
        return Done(len(gone))

    def _needed(self, number: int) -> bool:
        """Whether an aggregate has no snapshot with this event in it."""
        event = self._events[number]
        for namespace, type_, name in self._sources if event.key is not None else ():
            if (namespace, type_) == (event.namespace, event.type):
                row = self._snapshots.get((namespace, name, event.key or ""))
                if row is None or row.version < number:
                    return True
        return False

    def _last_before(self, at: int) -> int:
        earlier = (event.number for event in self._events.values() if event.at < at)
        return max(earlier, default=self._head.first - 1)

    # -- reading

    async def head(self) -> Head:
        return self._head

    async def read_log(self, after: int, limit: int) -> list[Event]:
        return [event for event in self._events.values() if event.number > after][:limit]

    async def cancelled_cases(
        self, namespace: str, cases: Sequence[str], after: int | None = None
    ) -> dict[str, int]:
        return {
            case: by.event
            for (where, case), by in self._cancelled.items()
            if where == namespace and (case in cases or (after is not None and by.event > after))
        }

    async def event(self, number: int) -> Event | None:
        return self._events.get(number)

    async def known_event(self, namespace: str, source: str, id: str) -> int | None:
        return self._event_ids.get((namespace, source, id))

    async def events(self, query: EventQuery) -> list[Event]:
        found = [event for event in self._events.values() if _listed(event, query)]
        return (found[::-1] if query.newest else found)[: query.limit]


def _matches(event: Event, wanted: Subscription) -> bool:
    value = event.key if wanted.by_key else event.case_id
    same = (event.namespace, event.type, value) == (wanted.namespace, wanted.type, wanted.value)
    return same and event.only is None


def _listed(event: Event, query: EventQuery) -> bool:
    return (
        event.namespace == query.namespace
        and event.number > query.after
        and (query.before is None or event.number < query.before)
        and (query.type is None or event.type == query.type)
        and (query.key is None or event.key == query.key)
        and (query.case_id is None or event.case_id == query.case_id)
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )
