"""A flow, read from plain data.

The data is what the store keeps: ``Handler.declaration()``, ``Process.declaration()``, and for a workflow its
name with what it gives. Versions of an event are one event here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from dalsegno.insight.flow.declared import Emitter, Flow, Handler, Process
from dalsegno.insight.flow.outcomes import read_outcomes, shown

Plain = Mapping[str, Any]
"""A declaration as plain data."""


def read_flow(
    handlers: Iterable[bytes | Plain],
    processes: Iterable[bytes | Plain] = (),
    emitters: Iterable[bytes | Plain] = (),
) -> Flow:
    """Read declarations, as JSON or as plain data, in whatever order they come."""
    known = [_plain(each) for each in handlers]
    read = sorted((_process(_plain(each)) for each in processes), key=lambda process: process.name)
    return Flow(
        tuple(sorted(map(_handler, known), key=lambda handler: handler.title)),
        tuple(_emitters(map(_plain, emitters), {each.get("place") for each in known} - {None})),
        {process.name: process for process in read},
    )


def _emitters(plains: Iterable[Plain], reacting: AbstractSet[str | None]) -> Iterator[Emitter]:
    """Read what workflows emit, all versions of one together; one stands where a handler does if it is that."""
    found: dict[str, list[Plain]] = {}
    for plain in plains:
        found.setdefault(plain["name"], []).append(plain)
    for name, versions in sorted(found.items()):
        gives = _names(pair for plain in versions for pair in plain["gives"])
        awaits = _names(pair for plain in versions for pair in plain.get("awaits", ()))
        if gives:
            yield Emitter(name, gives, awaits, any(plain.get("place") in reacting for plain in versions))


def _plain(declared: bytes | Plain) -> Plain:
    if isinstance(declared, bytes):
        plain: Plain = msgspec.json.decode(declared)
        return plain
    return declared


def _handler(plain: Plain) -> Handler:
    outcomes = read_outcomes(plain["follows"])
    gives = _names(plain["gives"])
    emits = _names(plain["emits"]) if "emits" in plain else tuple(n for n in gives if n not in outcomes.types)
    if plain.get("filtered") or plain.get("batch"):
        outcomes = outcomes.or_nothing()  # it may leave the event out, or answer a later one
    undoes = plain["compensates"]
    return Handler(
        service=plain["service"],
        name=plain["name"],
        takes=_names(plain["takes"]),
        outcomes=outcomes.besides(emits),
        gives=gives,
        emits=emits,
        says=shown(plain["follows"]),
        joins=bool(plain["joins"]),
        undoes=_names(undoes) if isinstance(undoes, list | tuple) else (),
        goes_on=bool(undoes),
        due=plain.get("due"),
        within=plain.get("within"),
    )


def _process(plain: Plain) -> Process:
    cancel = plain["cancel"]
    return Process(
        name=plain["name"],
        starts=_names(plain["starts"]),
        ends=tuple(_names(each) for each in plain["ends"]),
        cancel=None if cancel is None else cancel[0],
        due=plain.get("due"),
    )


def _names(types: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _ in types))
