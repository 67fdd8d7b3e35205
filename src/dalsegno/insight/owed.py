"""What is still owed to events: which handlers take them and have not reacted yet, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from dalsegno.client.standing import Because, Fact, Reason
from dalsegno.core.clock import to_datetime
from dalsegno.core.durations import text as length
from dalsegno.core.event import Event, Head
from dalsegno.core.reactions import HandlerRow, Partition, ReactedAs, ServiceRow
from dalsegno.core.runs import Run
from dalsegno.insight.moment import keeper
from dalsegno.insight.where import Look
from dalsegno.insight.workers import Gone, Workers, nobody_gone, read_workers
from dalsegno.store.log import ReactionRow
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Owed:
    """A handler that has not reacted to an event yet: why, and the run that is to, where it is one.

    ``reasons`` are all that hold it, the one that binds first.
    """

    event: int
    service: str
    handler: str
    since: datetime
    kind: Reason
    text: str
    run: str | None
    next: tuple[str, ...]
    reasons: tuple[Because, ...]

    @property
    def title(self) -> str:
        """The handler's full name."""
        return f"{self.service}.{self.handler}"


class _Declared(msgspec.Struct, frozen=True):
    takes: list[tuple[str, int]] = []


async def owed(store: Store, event: Event, *, gone: Gone = nobody_gone) -> tuple[Owed, ...]:
    """Tell who owes a reaction to an event, in the order of services and handlers; ``gone`` as for ``where``."""
    full = (await store.facts()).full
    look = Look(store, await read_workers(store, gone), await keeper(store), full=full)
    ledger = Ledger(store, event.namespace, look)
    return await ledger.owed(event, await store.reactions(event.number))


@dataclass
class Ledger:
    """One look at who owes what: services, handlers and partitions are read once, for however many events."""

    store: Store
    namespace: str
    look: Look
    head: Head = field(default_factory=Head)
    _takers: dict[str, list[tuple[ServiceRow, HandlerRow]]] | None = None
    _partitions: dict[int, dict[int, Partition]] = field(default_factory=dict)

    async def owed(self, event: Event, reactions: Iterable[ReactionRow]) -> tuple[Owed, ...]:
        """Tell who owes a reaction to an event of which these came."""
        found, rows = [], list(reactions)
        for service, handler in (await self._read()).get(event.type, ()):
            if event.only in (None, service.name):
                mine = _of(rows, event, handler, service)
                one = await _Asked(self, event, service, handler).owed(mine)
                found += [one] if one is not None else []
        return tuple(found)

    async def titles(self) -> dict[int, str]:
        """Name the handlers, by number."""
        rooms = [room for taking in (await self._read()).values() for room in taking]
        return {handler.number: f"{service.name}.{handler.name}" for service, handler in rooms}

    async def _read(self) -> dict[str, list[tuple[ServiceRow, HandlerRow]]]:
        """Read who takes what."""
        if self._takers is None:
            self._takers, self.head = {}, await self.store.head()
            for service in await self.store.services(self.namespace):
                for handler in await self.store.handlers(service.number):
                    declared = msgspec.json.decode(handler.declared or b"{}", type=_Declared)
                    for name in dict.fromkeys(name for name, _ in declared.takes):
                        self._takers.setdefault(name, []).append((service, handler))
        return self._takers

    async def partition(self, service: ServiceRow, event: Event) -> Partition | None:
        """Read how far the part of a service has come that an event belongs to."""
        if service.number not in self._partitions:
            parts = await self.store.partitions(service.number)
            self._partitions[service.number] = {part.partition: part for part in parts}
        return self._partitions[service.number].get(event.partition(service.partitions))

    @property
    def workers(self) -> Workers:
        """The workers there are."""
        return self.look.workers


