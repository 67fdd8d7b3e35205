"""What is registered in a namespace, and how far its services have come: read once for as long as nobody writes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from dalsegno.core.cases import EmitterRow, ProcessRow
from dalsegno.core.event import Event, Head
from dalsegno.core.reactions import HandlerRow, Partition, ServiceRow
from dalsegno.insight.flow import Flow, read_flow
from dalsegno.store.protocol import Store

_FLOWS = 8  # that are kept, with what was found out of each
_HANDLERS = 1_000  # whose declarations are kept as they were read


@dataclass(frozen=True, slots=True)
class Room:
    """A handler with its service."""

    service: ServiceRow
    handler: HandlerRow

    @property
    def title(self) -> str:
        """Its full name."""
        return f"{self.service.name}.{self.handler.name}"

    @property
    def declared(self) -> bytes:
        """What it declares."""
        return self.handler.declared or b"{}"


class Roster:
    """What was registered when the store had a ``change_mark``, which is ``mark``.

    ``rooms`` are the handlers, in the order of services and handlers.
    """

    def __init__(
        self,
        store: Store,
        mark: int,
        head: Head,
        rooms: Sequence[Room],
        processes: Iterable[ProcessRow],
        emitters: Iterable[EmitterRow],
    ) -> None:
        self.mark = mark
        self.head = head
        self.rooms = tuple(rooms)
        self._store = store
        self._processes = tuple(row.declared for row in processes)
        self._emitters = tuple(row.declared for row in emitters)
        self._partitions: dict[int, dict[int, Partition]] = {}

    @functools.cached_property
    def flow(self) -> Flow:
        """All that is declared, as a flow; the same one for as long as that does not change."""
        handlers = tuple(room.handler.declared for room in self.rooms if room.handler.declared)
        return _flow(handlers, self._processes, self._emitters)

    @functools.cached_property
    def takers(self) -> dict[str, list[Room]]:
        """Who takes an event, by its type."""
        found: dict[str, list[Room]] = {}
        for room in self.rooms:
            for name in _taken(room.declared):
                found.setdefault(name, []).append(room)
        return found

    @functools.cached_property
    def titles(self) -> dict[int, str]:
        """The full names of the handlers that say what they take, by their numbers."""
        return {room.handler.number: room.title for room in self.rooms if room.handler.declared}

    @functools.cached_property
    def by_title(self) -> dict[str, Room]:
        """The handlers by their full names."""
        return {room.title: room for room in self.rooms}

    async def partition(self, service: ServiceRow, event: Event) -> Partition | None:
        """Tell how far the part of a service has come that an event belongs to."""
        if service.number not in self._partitions:
            parts = await self._store.partitions(service.number)
            self._partitions[service.number] = {part.partition: part for part in parts}
        return self._partitions[service.number].get(event.partition(service.partitions))


async def read_roster(store: Store, namespace: str) -> Roster:
    """Read what is registered in a namespace."""
    mark = store.change_mark()  # before the rest: what is written meanwhile makes it old
    services = await store.services(namespace)
    return Roster(
        store,
        mark,
        await store.head(),
        [Room(service, row) for service in services for row in await store.handlers(service.number)],
        await store.processes(namespace),
        await store.emitters(namespace),
    )


@functools.lru_cache(_FLOWS)
def _flow(handlers: tuple[bytes, ...], processes: tuple[bytes, ...], emitters: tuple[bytes, ...]) -> Flow:
    return read_flow(handlers, processes, emitters)


class _Declared(msgspec.Struct, frozen=True):
    takes: list[tuple[str, int]] = []


@functools.lru_cache(_HANDLERS)
def _taken(declared: bytes) -> tuple[str, ...]:
    """Name the event types that a handler takes."""
    return tuple(dict.fromkeys(name for name, _ in msgspec.json.decode(declared, type=_Declared).takes))
