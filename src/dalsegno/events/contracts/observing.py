"""What was observed on a log, held to what a program declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dalsegno.core.event import Event
from dalsegno.events.contracts.fitting import reads
from dalsegno.events.contracts.flow import Flow, named
from dalsegno.events.contracts.report import Finding, Rule
from dalsegno.events.handlers import Handler


class Seen(NamedTuple):
    """A kind of event that was seen: its type and version, who emitted it, and the first one's number.

    ``readers`` are the versions whose readers can read it as it is, by the registry of the store.
    """

    type: str
    version: int
    emitter: str
    number: int
    readers: tuple[int, ...] = ()


def seen(events: Iterable[Event]) -> list[Seen]:
    """List the kinds of events among these, in the order of the log; those from outside have no emitter."""
    found: dict[tuple[str, int, str], Seen] = {}
    for event in events:
        emitter = event.source if event.id is None else ""
        found.setdefault(
            (event.type, event.version, emitter), Seen(event.type, event.version, emitter, event.number)
        )
    return list(found.values())


def untold(flow: Flow, observed: Iterable[Seen], notes: list[str]) -> Iterator[Finding]:
    """Find events that somebody emitted and does not declare, and stored versions that cannot be read."""
    given = {
        handler.title: (handler.place, {kind.name for kind in handler.contract.gives})
        for handler in flow.handlers
    }
    for definition, reading in flow.read_definitions.items():
        if not reading.open_emit:
            given[definition.name] = (definition.place, {kind.name for kind in reading.may_emit})
    for each in observed:
        place, declared = given.get(each.emitter, ("", {each.type}))
        if each.type not in declared:
            yield Finding(
                Rule.OBSERVED,
                f"Event {each.number} is a {each.type}, which {each.emitter} emitted and does not declare.",
                place,
                "It ran with other code, or emits what cannot be seen in its source.",
                "Declare it, or see which version of the code is deployed.",
            )
        if not flow.known.types.versions(each.type):
            notes.append(f"event {each.number} is a {each.type}, for which the program has no class")
        yield from _unread(flow, each)


def _unread(flow: Flow, each: Seen) -> Iterator[Finding]:
    if not each.version:  # a foreign one, which is read as whatever is wanted
        return
    stored = flow.known.types.of(each.type, each.version)
    for reader in flow.readers.get(each.type, []):
        wanted = reader.wanted(each.type, each.version)
        if wanted is None or wanted.version == each.version:
            continue
        fits = isinstance(reader, Handler) and wanted.version in each.readers
        if not fits and (stored is None or not reads(flow, reader, stored, wanted)):
            yield Finding(
                Rule.OBSERVED,
                f"Event {each.number} is a {each.type} of version {each.version}, and {named(reader)} takes "
                f"version {wanted.version}; no converter leads there.",
                reader.place,
                "It becomes a dead letter where it has not been handled, and whenever the log is read again.",
                "Keep the class of that version, and write @upcast or @downcast from it.",
                (wanted.place,),
            )
            return
