"""Services: known, holding partitions, reacting, and steered by people; their lanes and their joins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from dalsegno.core.commit import Committed, Done, Kept, Refused
from dalsegno.core.reactions import (
    CAREFUL_AFTER,
    GivePartitions,
    HandlerRow,
    Joined,
    KeptRow,
    Laned,
    Partition,
    React,
    Register,
    Registered,
    Service,
    ServiceRow,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.core.runs import Status
from dalsegno.core.sourcing import Conflict
from dalsegno.store.log import Lane, ReactionRow
from dalsegno.store.memory.log import LogVerbs
from dalsegno.store.memory.tables import InLane, Round
from dalsegno.store.verbs.calling_off import call_off

Row = TypeVar("Row", ServiceRow, HandlerRow)


class ServiceVerbs(LogVerbs):
    """What the items mean that are about services; and what is read of them."""

    def _register(self, item: Register) -> Registered:
        services: list[ServiceRow] = []
        handlers: list[HandlerRow] = []
        for service in item.services:
            row = self._known_service(item.namespace, service)
            self._services[row.number] = replace(row, declared=service.data)
            for handler in service.handlers:
                found = _named(self._handlers_of(row.number), handler.name)
                number = found.number if found else len(self._handlers) + 1
                open_until = found.open_until if found else None
                self._handlers[number] = HandlerRow(
                    number, row.number, handler.name, handler.data, open_until
                )
            services.append(self._services[row.number])
            handlers += self._handlers_of(row.number)
        return Registered(tuple(services), tuple(handlers))

    def _known_service(self, namespace: str, service: Service) -> ServiceRow:
        """Find a service by its name, or make it, with its partitions at their beginning."""
        row = _named(self._services_of(namespace), service.name)
        if row is None:
            number, position = len(self._services) + 1, self._beginning(service)
            row = ServiceRow(
                number=number,
                namespace=namespace,
                name=service.name,
                generation=1,
                partitions=service.partitions,
                declared=service.data,
                changed_at=self.now(),
                paused_at=None,
                paused_by="",
            )
            for partition in range(service.partitions):
                self._partitions[number, partition] = Partition(number, partition, position)
        return row

    def _beginning(self, service: Service) -> int:
        if service.complete:
            return 0
        if service.start is not None:
            return max(service.start, self._head.first - 1)
        return self._head.last if service.start_at is None else self._last_before(service.start_at)

    def _take_partitions(self, item: TakePartitions) -> Taken:
        partitions = self._partitions_of(item.service)
        owned = [one for one in partitions if one.session == item.session] if item.recall else []
        session = self._sessions.get(item.session)
        free = [one for one in partitions if one.session is None]
        if session is None or session.fenced_at is not None:
            free = []
        taken = [replace(one, session=item.session) for one in free[: item.limit]]
        self._put(taken)
        return Taken(tuple(sorted([*owned, *taken], key=lambda one: one.partition)))

    def _give_partitions(self, item: GivePartitions) -> Done:
        given = [
            replace(one, session=None)
            for one in self._owned_partitions(item.service, item.session)
            if one.partition in item.partitions
        ]
        self._put(given)
        return Done(len(given))

    def _react(self, item: React) -> Committed | Refused | Conflict:
        if self._services[item.service].generation != item.generation:
            return Refused.STALE
        owned = {one.partition: one for one in self._owned_partitions(item.service, item.session)}
        if any(partition not in owned for partition, _ in item.positions):
            return Refused.STALE
        refusal = self._refused_start(item) or self._conflict(item.expects)
        if refusal is not None:
            return refusal
        self._record(item)
        for partition, position in item.positions:
            one = self._partitions[item.service, partition]
            if one.position < position:
                self._put([replace(one, position=position, crashes=0, suspect=None)])
        for laned in item.laned:
            self._lane(laned, item.service)
        for joined in item.joined:
            self._join(joined, item.generation, item.service)
        self._keep(item.kept)
        for partition, event in item.suspects:
            if partition in owned:
                one = self._partitions[item.service, partition]
                crashes = one.crashes + 1 if one.suspect == event else CAREFUL_AFTER
                self._put([replace(one, suspect=event, crashes=crashes)])
        self._emitted += [(event, None) for event in item.events]
        return Committed(self.now())

    def _refused_start(self, item: React) -> Refused | None:
        names, numbers = set(self._ids), set(self._rows)
        for start in item.begun:
            if (start.namespace, start.id) in names:
                return Refused.CHILD_EXISTS
            if start.number in numbers:
                return Refused.NUMBER_TAKEN
            names.add((start.namespace, start.id))
            numbers.add(start.number)
        return None

    def _record(self, item: React) -> None:
        """Write what came of events, once for each handler and generation."""
        now = self.now()
        rows = {
            (one.event, one.handler, item.generation): ReactionRow(
                one.event, one.handler, int(one.outcome), one.run, one.took, one.note, now, item.generation
            )
            for one in item.reactions
        }
        if len(rows) < len(item.reactions) or rows.keys() & self._reactions.keys():
            raise ValueError("an event has one reaction of each handler: it never changes")
        self._reactions |= rows

    def _landed_reaction(self, item: React) -> Committed | None:
        for one in item.reactions[:1]:
            row = self._reactions.get((one.event, one.handler, item.generation))
            return None if row is None else Committed(row.at)
        owned = self._owned_partitions(item.service, item.session)
        if item.suspects and set(item.suspects) <= {(one.partition, one.suspect) for one in owned}:
            return Committed(self.now())  # not counted again
        return None

    def _lane(self, item: Laned, service: int) -> None:
        lane = self._lanes.get((service, item.key), []) if item.key is not None else []
        held = item.start.held or any(one.rank <= item.rank for one in lane[:1])
        self._start(replace(item.start, held=held, due_at=item.due_at))
        if item.failed is not None:
            self._rows[item.start.number].entries.append(replace(item.failed, at=self.now()))
        if item.key is not None:
            self._lanes[service, item.key] = sorted(
                [*lane, InLane(item.rank, item.handler, item.start.number)]
            )
        self._call_off_late(item.start)

    def _leave_lane(self, run: int) -> None:
        """Let what waits behind a run of its key go on."""
        for key, lane in list(self._lanes.items()):
            left = [one for one in lane if one.run != run]
            if left == lane:
                continue
            self._lanes[key] = left
            if not left:
                del self._lanes[key]
                continue
            rows = self._rows[left[0].run]
            next_, now = rows.run, self.now()
            begun = next_.status is not Status.PENDING or next_.session is not None or next_.turn > 0
            if not begun and (next_.due_at is None or next_.due_at > now):
                rows.run = replace(next_, due_at=now)

    def _join(self, item: Joined, generation: int, service: int) -> None:
        """Have an event join the oldest round that lacks it, or begin a new one."""
        for run, found in sorted(self._rounds.items(), key=lambda one: self._rows[one[0]].run.cause or 0):
            same = (found.handler, found.generation, found.key) == (item.handler, generation, item.key)
            if same and not found.parts & item.part:
                self._send(replace(item.send, run=run))
                self._reactions |= {
                    key: replace(row, run=run)
                    for key, row in self._reactions.items()
                    if row.run == item.start.number
                }
                found.parts |= item.part
                if found.parts == item.all:
                    del self._rounds[run]
                return
        rank = item.start.cause or 0
        self._lane(Laned(item.start, item.handler, rank, item.lane, due_at=item.start.due_at), service)
        self._rounds[item.start.number] = Round(item.handler, generation, item.key, item.part)
        self._send(replace(item.send, run=item.start.number))

    def _keep(self, kept: Iterable[Kept]) -> None:
        for one in kept:
            service = self._services.get(one.service)
            if one.generation is not None and (service is None or service.generation != one.generation):
                continue
            if one.data is None:
                self._kept.pop((one.service, one.key), None)
            else:
                row = KeptRow(one.codec, one.data, one.rank, one.event, self.now())
                self._kept[one.service, one.key] = row

    def _steer(self, item: SteerService) -> Done:
        service = _named(self._services_of(item.namespace), item.name)
        if service is None:
            return Done(0)
        if item.pause is not None:
            paused_at = self.now() if item.pause else None
            service = replace(service, paused_at=paused_at, paused_by=item.by, changed_at=self.now())
        if item.skip:
            there = self._head.first - 1
            behind = [one for one in self._partitions_of(service.number) if one.position < there]
            self._put(replace(one, position=there, session=None) for one in behind)
        if item.rewind is not None:
            service = replace(service, generation=service.generation + 1, changed_at=self.now())
            self._put(
                Partition(service.number, one.partition, item.rewind)
                for one in self._partitions_of(service.number)
            )
            mine = {row.number for row in self._handlers_of(service.number)}
            for run in sorted(run for run, found in self._rounds.items() if found.handler in mine):
                self._send(call_off(run, item.by))
            if item.rewind < self._head.first:  # from the beginning: what was made of the log is made again
                for place in [place for place in self._kept if place[0] == service.number]:
                    del self._kept[place]
        if item.circuit is not None:
            handler = self._handlers.get(item.circuit[0])
            if handler is not None and handler.service == service.number:
                self._handlers[handler.number] = replace(handler, open_until=item.circuit[1])
        self._services[service.number] = service
        return Done(1)

    # -- reading

    async def services(self, namespace: str) -> list[ServiceRow]:
        return self._services_of(namespace)

    async def handlers(self, service: int) -> list[HandlerRow]:
        return self._handlers_of(service)

    async def partitions(self, service: int) -> list[Partition]:
        return self._partitions_of(service)

    async def reactions(self, event: int) -> list[ReactionRow]:
        found = [row for row in self._reactions.values() if row.event == event]
        return sorted(found, key=lambda row: (row.handler, row.generation))

    async def reacted(self, service: int, generation: int, after: int) -> set[tuple[int, int]]:
        return {
            (row.event, row.handler)
            for row in self._reactions.values()
            if row.event > after
            and row.generation == generation
            and row.handler in self._handlers
            and self._handlers[row.handler].service == service
        }

    async def lanes(self, service: int) -> list[Lane]:
        mine = [(key, lane) for (number, key), lane in self._lanes.items() if number == service]
        return [Lane(key, lane[0].run, len(lane)) for key, lane in sorted(mine)]

    async def lane(self, service: int, key: str, limit: int = 1_000_000) -> list[int]:
        return [one.run for one in self._lanes.get((service, key), ())[:limit]]

    async def kept(self, service: int, key: str) -> KeptRow | None:
        return self._kept.get((service, key))

    def _services_of(self, namespace: str) -> list[ServiceRow]:
        return [row for row in self._services.values() if row.namespace == namespace]

    def _handlers_of(self, service: int) -> list[HandlerRow]:
        return [row for row in self._handlers.values() if row.service == service]

    def _partitions_of(self, service: int) -> list[Partition]:
        return [one for one in self._partitions.values() if one.service == service]

    def _owned_partitions(self, service: int, session: int) -> list[Partition]:
        return [one for one in self._partitions_of(service) if one.session == session]

    def _put(self, partitions: Iterable[Partition]) -> None:
        self._partitions |= {(one.service, one.partition): one for one in partitions}


def _named(rows: Iterable[Row], name: str) -> Row | None:
    return next((row for row in rows if row.name == name), None)
