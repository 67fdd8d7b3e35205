"""What is read of the log, of services and of what came of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dalsegno.core.event import Event, Head
from dalsegno.core.reactions import DeadLetterRow, HandlerRow, KeptRow, Partition, ServiceRow
from dalsegno.store.log import DeadLetterGroup, DeadLetterQuery, EventQuery, Lane, ReactionRow
from dalsegno.store.sqlite.reads import Reads
from dalsegno.store.verbs.log import last_before

_LAST = 2**62


class LogReads(Reads):
    """Implements ``store.log.Log``."""

    async def head(self) -> Head:
        (row,) = self._point("read_extent")
        return Head(*row)

    async def read_log(self, after: int, limit: int) -> list[Event]:
        return [Event(*row) for row in await self._select("read_log", after, limit)]

    async def cancelled_cases(
        self, namespace: str, cases: Sequence[str], after: int | None = None
    ) -> dict[str, int]:
        if not self._point("any_cancelled"):
            return {}
        return dict(self._point("cancelled_cases", namespace, msgspec.json.encode(cases).decode(), after))

    async def event(self, number: int) -> Event | None:
        rows = self._point("read_event", number)
        return Event(*rows[0]) if rows else None

    async def known_event(self, namespace: str, source: str, id: str) -> int | None:
        rows = self._point("known_event", namespace, source, id)
        return rows[0][0] if rows else None

    async def events(self, query: EventQuery) -> list[Event]:
        after, before = query.after, _LAST if query.before is None else query.before
        if query.since is not None:
            after = max(after, self._ask(last_before(query.since)))
        if query.until is not None:
            before = min(before, self._ask(last_before(query.until)) + 1)
        name = "list_newest_events" if query.newest else "list_events"
        if query.case_id is not None:
            name += "_of_case"
        elif query.key is not None:
            name += "_of_key"
        asked: tuple[Any, ...] = (query.namespace, query.type, query.key, query.case_id)
        return [Event(*row) for row in await self._select(name, *asked, after, before, query.limit)]

    async def services(self, namespace: str) -> list[ServiceRow]:
        return [ServiceRow(*row) for row in self._point("read_services", namespace)]

    async def handlers(self, service: int) -> list[HandlerRow]:
        return [HandlerRow(*row) for row in self._point("read_handlers", service)]

    async def partitions(self, service: int) -> list[Partition]:
        return [Partition(*row) for row in self._point("read_partitions", service)]

    async def reactions(self, event: int) -> list[ReactionRow]:
        return [ReactionRow(*row) for row in self._point("reactions_of", event)]

    async def reacted(self, service: int, generation: int, after: int) -> set[tuple[int, int]]:
        return {
            (row[0], row[1]) for row in await self._select("reactions_beyond", service, generation, after)
        }

    async def lanes(self, service: int) -> list[Lane]:
        return [Lane(*row) for row in await self._select("lanes_of", service)]

    async def lane(self, service: int, key: str, limit: int = 1_000_000) -> list[int]:
        return [row[0] for row in self._point("lane_of", service, key, limit)]

    async def kept(self, service: int, key: str) -> KeptRow | None:
        rows = self._point("read_kept", service, key)
        return KeptRow(*rows[0]) if rows else None

    async def dead_letter(self, number: int) -> DeadLetterRow | None:
        rows = self._point("read_dead_letter", number)
        return DeadLetterRow(*rows[0]) if rows else None

    async def dead_letter_of(self, run: int) -> DeadLetterRow | None:
        rows = self._point("dead_letter_of", run)
        return DeadLetterRow(*rows[0]) if rows else None

    async def dead_letters(self, query: DeadLetterQuery) -> list[DeadLetterRow]:
        before = _LAST if query.before is None else query.before
        asked = (query.namespace, query.state, query.service, query.handler, query.cause, query.begins)
        rows = await self._select("list_dead_letters", *asked, before, query.limit)
        return [DeadLetterRow(*row) for row in rows]

    async def dead_letter_groups(self, namespace: str) -> list[DeadLetterGroup]:
        return [DeadLetterGroup(*row) for row in await self._select("group_dead_letters", namespace)]
