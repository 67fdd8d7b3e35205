"""The events that are measured, services that handle them, and logs filled with them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec
from programs.talk import an_event

from dalsegno import App, Service, event
from dalsegno.client.aio import AsyncClient
from dalsegno.core.event import partition_of

_LOOK = 0.003  # seconds between looks at whether the last one is written
AT_ONCE = 500  # events that one call emits where a log is filled
NAMES = ("billing", "stock", "shipping", "mail")

Heard = Callable[["Thing"], object]


@event(key="key")
class Thing(msgspec.Struct):
    key: str
    number: int
    pad: str


@event(key="key")
class Answer(msgspec.Struct):
    key: str
    number: int
    pad: str


def service(name: str, way: str, heard: Heard, *, answers: bool = False) -> Service:
    """Make a service with one step-like handler, which may answer each event with one."""
    made = Service(name)
    if way == "def":
        if answers:

            @made.on
            def answer(thing: Thing) -> Answer:
                heard(thing)
                return Answer(thing.key, thing.number, thing.pad)
        else:

            @made.on
            def handle(thing: Thing) -> None:
                heard(thing)
    elif answers:

        @made.on
        async def answer_async(thing: Thing) -> Answer:
            heard(thing)
            return Answer(thing.key, thing.number, thing.pad)
    else:

        @made.on
        async def handle_async(thing: Thing) -> None:
            heard(thing)

    return made


def app(file: Path, services: Iterable[Service] = (), *, slots: int = 1_000) -> App:
    """Make an App of some services; without any it only emits."""
    return App("bench", include=[Thing, Answer, *services], store=f"sqlite:///{file}", slots=slots)


async def fill(file: Path, numbers: Iterable[int]) -> None:
    """Emit an event of each number."""
    things = [Thing(**an_event(number)) for number in numbers]
    async with app(file, slots=0) as client:
        for first in range(0, len(things), AT_ONCE):
            await client.emit(*things[first : first + AT_ONCE])


def end_of(file: Path) -> int:
    """Return the number of the last event on a log; nobody may have it open."""
    db = apsw.Connection(str(file))
    try:
        heads: list[Any] = db.execute("SELECT last FROM log_head").fetchall()
        last: int = heads[0][0]
        return last
    finally:
        db.close()


def copy(file: Path, times: int) -> None:
    """Put copies of the whole log behind it, with all that came of its events; who has read it has read them.

    Ids and keys of copies are their own, so that the indexes over them are met everywhere and not at their ends.
    """
    width = end_of(file)
    db = apsw.Connection(str(file))
    try:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -400000")
        new = {"id": "lower(hex(randomblob(8)))", "key": "lower(hex(randomblob(8)))"}
        events = _columns(db, "events", {"number": "number + ?1", **new})
        reactions = _columns(db, "reactions", {"event": "event + ?1"})
        for copied in range(1, times + 1):
            db.execute("BEGIN")
            for table, number, (names, values) in (
                ("events", "number", events),
                ("reactions", "event", reactions),
            ):
                db.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {number} <= ?2",
                    (width * copied, width),
                )
            db.execute("UPDATE log_head SET last = last + ?", (width,))
            db.execute("UPDATE partitions SET position = ?", (width * (copied + 1),))
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        db.close()


class Hearing:
    """Counts the events that one service's handlers are called with, and those before their turn."""

    def __init__(self) -> None:
        self.count = 0
        self.disordered = 0
        self._latest: dict[str, int] = {}
        self._mine = threading.Lock()  # handlers in threads

    def __call__(self, thing: Thing) -> None:
        with self._mine:
            self.count += 1
            self.disordered += self._latest.get(thing.key, -1) > thing.number
            self._latest[thing.key] = thing.number


class Handled(NamedTuple):
    """How many events were handled, by all services together, how long it took, and how many came too early."""

    events: int
    seconds: float
    disordered: int


async def handle(
    file: Path, way: str, numbers: range, *, after: int = 0, services: int = 1, answers: bool = False
) -> Handled:
    """Handle what a log was filled with behind ``after``, from opening the worker until all positions are written."""
    hearing = [Hearing() for _ in range(services)]
    listening = [
        service(name, way, heard, answers=answers) for name, heard in zip(NAMES, hearing, strict=False)
    ]
    last = last_of_each(numbers, listening[0].partitions, after=after)
    began = time.perf_counter()
    async with app(file, listening) as client:
        while any(heard.count < len(numbers) for heard in hearing):
            await asyncio.sleep(_LOOK)
        for one in listening:
            while not await passed(client, one.name, last):
                await asyncio.sleep(_LOOK)
        seconds = time.perf_counter() - began
    return Handled(len(numbers) * services, seconds, sum(heard.disordered for heard in hearing))


def last_of_each(numbers: Iterable[int], partitions: int, *, after: int = 0) -> dict[int, int]:
    """Return the place on the log of the last event of each part of the keys, where these follow ``after``."""
    return {
        partition_of(an_event(number)["key"], 0, partitions): place
        for place, number in enumerate(numbers, start=after + 1)
    }


async def passed(client: AsyncClient, name: str, last: dict[int, int]) -> bool:
    """Tell whether a service has passed these events, as far as that is written."""
    parts = await client.services.partitions(name)
    return all(part.position >= last.get(part.partition, 0) for part in parts)


def _columns(db: apsw.Connection, table: str, changed: dict[str, str]) -> tuple[str, str]:
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    return ", ".join(names), ", ".join(changed.get(name, name) for name in names)
