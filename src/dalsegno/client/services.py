"""Services, as a program asks them: how far they have come, and a person's word to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from dalsegno.client.desk import Desk
from dalsegno.client.states import kept_state
from dalsegno.core.clock import SECOND, from_datetime, to_datetime
from dalsegno.core.commit import Done
from dalsegno.core.event import Event, Head
from dalsegno.core.ids import check_id
from dalsegno.core.reactions import HandlerRow, Partition, ServiceRow, SteerService, is_of_rounds
from dalsegno.errors import InvalidInput, RetentionPassed, ServiceNotFound
from dalsegno.store.log import DeadLetterGroup, EventQuery


@dataclass(frozen=True, slots=True)
class HandlerInfo:
    """A handler, as its code last declared it.

    ``takes`` are the events that it is called for, ``follows`` says what follows. ``circuit_open_until``
    is set while it is left alone; ``dead_letters`` counts the open ones.
    """

    name: str
    takes: tuple[str, ...]
    joins: tuple[str, ...]
    follows: str
    kind: str
    place: str
    circuit_open_until: datetime | None
    dead_letters: int


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """One part of a service's keys: how far it has come, and the session of the worker that has it."""

    partition: int
    position: int
    session: int | None
    crashes: int
    suspect: int | None


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A service, and how far it has come.

    All events up to ``position`` are passed. ``lag_events`` counts what the log has beyond it, and
    ``lag_seconds`` tells since when the first of these is there. ``blocked_keys`` have a reaction that
    is a run still (rounds of joins only if others wait for them), with ``waiting`` more behind it.
    ``owned`` of ``partitions`` belong to a worker. ``lost`` counts the events that retention removed
    before it had read them: it stands still.
    """

    name: str
    generation: int
    position: int
    lag_events: int
    lag_seconds: float
    partitions: int
    owned: int
    lost: int
    paused_at: datetime | None
    paused_by: str
    blocked_keys: int
    waiting: int
    dead_letters: int
    handlers: tuple[HandlerInfo, ...]


ServiceInfos: TypeAlias = list[ServiceInfo]


class AsyncServices:
    """Services, in ``async def`` code."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self) -> ServiceInfos:
        """List the services that the store knows, in the order in which they came to it."""
        rows = await self._desk.store.services(self._desk.namespace)
        return [await self._info(row) for row in rows]

    async def get(self, name: str) -> ServiceInfo:
        """Read a service; raise ``ServiceNotFound``."""
        return await self._info(await service_row(self._desk, name))

    async def partitions(self, name: str) -> tuple[PartitionInfo, ...]:
        """Read how far each part of a service's keys has come; raise ``ServiceNotFound``."""
        rows = await self._desk.store.partitions((await service_row(self._desk, name)).number)
        return tuple(
            PartitionInfo(row.partition, row.position, row.session, row.crashes, row.suspect) for row in rows
        )

    async def state(self, name: str, key: str) -> Any:
        """Read what a service keeps of a key; None where it has kept nothing of it.

        It is an instance of the service's ``state=`` class where this App knows the service, else plain
        data. Raises ServiceNotFound, InvalidInput where the service keeps no states, and NotDecodable.
        """
        kept = await kept_state(self._desk, await service_row(self._desk, name), key)
        return None if kept is None else kept.state

    async def pause(self, name: str, *, by: str = "") -> bool:
        """Have a service begin no more reactions until it is resumed; False when it was paused before."""
        return await self._pause(name, by, pause=True)

    async def resume(self, name: str, *, by: str = "") -> bool:
        """Let a service go on where it was paused; False when it was not."""
        return await self._pause(name, by, pause=False)

    async def replay(
        self, name: str, *, after: int | None = None, since: datetime | None = None, by: str = ""
    ) -> int:
        """Have a service react again to all behind a number of the log, or from a time on; return that number.

        It is a new generation: the handlers are called again for what they have done, under the same
        idempotency keys. One that keeps states makes them anew, so it begins with all that the log has.
        Raises ServiceNotFound, InvalidInput, and RetentionPassed for what the log no longer has.
        """
        row = await service_row(self._desk, name)
        rows = await self._desk.store.projections(self._desk.namespace)
        if any(one.service == row.number for one in rows):
            raise _is_folded(name)
        position = await self.position(name, after, since)
        first = (await self._desk.store.head()).first
        if position >= first and msgspec.json.decode(row.declared or b"{}").get("state") is not None:
            raise InvalidInput(
                f"Service {name} keeps a state per key, and was to be replayed from event {position + 1} on.",
                f"What came before, from event {first} on, is in its states: the rest would be counted twice.",
                "Replay all of it: after=0.",
                service=name,
            )
        await self._steer(SteerService(self._desk.namespace, row.name, by, rewind=position))
        return position

    async def skip(self, name: str, *, by: str = "") -> bool:
        """Have a service pass over what retention has removed before it had read it; False if there is nothing.

        It goes on with what the log still has.
        """
        row, head = await service_row(self._desk, name), await self._desk.store.head()
        parts = await self._desk.store.partitions(row.number)
        if all(part.position >= head.first - 1 for part in parts):
            return False
        await self._steer(SteerService(self._desk.namespace, name, _checked(by), skip=True))
        return True

    async def count(self, name: str, after: int, *, limit: int = 10_000) -> int:
        """Count the events behind a number that a service would react to, up to a limit."""
        row = await service_row(self._desk, name)
        wanted = {takes for handler in await self._handlers(row, []) for takes in handler.takes}
        events = await self._desk.store.read_log(after, limit)
        return sum(_is_for(event, row, wanted) for event in events)

    # -- reading

    async def _info(self, row: ServiceRow) -> ServiceInfo:
        store = self._desk.store
        head, parts = await store.head(), await store.partitions(row.number)
        lanes = await store.lanes(row.number)
        position = min((part.position for part in parts), default=head.last)
        groups = await store.dead_letter_groups(self._desk.namespace)
        handlers = await self._handlers(row, groups)
        return ServiceInfo(
            name=row.name,
            generation=row.generation,
            position=position,
            lag_events=max(0, head.last - max(position, head.first - 1)),
            lag_seconds=await self._behind(position, head, parts),
            partitions=row.partitions,
            owned=sum(part.session is not None for part in parts),
            lost=max(0, head.first - 1 - position),
            paused_at=None if row.paused_at is None else to_datetime(row.paused_at),
            paused_by=row.paused_by,
            blocked_keys=sum(lane.count > 1 or not is_of_rounds(lane.key) for lane in lanes),
            waiting=sum(lane.count - 1 for lane in lanes),
            dead_letters=sum(handler.dead_letters for handler in handlers),
            handlers=handlers,
        )

    async def _behind(self, position: int, head: Head, parts: Sequence[Partition]) -> float:
        """Tell for how many seconds the first event that is not passed has been on the log."""
        if position >= head.last or not parts:
            return 0.0
        first = await self._desk.store.event(max(position + 1, head.first))
        return 0.0 if first is None else max(0, self._desk.store.now() - first.at) / SECOND

    async def _handlers(self, row: ServiceRow, groups: Sequence[DeadLetterGroup]) -> tuple[HandlerInfo, ...]:
        now = self._desk.store.now()
        return tuple(
            _handler(handler, now, sum(group.count for group in groups if group.handler == handler.number))
            for handler in await self._desk.store.handlers(row.number)
        )

    # -- steering

    async def _pause(self, name: str, by: str, *, pause: bool) -> bool:
        row = await service_row(self._desk, name)
        if (row.paused_at is not None) == pause:
            return False
        await self._steer(SteerService(self._desk.namespace, name, _checked(by), pause=pause))
        return True

    async def _steer(self, item: SteerService) -> None:
        done = await self._desk.write(item)
        assert isinstance(done, Done)

    async def position(self, name: str, after: int | None, since: datetime | None) -> int:
        """Return the position behind which a replay would begin; raise as ``replay`` does."""
        await service_row(self._desk, name)
        if (after is None) == (since is None):
            raise InvalidInput(
                "replay() takes either after= or since=.",
                "A service begins again behind a number of the log, or with what came from a time on.",
                "after=0 is all that the log has.",
                value=(after, since),
            )
        head = await self._desk.store.head()
        if after is None:
            assert since is not None
            query = EventQuery(namespace=self._desk.namespace, since=from_datetime(since), limit=1)
            found = await self._desk.store.events(query)
            return found[0].number - 1 if found else head.last
        if after > head.last or after < 0:
            raise InvalidInput(
                f"There is no event {after} yet: the log ends with {head.last}.",
                "A replay begins behind an event that is there.",
                f"Give a number from 0 to {head.last}.",
                value=after,
            )
        if 0 < after < head.first - 1:
            raise RetentionPassed(
                f"Event {after + 1} is no longer on the log, which begins with {head.first} by now.",
                "The service would pass over what was in between, and nobody would know.",
                f"Begin with what is there: after=0, or after={head.first - 1}.",
                service=name,
                first_lost=after + 1,
                last_lost=head.first - 1,
            )
        return max(after, head.first - 1)