def _of(
    reactions: Iterable[ReactionRow], event: Event, handler: HandlerRow, service: ServiceRow
) -> ReactionRow | None:
    wanted = (event.number, handler.number, service.generation)
    return next((row for row in reactions if (row.event, row.handler, row.generation) == wanted), None)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One event and one handler."""

    ledger: Ledger
    event: Event
    service: ServiceRow
    handler: HandlerRow

    async def owed(self, reaction: ReactionRow | None) -> Owed | None:
        """Tell what is owed, if something is."""
        if reaction is not None:
            return await self._as_run(reaction)
        part = await self.ledger.partition(self.service, self.event)
        if part is None or self.event.number <= part.position:
            return None  # it was passed before there was this handler
        return self._say(tuple(self._reasons(part)), to_datetime(self.event.at))

    async def _as_run(self, reaction: ReactionRow) -> Owed | None:
        if reaction.outcome != ReactedAs.RUN or reaction.run is None:
            return None
        run = await self.ledger.store.get(reaction.run)
        if run is None or run.status.ended:
            return None
        return await self._standing(run)

    async def _standing(self, run: Run) -> Owed:
        stands = await self.ledger.look.standing(run, depth=1)
        return self._say(stands.reasons, stands.since, run.id)

    def _reasons(self, part: Partition) -> Iterator[Because]:
        """Say why an event was not come to: what holds more first."""
        shut = self.ledger.look.shut()
        if shut is not None:
            yield shut
        found = [*self._without_worker(part), *self._stands_still(part), *self._left_alone()]
        yield from found
        if shut is None and not found:
            behind = self.event.number - part.position
            waits = length(max(0, self._now - self.event.at))
            text = f"lag {behind} event{'s' if behind > 1 else ''}, on the log for {waits}"
            yield self._because(
                Reason.LAG, text, {"behind": behind, "position": part.position, "crashes": part.crashes}
            )

    def _without_worker(self, part: Partition) -> Iterator[Because]:
        """Say that nobody is there to react."""
        workers, name = self.ledger.workers, self.service.name
        versions = workers.versions(f"{name}.{self.handler.name}")
        facts: dict[str, Fact] = {"service": name, "workers": len(workers.alive)}
        starts = ("dalsegno worker FILE.py", "dalsegno doctor")
        if not workers.alive:
            yield self._because(Reason.NO_WORKER, "no worker is alive", facts, starts)
        elif not versions:
            text = f"no live worker has the code of service {name}"
            yield self._because(Reason.LACKS_CODE, text, facts, starts)
        else:
            yield from self._with_wedged(part)

    def _with_wedged(self, part: Partition) -> Iterator[Because]:
        owner = None if part.session is None else self.ledger.workers.views.get(part.session)
        if owner is not None and owner.state == "wedged":
            stood = length(int(owner.seconds * 1_000_000))
            text = (
                f"the loop of worker {owner.name}, which has its part of the log, has stood still for {stood}"
            )
            facts: dict[str, Fact] = {"worker": owner.name, "pid": owner.pid, "seconds": owner.seconds}
            yield self._because(Reason.WEDGED, text, facts, ("dalsegno doctor",))

    def _stands_still(self, part: Partition) -> Iterator[Because]:
        """Say that the whole service does not go on."""
        service, name, first = self.service, self.service.name, self.ledger.head.first
        if service.paused_at is not None:
            by = f" by {service.paused_by}" if service.paused_by else ""
            text = f"service {name} is paused{by} for {length(max(0, self._now - service.paused_at))}"
            facts: dict[str, Fact] = {
                "service": name, "by": service.paused_by, "since": to_datetime(service.paused_at),
            }  # fmt: skip
            yield self._because(Reason.SERVICE_PAUSED, text, facts, (f"dalsegno services resume {name}",))
        if part.position + 1 < first:
            text = f"service {name} stands still: retention removed events that it had not read"
            facts = {"service": name, "first_lost": part.position + 1, "last_lost": first - 1}
            yield self._because(Reason.RETENTION_PASSED, text, facts, (f"dalsegno services skip {name}",))

    def _left_alone(self) -> Iterator[Because]:
        """Say that the handler is left alone for a while."""
        until = self.handler.open_until
        if until is not None and until > self._now:
            text = f"its circuit is open for another {length(until - self._now)}"
            show = (f"dalsegno services show {self.service.name}",)
            yield self._because(Reason.CIRCUIT_OPEN, text, {"until": to_datetime(until)}, show)

    @property
    def _now(self) -> int:
        return self.ledger.store.now()

    def _because(
        self, kind: Reason, text: str, facts: dict[str, Fact], next: tuple[str, ...] = ()
    ) -> Because:
        about = f"{self.service.name}.{self.handler.name}"
        told: dict[str, Fact] = {
            "event": self.event.number, "key": self.event.key, "since": to_datetime(self.event.at),
        }  # fmt: skip
        return Because(kind, text, about, told | facts, next)

    def _say(self, reasons: tuple[Because, ...], since: datetime, run: str | None = None) -> Owed:
        first, event = reasons[0], self.event.number
        return Owed(
            event,
            self.service.name,
            self.handler.name,
            since,
            first.kind,
            first.text,
            run,
            first.next,
            reasons,
        )
