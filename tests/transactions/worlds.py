"""Workflows and a service with rows of their own, for worlds in which processes die at every write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dalsegno import Retry, Service, Tx, emit, event, step, step_info, workflow
from dalsegno.engine.registry import Registry
from dalsegno.events.known import Known
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.shadows import peek
from dalsegno.testing.world import World

TABLE = "CREATE TABLE IF NOT EXISTS booked (what TEXT)"  # without a key: what is written twice is there twice
ASKED = [(key, number) for number in range(4) for key in ("a", "b")]


@event("Asked", version=1, key="id")
@dataclass
class Asked:
    id: str
    number: int


@event("Booked", version=1, key="id")
@dataclass
class Booked:
    id: str
    number: int


# -- steps


@step(transaction=True, retry=Retry(attempts=3, first="20ms", jitter=0))
def book(tx: Tx, what: str, fails: int = 0) -> int:
    tx.execute(TABLE)
    tx.execute("INSERT INTO booked VALUES (?)", (what,))
    emit(Booked(what, fails))
    if step_info().attempt <= fails:
        raise ValueError("not yet")
    (count,) = tx.execute("SELECT count(*) FROM booked")[0]
    return int(count)


@step
def add(a: int, b: int) -> int:
    return a + b


@workflow
async def booking(name: str) -> list[int]:
    first = await book.start(f"{name}1")
    beside, second = add.start(first, 1), book.start(f"{name}2", 1)
    third = book.start(f"{name}3")
    return [first, await beside, *sorted([await second, await third])]


# -- a service

books = Service("books")


@books.on(transaction=True, retry=Retry(attempts=3, first="20ms", jitter=0))
def keep(tx: Tx, asked: Asked) -> Booked:
    tx.execute(TABLE)
    tx.execute("INSERT INTO booked VALUES (?)", (f"{asked.id}{asked.number}",))
    if asked.number == 2 and step_info().attempt == 1:
        raise ValueError("not yet")
    return Booked(asked.id, asked.number)


@books.on()
def note(booked: Booked) -> None:
    return None


# -- scenarios


async def three_bookings(world: World) -> None:
    """Book in steps, one after the other and beside each other, some of them tried twice."""
    await world.start(booking, "x", id="run")
    await world.settle()
    assert sorted(rows_of(world.store)) == ["x1", "x2", "x3"], "P8: each row once"
    assert sorted(booked_of(world.store)) == [("x1", 0), ("x2", 1), ("x3", 0)], "P8: each event once"


async def asked_in_order(world: World) -> None:
    """Ask a service that books, and wait until it has told of all."""
    for key, number in ASKED:
        await world.ask(lambda client, k=key, n=number: client.emit(Asked(k, n), id=f"{k}{n}"))
    await world.settle()
    rows = rows_of(world.store)
    assert sorted(rows) == sorted(f"{key}{number}" for key, number in ASKED), "P8: each row once"
    assert sorted(booked_of(world.store)) == sorted(ASKED), "P8: each event once"
    for key in "ab":
        assert [row for row in rows if row[0] == key] == [f"{key}{n}" for n in range(4)], "in order per key"


def rows_of(store: Store) -> list[str]:
    """Read the bookings behind the store's back, in the order in which they were made."""
    if isinstance(store, MemoryStore):
        made = store._tables._made
        connection: Any = made[0] if made is not None else None
    else:
        assert isinstance(store, SqliteStore)
        connection = store._reader
    if connection is None or not connection.table_exists(None, "booked"):
        return []
    return [row[0] for row in connection.execute("SELECT what FROM booked ORDER BY rowid")]


def booked_of(store: Store) -> list[tuple[str, int]]:
    """Read which bookings the log tells of."""
    found = (event.data for event in peek(store.read_log(0, 1_000)) if event.type == "Booked")
    values = [Booked.__dalsegno_event__.decode(data) for data in found]
    return [(value.id, value.number) for value in values]


def registry() -> Registry:
    """Collect the workflows of this file."""
    found = Registry()
    found.add([booking])
    return found


def known(_: str) -> Known:
    """Collect the services and events of this file."""
    found = Known()
    found.add([books, Asked, Booked])
    found.check()
    return found
