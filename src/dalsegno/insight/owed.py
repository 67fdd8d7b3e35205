"""What is still owed to an event: which handlers take it and have not reacted yet, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from dalsegno.core.durations import text as length
from dalsegno.core.event import Event
from dalsegno.core.reactions import HandlerRow, Partition, ReactedAs, ServiceRow
from dalsegno.core.runs import Run
from dalsegno.insight.moment import keeper
from dalsegno.insight.standing import Reason
from dalsegno.insight.where import Look
from dalsegno.insight.workers import Gone, Workers, nobody_gone, read_workers
from dalsegno.store.log import ReactionRow
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Owed:
    """A handler that has not reacted to an event yet: why, and the run that is to, where it is one."""

    service: str
    handler: str
    kind: Reason
    text: str
    run: str | None = None
    next: tuple[str, ...] = ()


class _Declared(msgspec.Struct, frozen=True):
    takes: list[tuple[str, int]] = []
    joins: list[tuple[str, int]] = []


async def owed(store: Store, event: Event, *, gone: Gone = nobody_gone) -> tuple[Owed, ...]:
    """Tell who owes a reaction to an event, in the order of services and handlers; ``gone`` as for ``where``."""
    workers = await read_workers(store, gone)
    look = Look(store, workers, await keeper(store))
    reactions = await store.reactions(event.number)
    found: list[Owed] = []
    for service in await store.services(event.namespace):
        if event.only not in (None, service.name):
            continue
        for handler in await store.handlers(service.number):
            declared = msgspec.json.decode(handler.declared or b"{}", type=_Declared)
            if any(name == event.type for name, _ in declared.takes):
                mine = _of(reactions, handler, service)
                one = await _Asked(store, look, workers, event, service, handler).owed(mine)
                found += [one] if one is not None else []
    return tuple(found)


def _of(reactions: Iterable[ReactionRow], handler: HandlerRow, service: ServiceRow) -> ReactionRow | None:
    wanted = (handler.number, service.generation)
    return next((row for row in reactions if (row.handler, row.generation) == wanted), None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One event and one handler."""

    store: Store
    look: Look
    workers: Workers
    event: Event
    service: ServiceRow
    handler: HandlerRow

    async def owed(self, reaction: ReactionRow | None) -> Owed | None:
        """Tell what is owed, if something is."""
        if reaction is not None:
            return await self._as_run(reaction)
        part = await self._partition()
        if part is None or self.event.number <= part.position:
            return None  # it was passed before there was this handler
        return self._say(*await self._why_not(part))

    async def _as_run(self, reaction: ReactionRow) -> Owed | None:
        if reaction.outcome != ReactedAs.RUN or reaction.run is None:
            return None
        run = await self.store.get(reaction.run)
        if run is None or run.status.ended:
            return None
        return await self._standing(run)

    async def _standing(self, run: Run) -> Owed:
        stands = await self.look.standing(run, depth=1)
        return Owed(
            self.service.name, self.handler.name, stands.why.kind, stands.why.text, run.id, stands.next
        )

    async def _partition(self) -> Partition | None:
        number = self.event.partition(self.service.partitions)
        parts = await self.store.partitions(self.service.number)
        return next((part for part in parts if part.partition == number), None)

    async def _why_not(self, part: Partition) -> tuple[Reason, str, tuple[str, ...]]:
        name, title, now = self.service.name, f"{self.service.name}.{self.handler.name}", self.store.now()
        head = await self.store.head()
        if self.service.paused_at is not None:
            by = f" by {self.service.paused_by}" if self.service.paused_by else ""
            since = f"for {length(max(0, now - self.service.paused_at))}"
            text = f"service {name} is paused{by} {since}"
            return Reason.SERVICE_PAUSED, text, (f"dalsegno services resume {name}",)
        if part.position + 1 < head.first:
            text = f"service {name} stands still: retention removed events that it had not read"
            return Reason.RETENTION_PASSED, text, (f"dalsegno services skip {name}",)
        if self.handler.open_until is not None and self.handler.open_until > now:
            until = length(self.handler.open_until - now)
            return Reason.CIRCUIT_OPEN, f"its circuit is open for another {until}", ()
        lacking = self._nobody(title)
        if lacking is not None:
            return Reason.NO_WORKER, lacking, ("dalsegno worker FILE.py", "dalsegno doctor")
        behind = self.event.number - part.position
        waits = length(max(0, now - self.event.at))
        return Reason.LAG, f"lag {behind} event{'s' if behind > 1 else ''}, on the log for {waits}", ()

    def _nobody(self, title: str) -> str | None:
        if not self.workers.alive:
            return "no worker is alive"
        if not self.workers.versions(title):
            return f"no live worker has the code of service {self.service.name}"
        return None

    def _say(self, kind: Reason, text: str, next: tuple[str, ...]) -> Owed:
        return Owed(self.service.name, self.handler.name, kind, text, None, next)