async def service_row(desk: Desk, name: str) -> ServiceRow:
    """Read a service as the store has it; raise ``ServiceNotFound``."""
    rows = await desk.store.services(desk.namespace)
    for row in rows:
        if row.name == name:
            return row
    raise ServiceNotFound(
        f"There is no service {name!r} in {desk.store.address}.",
        f"It knows: {', '.join(row.name for row in rows) or 'none'}. A worker makes its services known.",
        "`dalsegno services list` shows what there is; look at the name and the store.",
        service=name,
    )


def _handler(row: HandlerRow, now: int, dead_letters: int) -> HandlerInfo:
    declared: dict[str, Any] = msgspec.json.decode(row.declared or b"{}")
    is_open = row.open_until is not None and row.open_until > now
    return HandlerInfo(
        name=row.name,
        takes=tuple(name for name, _ in declared.get("takes", ())),
        joins=tuple(name for name, _ in declared.get("joins", ())),
        follows=_plainly(declared.get("follows")),
        kind=declared.get("kind", "step"),
        place=declared.get("place", ""),
        circuit_open_until=to_datetime(row.open_until) if is_open and row.open_until is not None else None,
        dead_letters=dead_letters,
    )


def _plainly(follows: Any) -> str:
    """Write what follows as the annotation that declared it."""
    match follows:
        case {"one_of": types}:
            return " | ".join(name for name, _ in types)
        case {"all_of": parts}:
            return f"tuple[{', '.join(map(_plainly, parts))}]"
        case {"maybe": of}:
            return f"{_plainly(of)} | None"
        case {"many": of}:
            return f"list[{_plainly(of)}]"
        case _:
            return "None"


def _is_for(event: Event, row: ServiceRow, wanted: set[str]) -> bool:
    return event.namespace == row.namespace and event.type in wanted and event.only in (None, row.name)


def _checked(by: str) -> str:
    return check_id(by, "name of who says so") if by else by


def _is_folded(name: str) -> InvalidInput:
    """Make the error of a read model that was to be replayed under the eyes of its readers."""
    return InvalidInput(
        f"{name} is a generation of a read model, and was to be replayed.",
        "Its readers would see it empty, or without what came before.",
        "Build it anew while it serves: client.projection(…).rebuild().",
        service=name,
    )
