"""The log, as a program asks it: what there is, what came of an event, and what comes next."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from dalsegno.client.desk import Desk
from dalsegno.client.event_views import EventInfo, EventStory, ReactionInfo, info_of, reaction_info
from dalsegno.client.importing import ImportReport, import_events
from dalsegno.core.clock import from_datetime, nap
from dalsegno.core.event import Event
from dalsegno.core.reactions import HandlerRow
from dalsegno.errors import EventNotFound, RetentionPassed
from dalsegno.events.envelope import Envelope
from dalsegno.store.log import EventQuery, ReactionRow

_LOOK = 0.05  # seconds between looks at whether somebody has written
_PAGE = 200  # events that are read at once
_SCANNED = 5_000  # events behind one that are looked through for what it led to


EventInfos: TypeAlias = list[EventInfo]
Reactions: TypeAlias = list[ReactionInfo]
Rows: TypeAlias = list[Event]


class AsyncEvents:
    """The log, in ``async def`` code."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def list(
        self,
        type: str | None = None,
        *,
        key: str | None = None,
        case_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> EventInfos:
        """List events in the order of the log, or with ``newest`` the other way round.

        ``after`` and ``before`` are numbers, ``since`` and ``until`` times of acceptance; ``until``
        and both numbers are not part of what they bound. Without ``after`` it is what the log still has;
        with it, RetentionPassed is raised where events behind it were removed.
        """
        query = EventQuery(
            namespace=self.desk.namespace,
            type=type,
            key=key,
            case_id=case_id,
            after=after or 0,
            before=before,
            since=None if since is None else from_datetime(since),
            until=None if until is None else from_datetime(until),
            newest=newest,
            limit=limit,
        )
        found = await self.desk.store.events(query)
        if after is not None:
            first = (await self.desk.store.head()).first  # asked afterwards: some may be gone by now
            if after + 1 < first:
                raise _passed(after + 1, first)
        return [info_of(event) for event in found]

    async def get(self, event: int | str) -> EventInfo:
        """Read an event by its number, or by the id that it came with; raise ``EventNotFound``."""
        return info_of(await self.row(event))

    async def show(self, event: int | str) -> EventStory:
        """Read an event with what came of it; raise ``EventNotFound``."""
        row = await self.row(event)
        emitter = None if row.run is None else await self.desk.store.get(row.run)
        followed, partial = await self._followed(row)
        return EventStory(
            event=info_of(row),
            run=None if emitter is None else emitter.id,
            reactions=tuple(await self._reactions(row)),
            followed=tuple(info_of(each) for each in followed),
            partial=partial,
        )

    async def tail(
        self,
        type: str | None = None,
        *,
        key: str | None = None,
        case_id: str | None = None,
        after: int | None = None,
    ) -> AsyncIterator[EventInfo]:
        """Yield events as they come, without end; ``after`` a number begins behind that one.

        Without it, it begins with what comes once it is first asked. Raises RetentionPassed where events
        were removed that had not been read yet.
        """
        query = EventQuery(namespace=self.desk.namespace, type=type, key=key, case_id=case_id)
        async for event in self.follow(query, await self.end() if after is None else after):
            yield info_of(event)

    async def follow(self, query: EventQuery, after: int) -> AsyncIterator[Event]:
        """Yield rows as they come, without end, of those that a query asks for; see ``tail``."""
        store, position, mark = self.desk.store, after, -1
        while True:
            if mark == (mark := store.change_mark()):
                await nap(_LOOK)
                continue
            head = await store.head()
            if position + 1 < head.first:
                raise _passed(position + 1, head.first)
            query = replace(query, after=position, limit=_PAGE)
            while found := await store.events(query):
                for event in found:
                    yield event
                position = found[-1].number
                query = replace(query, after=position)
            position = max(position, head.last)

    async def end(self) -> int:
        """Return the number of the last event of the log; 0 where there was none yet."""
        return (await self.desk.store.head()).last

    async def import_(
        self,
        events: Iterable[Envelope] | AsyncIterable[Envelope],
        *,
        service: str | None = None,
        rate: float = 1_000.0,
        dry_run: bool = True,
    ) -> ImportReport:
        """Bring events in that happened before, with their own ids and times; each once.

        With ``dry_run``, which is the default, it only says what would be done. ``service`` names the
        one that is to react, and nobody else will. At most ``rate`` are written a second.
        """
        return await import_events(self.desk, events, service=service, rate=rate, dry_run=dry_run)

    async def row(self, event: int | str) -> Event:
        """Read an event as the store has it; raise ``EventNotFound``."""
        store = self.desk.store
        text = str(event)
        found = await store.event(int(text)) if text.isdecimal() and len(text) < 19 else None
        if found is None and not isinstance(event, int):
            found = await self._by_id(event)
        if found is not None and found.namespace == self.desk.namespace:
            return found
        head = await store.head()
        if text.isdecimal() and 0 < int(text) < head.first:
            raise _passed(int(text), head.first)
        raise EventNotFound(
            f"There is no event {event!r} in {store.address}.",
            f"Its log goes from {head.first} to {head.last}." if head.last else "Its log is empty.",
            "`dalsegno events list` shows what there is; look at the number and the store.",
            event=event,
        )

    async def _by_id(self, id: str) -> Event | None:
        """Find an event by the id that it came with, written ``source#id``."""
        source, _, name = id.rpartition("#")
        number = await self.desk.store.known_event(self.desk.namespace, source, name)
        return None if number is None else await self.desk.store.event(number)

    async def _reactions(self, event: Event) -> Reactions:
        rows = await self.desk.store.reactions(event.number)
        if not rows:
            return []
        handlers = await handlers_of(self.desk)
        return [await self._reaction(row, *handlers[row.handler]) for row in rows if row.handler in handlers]

    async def _reaction(self, row: ReactionRow, service: str, handler: HandlerRow) -> ReactionInfo:
        run = None if row.run is None else await self.desk.store.get(row.run)
        return reaction_info(row, (service, handler), run)

    async def _followed(self, event: Event) -> tuple[Rows, bool]:
        """Find the events that one led to: among those of its case, else among the next on the log."""
        store = self.desk.store
        if event.case_id is not None:
            query = EventQuery(
                namespace=self.desk.namespace, case_id=event.case_id, after=event.number, limit=_SCANNED
            )
            behind = await store.events(query)
        else:
            behind = await store.read_log(event.number, _SCANNED)
        return [each for each in behind if each.cause == event.number], len(behind) == _SCANNED


async def handlers_of(desk: Desk) -> dict[int, tuple[str, HandlerRow]]:
    """Read all handlers by number, each with the name of its service."""
    found: dict[int, tuple[str, HandlerRow]] = {}
    for service in await desk.store.services(desk.namespace):
        found |= {row.number: (service.name, row) for row in await desk.store.handlers(service.number)}
    return found


def _passed(wanted: int, first: int) -> RetentionPassed:
    return RetentionPassed(
        f"Event {wanted} is no longer on the log, which begins with {first} by now.",
        "Its retention has passed, so what was in between cannot be told.",
        f"Go on from what is there: after={first - 1}.",
        first_lost=wanted,
        last_lost=first - 1,
    )
