"""Cases that were cancelled: nothing of them goes forward any more, and what undoes goes on."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from dalsegno.core.event import Event
from dalsegno.events.plan import Plan
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import Store

_MOST = 10_000  # events of one case that are looked through, and cases that are remembered


class Cancelled:
    """What one service knows of cancelled cases, as it comes along the log.

    What follows the cancelling event, step by step, may go on; so may whatever undoes. Whether a case is
    cancelled is the store's to say: whoever declares the process may be another program.
    """

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace
        self._seen = 0  # it knows of all that were cancelled after this, up to its last look
        self._by: dict[str, int] = {}  # a case, and the event that cancelled it
        self._following: dict[str, set[int]] = {}  # of a case, what followed that event

    def begin(self, last: int) -> None:
        """Begin to read where the log ends here: what was cancelled before is asked for with its events."""
        self._seen = self._seen or last

    async def look(self, events: Sequence[Event], taken: Container[str]) -> None:
        """Learn of these events what they are to their case, and what was cancelled meanwhile of those before.

        ``taken`` are the types that the service takes: of the cases of others nobody will ask, and once one of
        these comes of a case, all that came before is read.
        """
        cases = {
            event.case_id: None
            for event in events
            if event.case_id is not None and event.type in taken and event.case_id not in self._by
        }
        found = await self._store.cancelled_cases(self._namespace, tuple(cases), self._seen)
        if found:
            self._by.update(found)
            self._seen = max(self._seen, *found.values())
            self._forget()
        if self._by:
            await self._prepare(events)

    def _forget(self) -> None:
        """Drop the oldest: should one of their events come after all, it is asked for again."""
        for case in list(self._by)[:-_MOST]:
            del self._by[case]
            self._following.pop(case, None)

    async def _prepare(self, events: Iterable[Event]) -> None:
        for event in events:
            case = event.case_id
            if case is None or case not in self._by:
                continue
            if case not in self._following:
                self._following[case] = {self._by[case]}
                asked = EventQuery(namespace=self._namespace, case_id=case, limit=_MOST)
                for earlier in await self._store.events(asked):
                    self._follow(case, earlier)
            self._follow(case, event)

    def _follow(self, case: str, event: Event) -> None:
        if event.cause in self._following[case]:
            self._following[case].add(event.number)

    def stops(self, event: Event, plan: Plan) -> bool:
        """Whether a reaction would take a cancelled case forward."""
        case = event.case_id
        if case is None or case not in self._by or plan.handler.compensates:
            return False
        return event.number not in self._following.get(case, (self._by[case],))
