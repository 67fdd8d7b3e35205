"""Cases that were cancelled: nothing of them goes forward any more, and what undoes goes on."""

from __future__ import annotations

from collections.abc import Iterable

from dalsegno.core.event import Event
from dalsegno.events.plan import Plan
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import Store

_MOST = 10_000  # events of one case that are looked through


class Cancelled:
    """What one service knows of cancelled cases, as it comes along the log.

    What follows the cancelling event, step by step, may go on; so may whatever undoes.
    """

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace
        self._by: dict[str, int] = {}  # a case, and the event that cancelled it
        self._following: dict[str, set[int]] = {}  # of a case, what followed that event

    def __bool__(self) -> bool:
        return bool(self._by)

    async def look(self) -> None:
        """Read which cases are cancelled."""
        self._by = await self._store.cancelled_cases(self._namespace)

    async def prepare(self, events: Iterable[Event]) -> None:
        """Learn of these events what they are to their case, before they are reacted to."""
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
