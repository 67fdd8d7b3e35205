"""Who breaks: the emitters, handlers and events that an incompatible version concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dalsegno.events.schemas.verdicts import Direction, Kind, Verdict

__all__ = ["Breakage", "Party", "Users", "who_breaks"]


class Party(msgspec.Struct, frozen=True):
    """An emitter or a handler, by name, and the version that it writes or reads."""

    name: str
    version: int


class Users(msgspec.Struct, frozen=True):
    """Who uses an event type: emitters and handlers by name, events by version and number.

    ``stored`` are events on the log that every service has passed, ``in_flight`` those that some have
    yet to read.
    """

    emitters: tuple[Party, ...] = ()
    handlers: tuple[Party, ...] = ()
    stored: Mapping[int, int] = {}
    in_flight: Mapping[int, int] = {}


class Breakage(msgspec.Struct, frozen=True):
    """Somebody who breaks, and in which direction.

    ``what`` is "handler", "emitter", "stored events" or "events in flight"; ``count`` is how many
    events, and 1 for the others.
    """

    what: str
    name: str
    version: int
    count: int
    direction: Direction
    sentence: str


def who_breaks(verdicts: Iterable[Verdict], users: Users) -> tuple[Breakage, ...]:
    """Tell who breaks by the verdicts that are not compatible, each of them once for a direction.

    What is refused by convention only breaks nobody.
    """
    found: dict[tuple[str, str, int, Direction], Breakage] = {}
    for verdict in verdicts:
        real = [each for each in verdict.incompatibilities if each.kind is not Kind.CONVENTION]
        if real and not verdict.bridged:
            for each in _concerned(verdict, real[0].breaks, users):
                found.setdefault((each.what, each.name, each.version, each.direction), each)
    return tuple(found.values())


def _concerned(verdict: Verdict, reason: str, users: Users) -> Iterator[Breakage]:
    read, written, forward = verdict.reader, verdict.writer, verdict.direction is Direction.FORWARD
    readers = [each.name for each in users.handlers if each.version == read]
    writers = [("emitter", each.name, 1) for each in users.emitters if each.version == written]
    for what, events in (("events in flight", users.in_flight), ("stored events", users.stored)):
        writers += [(what, "", events[written])] if events.get(written) else []
    if forward and not readers:
        return  # nobody reads the old version any more
    if forward or writers:
        for name in readers:
            sentence = f"handler {name} reads v{read} and meets v{written}: {reason}"
            yield Breakage("handler", name, read, 1, verdict.direction, sentence)
    for what, name, count in writers:
        who = f"emitter {name} writes" if name else f"{count:,} {what} are of"
        sentence = f"{who} v{written}, which a v{read} reader does not read: {reason}"
        yield Breakage(what, name, written, count, verdict.direction, sentence)
