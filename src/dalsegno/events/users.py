"""Who uses an event type: by what services declare, in the store and here, and by what is on the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from dalsegno.core.reactions import ServiceRow
from dalsegno.events.service import Service
from dalsegno.store.protocol import Store

if TYPE_CHECKING:
    from dalsegno.events.schemas import Party, Users

_COUNTED = 100_000  # events, the newest ones, among which those of a type are counted


async def users_of(store: Store, namespace: str, name: str, own: Iterable[Service] = ()) -> Users:
    """Tell who uses an event type: handlers that take it, emitters that declare it, events among the newest.

    ``own`` are services that this program has, of which the store may not have heard.
    """
    from dalsegno.events.schemas import Users

    told = [handler.declaration() for service in own for handler in service.handlers.values()]
    positions = []
    for row in await store.services(namespace):
        handlers = [_read(handler.declared) for handler in await store.handlers(row.number)]
        if _takes(name, row, handlers):
            positions += [partition.position for partition in await store.partitions(row.number)]
        told += handlers
    head = await store.head()
    oldest = max(head.first - 1, head.last - _COUNTED)
    every = await store.versions(namespace, name, oldest)
    ahead = await store.versions(namespace, name, max([oldest, min(positions, default=head.last)]))
    return Users(
        emitters=_parties(name, told, "gives"),
        handlers=_parties(name, told, "takes"),
        stored={version: count - ahead.get(version, 0) for version, count in every.items()},
        in_flight=ahead,
    )


def _takes(name: str, service: ServiceRow, handlers: list[dict[str, Any]]) -> bool:
    if name in _read(service.declared).get("takes", ()):  # that of a read model
        return True
    return any(name == taken for handler in handlers for taken, _ in handler.get("takes", ()))


def _parties(name: str, told: Iterable[Mapping[str, Any]], how: str) -> tuple[Party, ...]:
    from dalsegno.events.schemas import Party

    found = {
        (f"{each['service']}.{each['name']}", version)
        for each in told
        for kind, version in each.get(how, ())
        if kind == name
    }
    return tuple(Party(*one) for one in sorted(found))


def _read(declared: bytes | None) -> dict[str, Any]:
    found = msgspec.json.decode(declared) if declared else {}
    return found if isinstance(found, dict) else {}
