"""What is still owed to events: which handlers take them and have not reacted yet, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dalsegno.client.standing import Because, Doing, Fact, Reason, Standing, WorkerView
from dalsegno.core.clock import to_datetime
from dalsegno.core.durations import text as length
from dalsegno.core.event import Event
from dalsegno.core.notes import LongAttempt
from dalsegno.core.reactions import HandlerRow, Partition, ReactedAs, ServiceRow
from dalsegno.insight.moment import keeper
from dalsegno.insight.roster import Roster
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


async def owed(store: Store, event: Event, *, gone: Gone = nobody_gone) -> tuple[Owed, ...]:
    """Tell who owes a reaction to an event, in the order of services and handlers; ``gone`` as for ``where``."""
    full = (await store.facts()).full
    look = Look(store, await read_workers(store, gone), await keeper(store), full=full)
    ledger = Ledger(store, look, await look.roster(event.namespace))
    return await ledger.owed(event, await store.reactions(event.number))


@dataclass
class Ledger:
    """Who owes what, for however many events. ``stands`` are runs of which it is known where they do."""

    store: Store
    look: Look
    roster: Roster
    stands: Mapping[int, Standing] = field(default_factory=dict)

    async def owed(self, event: Event, reactions: Iterable[ReactionRow]) -> tuple[Owed, ...]:
        """Tell who owes a reaction to an event of which these came."""
        found, rows = [], list(reactions)
        for room in self.roster.takers.get(event.type, ()):
            if event.only in (None, room.service.name):
                one = await _Asked(self, event, room.service, room.handler).owed(rows)
                found += [one] if one is not None else []
        return tuple(found)

    @property
    def workers(self) -> Workers:
        """The workers there are."""
        return self.look.workers


@dataclass(frozen=True, slots=True)
class _Asked:
    """One event and one handler."""

    ledger: Ledger
    event: Event
    service: ServiceRow
    handler: HandlerRow

    async def owed(self, reactions: Iterable[ReactionRow]) -> Owed | None:
        """Tell what is owed, if something is."""
        wanted = (self.event.number, self.handler.number, self.service.generation)
        for row in reactions:
            if (row.event, row.handler, row.generation) == wanted:
                return await self._as_run(row)
        part = await self.ledger.roster.partition(self.service, self.event)
        if part is None or self.event.number <= part.position:
            return None  # it was passed before there was this handler
        return self._say(tuple(self._reasons(part, await self._call(part))), to_datetime(self.event.at))

    async def _as_run(self, reaction: ReactionRow) -> Owed | None:
        if reaction.outcome != ReactedAs.RUN or reaction.run is None:
            return None
        stands = self.ledger.stands.get(reaction.run)
        if stands is None:
            run = await self.ledger.store.get(reaction.run)
            stands = None if run is None else await self.ledger.look.standing(run, depth=1)
        if stands is None or stands.ended_at is not None:
            return None
        return self._say(stands.reasons, stands.since, stands.id)

    async def _call(self, part: Partition) -> LongAttempt | None:
        """Read whether its handler has been called, as the worker that has its part of the log reports it."""
        owner = self._owner(part)
        if owner is None or not owner.alive:
            return None
        reported = await self.ledger.store.attempts(-self.event.number)
        return next((each for each in reported if each.op == self.handler.number), None)

    def _owner(self, part: Partition) -> WorkerView | None:
        return None if part.session is None else self.ledger.workers.views.get(part.session)

    def _reasons(self, part: Partition, call: LongAttempt | None) -> Iterator[Because]:
        """Say why an event was not come to: what holds more first."""
        shut = self.ledger.look.shut()
        if shut is not None:
            yield shut
        found = [*self._without_worker(part)]
        if call is not None and shut is None and not found:
            yield self._called(part, call)
            return
        found += [*self._stands_still(part), *self._left_alone()]
        yield from found
        if shut is None and not found:
            behind = self.event.number - part.position
            waits = length(max(0, self._now - self.event.at))
            text = f"lag {behind} event{'s' if behind > 1 else ''}, on the log for {waits}"
            yield self._because(
                Reason.LAG,
                text,
                {"behind": behind, "position": part.position, "crashes": part.crashes},
                (f"dalsegno services show {self.service.name}",),
            )

    def _called(self, part: Partition, call: LongAttempt) -> Because:
        """Say that it is at work: a call that has begun goes on, be its service paused meanwhile."""
        owner = self._owner(part)
        on = "" if owner is None else f" on worker {owner.name}"
        doing = Doing(call.name, call.op, call.attempt, call.of, to_datetime(call.began_at))
        since = length(max(0, self._now - call.began_at))
        text = f"{call.name} has been running{on} for {since}{doing.ordinal}"
        facts: dict[str, Fact] = {
            "worker": None if owner is None else owner.name,
            "attempt": call.attempt, "of": call.of, "began_at": doing.began_at,
        }  # fmt: skip
        return self._because(
            Reason.STEP_RUNNING, text, facts, (f"dalsegno services show {self.service.name}",)
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
        owner = self._owner(part)
        if owner is not None and owner.state == "wedged":
            stood = length(int(owner.seconds * 1_000_000))
            text = (
                f"the loop of worker {owner.name}, which has its part of the log, has stood still for {stood}"
            )
            facts: dict[str, Fact] = {"worker": owner.name, "pid": owner.pid, "seconds": owner.seconds}
            yield self._because(Reason.WEDGED, text, facts, ("dalsegno doctor",))

    def _stands_still(self, part: Partition) -> Iterator[Because]:
        """Say that the whole service does not go on."""
        service, name, first = self.service, self.service.name, self.ledger.roster.head.first
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
