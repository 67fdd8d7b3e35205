"""One case of a process, as a program asks for it: how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from dalsegno.client.events import AsyncEvents
from dalsegno.client.portal import Portal
from dalsegno.core.cases import ENDED
from dalsegno.core.clock import SECOND
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.event import Event
from dalsegno.core.execution import current
from dalsegno.core.ids import check_id
from dalsegno.errors import InvalidInput, MisusedInRun, ResultTimeout
from dalsegno.events.known import Known
from dalsegno.events.process import Process
from dalsegno.events.types import EventType
from dalsegno.store.log import EventQuery


class AsyncCase:
    """One case, in ``async def`` code."""

    def __init__(self, id: str, events: AsyncEvents) -> None:
        self.id = check_id(id, "case id")
        self._events = events

    async def ended(self, timeout: Duration | None = None) -> Any:
        """Wait for the event that ends the case, by its process's ``ends=``; return it as its class.

        Where several are needed, it is the last of them. An event that came before is found for as long as
        the log has it. Raises ResultTimeout, InvalidInput where this App has no process of such a case,
        NotDecodable and RetentionPassed.
        """
        if current() is not None:
            raise MisusedInRun(
                f"ended() of case {self.id} was called inside a run.",
                "The wait would not be in the journal.",
                "Wait for the event: `await receive(…)`.",
            )
        process = _process_of(self.id, self._events.desk.known)
        limit = None if timeout is None else microseconds(timeout, what="timeout") / SECOND
        try:
            async with asyncio.timeout(limit):
                return await self._ended(process)
        except TimeoutError:
            raise ResultTimeout(
                f"Case {self.id} had not ended after {timeout}: no {process.ends} was there.",
                "The case goes on; only this wait has ended.",
                f"`dalsegno where {self.id}` says what it is owed, by whom, and why that does not come.",
            ) from None

    async def _ended(self, process: Process) -> Any:
        desk, seen = self._events.desk, set[str]()
        ends = {kind.name: kind for kind in process.ends.types}
        over = await self._over()
        if over is not None and over.type in ends:
            return self._as_class(over, ends[over.type])
        query = EventQuery(namespace=desk.namespace, case_id=self.id)
        async for event in self._events.follow(query, (await desk.store.head()).first - 1):
            seen.add(event.type)
            if event.type in ends and any(event.type in names and names <= seen for names in _names(process)):
                return self._as_class(event, ends[event.type])
        raise AssertionError("a log that is followed has no end")

    async def _over(self) -> Event | None:
        """Return the event that has ended the case by now, as its row says, under whatever name."""
        desk = self._events.desk
        row = await desk.store.case(desk.namespace, self.id)
        if row is None or row.state != ENDED or row.end_event is None:
            return None
        return await desk.store.event(row.end_event)

    def _as_class(self, event: Event, kind: EventType[Any]) -> Any:
        types = self._events.desk.known.types
        return types.convert(event.type, event.data or b"null", event.version, kind)

    def __repr__(self) -> str:
        return f"<AsyncCase {self.id}>"


class Case:
    """One case, in ``def`` code."""

    def __init__(self, case: AsyncCase, portal: Portal) -> None:
        self.id = case.id
        self._case = case
        self._portal = portal

    def ended(self, timeout: Duration | None = None) -> Any:
        """Wait for the event that ends the case, by its process's ``ends=``; return it as its class.

        Where several are needed, it is the last of them. An event that came before is found for as long as
        the log has it. Raises ResultTimeout, InvalidInput where this App has no process of such a case,
        NotDecodable and RetentionPassed.
        """
        return self._portal.call(self._case.ended(timeout))

    def __repr__(self) -> str:
        return f"<Case {self.id}>"


def _names(process: Process) -> list[set[str]]:
    return [{kind.name for kind in each} for each in process.ends.sets]


def _process_of(case_id: str, known: Known) -> Process:
    """Find the process that a case is one of, by its name: the longest that fits."""
    found = [each for each in known.processes.values() if case_id.startswith(each.case_of(""))]
    if not found:
        raise InvalidInput(
            f"No process here has a case {case_id!r}.",
            f"Processes here: {', '.join(known.processes) or 'none'}. "
            "A case is named after its process and a key: order-123.",
            "Include the process in the App: Process(…, ends=…) says how its cases end.",
            case_id=case_id,
        )
    return max(found, key=lambda each: len(each.name))
