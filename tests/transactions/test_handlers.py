"""``on(transaction=True)``: rows, events, kept state and the reaction in one commit, at once or as a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Service, Tx, all_of, emit, event, keep, step_info
from dalsegno.core.clock import pause
from dalsegno.errors import DefinitionError

pytestmark = pytest.mark.promise("P8", "P10")


@event("Placed", version=1, key="id")
@dataclass
class Placed:
    id: str
    number: int
    fails: int = 0


@event("Paid", version=1, key="id")
@dataclass
class Paid:
    id: str


@event("Booked", version=1, key="id")
@dataclass
class Booked:
    id: str
    number: int
    rows: int


@event("Noted", version=1, key="id")
@dataclass
class Noted:
    id: str


@dataclass
class Count:
    placed: int = 0


TABLE = "CREATE TABLE IF NOT EXISTS orders (id TEXT, number INTEGER)"


def a_service(told: list[Any]) -> Service:
    """Make a service that books, with what it is told of in the end."""
    books = Service("books", state=Count)

    @books.on(transaction=True, emits=Noted, attempts=3, where=lambda placed: placed.number >= 0)
    def book(tx: Tx, placed: Placed, state: Count | None) -> Booked:
        tx.execute(TABLE)
        tx.execute("INSERT INTO orders VALUES (?, ?)", (placed.id, placed.number))
        emit(Noted(placed.id))
        keep(Count((state or Count()).placed + 1))
        if step_info().attempt <= placed.fails:
            raise ValueError("not yet")
        rows = tx.execute("SELECT count(*) FROM orders WHERE id = ?", (placed.id,))[0][0]
        return Booked(placed.id, placed.number, rows)

    @books.on(all_of(Placed, Paid), transaction=True, name="both")
    def both(placed: Placed, paid: Paid, tx: Tx) -> None:
        tx.execute(TABLE)
        tx.execute("INSERT INTO orders VALUES (?, -1)", (f"both {placed.id}",))

    @books.on()
    def told_of(booked: Booked, state: Count | None) -> None:
        told.append((booked, state))

    return books


@contextmanager
def a_shop(store: str) -> Iterator[tuple[Client, list[Any]]]:
    told: list[Any] = []
    with App("shop", include=[a_service(told)], store=store) as client:
        yield client, told


@pytest.fixture(params=["memory", "file"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Client, list[Any]]]:
    with a_shop("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db") as opened:
        yield opened


def until(holds: Callable[[], bool], what: str) -> None:
    for _ in range(1_000):
        if holds():
            return
        pause(0.01)
    raise AssertionError(f"never: {what}")


def test_rows_events_and_state_are_there_together_and_in_order(shop: tuple[Client, list[Any]]) -> None:
    client, told = shop
    for number in range(5):
        client.emit(Placed("a", number), Placed("b", number))
    until(lambda: len(told) == 10, "all are told of")
    for key in "ab":
        mine = [(booked.number, booked.rows) for booked, _ in told if booked.id == key]
        assert mine == [(number, number + 1) for number in range(5)]
    assert len(client.events.list("Noted", limit=100)) == 10


def test_one_that_fails_leaves_nothing_and_goes_on_as_a_run(shop: tuple[Client, list[Any]]) -> None:
    client, told = shop
    client.emit(Placed("a", 0, fails=2), Placed("a", 1), Placed("b", 0))
    until(lambda: len(told) == 3, "all are told of")
    assert [(booked.number, booked.rows) for booked, _ in told if booked.id == "a"] == [(0, 1), (1, 2)]
    assert len(client.events.list("Noted", limit=100)) == 3
    assert [state.placed for booked, state in told if booked.id == "a"][-1] == 2
    assert {run.id for run in client.runs()} >= {"books.book#1", "books.book#2"}, (
        "the key's next waits behind"
    )


def test_one_that_is_filtered_out_writes_nothing(shop: tuple[Client, list[Any]]) -> None:
    client, told = shop
    client.emit(Placed("a", -1), Placed("a", 0))
    until(lambda: len(told) == 1, "one is told of")
    assert told[0][0] == Booked("a", 0, 1)


def test_a_join_has_its_transaction_too(tmp_path: Path) -> None:
    with a_shop(f"sqlite:///{tmp_path}/a.db") as (client, told):
        client.emit(Placed("a", 0), Paid("a"))

        def joined() -> bool:
            with client.transaction() as tx:
                tx.execute(TABLE)
                return tx.execute("SELECT id FROM orders WHERE number = -1") == [("both a",)]

        until(joined, "the join has booked")
        until(lambda: len(told) == 1, "one is told of")


def test_after_a_restart_nothing_is_done_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    for time in range(3):
        with a_shop(store) as (client, told):
            client.emit(Placed("a", time))
            until(lambda: len(told) == 1, "the new one is told of")
            assert told[0][0].rows == time + 1


def test_what_cannot_have_a_transaction_is_said_where_it_is_declared() -> None:
    service = Service("s")

    async def coroutine(tx: Tx, placed: Placed) -> None: ...

    def batch(tx: Tx, placed: list[Placed]) -> None: ...

    def plain(tx: Tx, placed: Placed) -> None: ...

    wrong: list[tuple[Any, dict[str, Any]]] = [
        (coroutine, {}),
        (batch, {"batch": 10}),
        (plain, {"timeout": "6s"}),
    ]
    for function, options in wrong:
        with pytest.raises(DefinitionError):
            service.on(transaction=True, **options)(function)
