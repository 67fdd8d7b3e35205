"""What the chapters about events have in common: events, and a service at work on them."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Claimed, Commit, Committed, Emit, Emitted, Fence, Rest, Send, Start
from dalsegno.core.entries import Kind
from dalsegno.core.event import NewEvent, delivery_id, event_signal
from dalsegno.core.reactions import (
    Declared,
    Joined,
    Laned,
    Partition,
    React,
    Reaction,
    Register,
    Registered,
    Service,
    ServiceRow,
    Taken,
    TakePartitions,
)
from dalsegno.core.runs import Run, Status
from dalsegno.core.writes import Verdict
from dalsegno.testing.conformance.world import LEASE, World, a_commit, expect, fail


def an_event(type_: str = "Placed", **fields: Any) -> NewEvent:
    """Make an event that is to be written."""
    return NewEvent(type=type_, **{"source": "shop", "data": b"{}", **fields})


async def emit(world: World, *events: NewEvent) -> list[int]:
    """Put events on the log from outside, and return their numbers."""
    verdict = await world.one(Emit(events))
    if not isinstance(verdict, Emitted):
        fail(f"emitting answered {verdict!r}")
    return verdict.numbers


async def types_on_log(world: World) -> list[tuple[int, str]]:
    """Read the whole log: number and type of each event."""
    return [(event.number, event.type) for event in await world.store.read_log(0, 1_000)]


async def register(world: World, *names: str, namespace: str = "default", **fields: Any) -> Registered:
    """Make services known that have one handler, "charge"."""
    given: dict[str, Any] = {"handlers": (Declared("charge"),), "partitions": 2, **fields}
    verdict = await world.one(Register(namespace, tuple(Service(name, **given) for name in names)))
    if not isinstance(verdict, Registered):
        fail(f"registering answered {verdict!r}")
    return verdict


async def take(
    world: World, session: int, service: int, limit: int = 100, *, recall: bool = False
) -> list[int]:
    """Take partitions of a service, and return which the session was told of."""
    verdict = await world.one(TakePartitions(session, service, limit, recall))
    if not isinstance(verdict, Taken):
        fail(f"taking partitions answered {verdict!r}")
    return [one.partition for one in verdict.partitions]


class AtWork:
    """A service with a handler and a session that owns its partitions; it runs reactions, too."""

    def __init__(self, world: World, session: int, service: ServiceRow, handler: int) -> None:
        self.world = world
        self.session = session
        self.service = service
        self.handler = handler

    def a_react(self, *reactions: Reaction, **fields: Any) -> React:
        """Make what the service did."""
        given: dict[str, Any] = {"session": self.session, "generation": self.service.generation, **fields}
        return React(service=self.service.number, reactions=reactions, **given)

    async def react(self, *reactions: Reaction, **fields: Any) -> Verdict:
        """Write what the service did."""
        return await self.world.one(self.a_react(*reactions, **fields))

    def a_reaction(self, event: int, **fields: Any) -> Reaction:
        """Make the reaction of its handler to an event."""
        return Reaction(event, self.handler, **fields)

    def a_start(self, event: int, **fields: Any) -> Start:
        """Make the start of a reaction that is a run."""
        id_ = fields.pop("id", f"pay.charge#{event}")
        return self.world.a_start(id_, **{"workflow": "pay.charge", "cause": event, **fields})

    def a_laned(self, event: int, key: str | None = "k-1", **fields: Any) -> Laned:
        """Make a reaction that goes on as a run, in the order of its key."""
        rank, start = fields.pop("rank", event), fields.pop("start", None) or self.a_start(event)
        return Laned(start, self.handler, rank, key, **fields)

    def a_joined(
        self, event: int, part: int, *, key: str = "k-1", all: int = 3, lane: str | None = None
    ) -> Joined:
        """Make an event that joins others of its key."""
        send = Send(Kind.SIGNAL, name=event_signal("Placed"), id=delivery_id(event), data=b"1")
        return Joined(self.a_start(event), send, self.handler, key, part, all, lane)

    async def lane(self, *laned: Laned) -> list[Run]:
        """Begin reactions that are runs, in the order of their keys."""
        verdict = await self.react(laned=laned)
        if not isinstance(verdict, Committed):
            fail(f"the reaction answered {verdict!r}")
        return [await self.found(one.start.id) for one in laned]

    async def join(self, *joined: Joined) -> None:
        """Have events join others of their keys."""
        expect(await self.react(joined=joined), Committed(self.world.clock.now()), "the verdict of the join")

    async def found(self, id: str) -> Run:
        """Read a run that must be there."""
        run = await self.world.store.find("default", id)
        return run if run is not None else fail(f"run {id!r} is not there")

    async def due(self) -> list[str]:
        """Claim what is due, and return the ids."""
        claimed = await self.world.claim(self.session)
        return [run.id for run in claimed.runs]

    async def rest(self, run: Run, status: Status = Status.COMPLETED, **fields: Any) -> Run:
        """Bring a reaction that was claimed to rest, or to its end."""
        now = await self.world.read(run)
        reason = fields.pop("reason", None)
        item: Commit = a_commit(now, rest=Rest(status, now.wakes, reason), laned=True, **fields)
        expect(await self.world.one(item), Committed(self.world.clock.now()), "the verdict of its rest")
        return await self.world.read(run)

    async def partitions(self) -> list[Partition]:
        """Read how far the service has come."""
        return await self.world.store.partitions(self.service.number)


async def at_work(world: World, name: str = "pay", *, fenced: bool = False, **fields: Any) -> AtWork:
    """Make a service known, and have a new session own all of it, ``fenced`` by its first commit."""
    registered = await register(world, name, **fields)
    session = await world.session((f"{name}.charge", "1"))
    asked = TakePartitions(session, registered.services[0].number, 100)
    await world.one(asked, Fence(session, 1, LEASE) if fenced else None)
    return AtWork(world, session, registered.services[0], registered.handlers[0].number)


async def claim_one(world: World, session: int) -> Run:
    """Claim the one run that is due."""
    verdict: Claimed = await world.claim(session)
    expect(len(verdict.runs), 1, "how many runs are due")
    return verdict.runs[0]


async def called_off(world: World, *runs: Run) -> list[str]:
    """Read which of these runs were told to end, and on whose behalf."""
    inboxes = await world.store.inbox([run.number for run in runs])
    return [
        f"{run.id} by {delivery.source}"
        for run in runs
        for delivery in inboxes[run.number]
        if delivery.kind is Kind.CANCEL
    ]
