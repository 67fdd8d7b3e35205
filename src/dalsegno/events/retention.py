"""How long events are kept: by age, by number, by size, and until all services have read them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from dalsegno.core.commit import Done
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.event import Head
from dalsegno.core.reactions import Forget
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import DefinitionError, RetentionPassed
from dalsegno.store.log import EventQuery
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_AT_ONCE = 1_000  # events removed in one commit


@dataclass(frozen=True, slots=True)
class Retention:
    """What may be removed from the log: events older than ``age``, beyond the newest ``events``, or beyond ``bytes``.

    ``bytes`` bounds the data of all events on the log together, of which the oldest go first; what the
    store adds to each event (some 200 bytes) does not count. With ``unread`` left False nothing goes that a
    service has not read, however old. Without ``age``, ``events`` and ``bytes`` everything is kept. Runs
    keep what they were told of an event. Raises DefinitionError.
    """

    age: Duration | None = None
    events: int | None = None
    unread: bool = False
    bytes: int | None = None

    def __post_init__(self) -> None:
        if self.age is not None:
            microseconds(self.age, what="age")
        for name, most in (("events", self.events), ("bytes", self.bytes)):
            if most is not None and (isinstance(most, bool) or most < 0):
                raise DefinitionError(
                    f"Retention({name}={most!r}) is no number of {name}.", "", "Write a whole number."
                )

    @property
    def removes(self) -> bool:
        """Whether anything is ever removed."""
        return self.age is not None or self.events is not None or self.bytes is not None


class Pruner:
    """Removes what a retention lets go of."""

    def __init__(self, retention: Retention, store: Store, commits: CommitQueue, namespace: str) -> None:
        self._retention = retention
        self._store = store
        self._commits = commits
        self._namespace = namespace

    async def prune(self) -> int:
        """Remove what may be removed, in commits that nobody has to wait for; return how many events that was."""
        head = await self._store.head()
        free = head.last + 1 if self._retention.unread else await self._read(head) + 1
        removed = await self._forget(min(await self._before(head), free), None)
        if self._retention.bytes is not None and (await self._store.head()).bytes > self._retention.bytes:
            removed += await self._forget(free, self._retention.bytes)
        if removed:
            first = (await self._store.head()).first
            log.info("retention removed %d events, up to number %d", removed, first - 1)
        return removed

    async def _forget(self, before: int, most: int | None) -> int:
        removed = 0
        while (await self._store.head()).first < before:
            done = await self._commits.submit(Forget(before, _AT_ONCE, most), patient=True)
            assert isinstance(done, Done)
            if done.count == 0:
                break
            removed += done.count
        return removed

    async def _before(self, head: Head) -> int:
        """Return the first number that is to be kept for its age and its place."""
        bounds = []
        if self._retention.age is not None:
            since = self._store.now() - microseconds(self._retention.age)
            young = await self._store.events(EventQuery(namespace=self._namespace, since=since, limit=1))
            bounds.append(young[0].number if young else head.last + 1)
        if self._retention.events is not None:
            bounds.append(head.last + 1 - self._retention.events)
        return max(bounds, default=head.first)

    async def _read(self, head: Head) -> int:
        """Return the position up to which every service has read."""
        read = head.last
        for row in await self._store.services(self._namespace):
            positions = [partition.position for partition in await self._store.partitions(row.number)]
            read = min([read, *positions])
        return read


def retention_passed(name: str, first: int, last: int) -> RetentionPassed:
    """Make the error of a service whose unread events were removed."""
    return RetentionPassed(
        f"Service {name} has not read the events {first} to {last}, and retention has removed them.",
        "Going on would leave a hole in what it knows, so it stands still. Other services go on.",
        f"Bring it up to date by other means, then `dalsegno services skip {name}`.",
        service=name,
        first_lost=first,
        last_lost=last,
    )
