"""``client.transaction()``: the caller's rows and what is started, signalled and emitted, all of it or nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Service, Tx, event, receive, step, workflow
from dalsegno.errors import (
    InvalidInput,
    NestedTransaction,
    NoTransactions,
    RunConflict,
    RunEnded,
    RunNotFound,
    TransactionOver,
    TransactionTooLong,
)

pytestmark = pytest.mark.promise("P1", "P2", "P8", "P10")


@event("Placed", version=1, key="id")
@dataclass
class Placed:
    id: str


seen = Service("seen")
heard: list[str] = []


@seen.on()
def hear(placed: Placed) -> None:
    heard.append(placed.id)


@workflow
def greet(name: str) -> str:
    return f"hello {name}"


@workflow
def waits(_: str) -> str:
    return receive(str).result()


@step(transaction=True)
def start_from_a_step(tx: Tx, name: str) -> None:
    tx.execute("INSERT INTO orders VALUES (?)", (name,))
    the_client().start(greet, name, id=name, tx=tx)
    with pytest.raises(NestedTransaction):
        the_client().start(greet, name)
    with pytest.raises(NestedTransaction), the_client().transaction():
        pass


@workflow
def stepping(name: str) -> str:
    start_from_a_step(name)
    return name


clients: list[Client] = []


def the_client() -> Client:
    return clients[-1]


def app_on(folder: Path) -> App:
    return App(
        "orders", include=[greet, waits, stepping, seen, Placed], store=f"sqlite:///{folder}/orders.db"
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    heard.clear()
    with app_on(tmp_path) as opened:
        clients.append(opened)
        with opened.transaction() as tx:
            tx.execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
        yield opened
        clients.clear()


def orders(client: Client) -> list[str]:
    with client.transaction() as tx:
        return [row[0] for row in tx.execute("SELECT id FROM orders ORDER BY id")]


def events_of(client: Client) -> int:
    return len(client.events.list())


def test_rows_runs_signals_and_events_are_there_together(client: Client) -> None:
    client.start(waits, "", id="waiting")
    with client.transaction() as tx:
        tx.execute("INSERT INTO orders VALUES ('1')")
        run = client.start(greet, "you", id="1", tx=tx)
        assert client.signal("waiting", "go on", tx=tx)
        assert client.emit(Placed("1"), tx=tx) == []
        with pytest.raises(RunNotFound):
            run.status()  # nothing is to be seen before the end
        assert events_of(client) == 0
    assert run.result("10s") == "hello you"
    assert client.run("waiting").result("10s") == "go on"
    assert orders(client) == ["1"] and events_of(client) == 1


def test_what_the_block_raises_takes_all_of_it_back(client: Client) -> None:
    client.start(waits, "", id="waiting")
    with pytest.raises(ZeroDivisionError), client.transaction() as tx:
        tx.execute("INSERT INTO orders VALUES ('1')")
        client.start(greet, "you", id="1", tx=tx)
        client.signal("waiting", "go on", id="s", tx=tx)
        client.emit(Placed("1"), tx=tx)
        _ = 1 / 0
    with pytest.raises(RunNotFound):
        client.run("1").status()
    assert orders(client) == [] and events_of(client) == 0
    assert client.signal("waiting", "after all", id="s"), "the signal was not sent"
    assert client.run("waiting").result("10s") == "after all"


def test_a_conflict_is_raised_in_the_block_and_may_be_caught_there(client: Client) -> None:
    client.start(greet, "you", id="1").result("10s")
    with pytest.raises(RunConflict), client.transaction() as tx:
        tx.execute("INSERT INTO orders VALUES ('1')")
        client.start(greet, "somebody else", id="1", tx=tx)
    assert orders(client) == []
    with client.transaction() as tx:
        with pytest.raises(RunConflict):
            client.start(greet, "somebody else", id="1", tx=tx)
        with pytest.raises(RunEnded):
            client.signal("1", "too late", tx=tx)
        assert client.start(greet, "you", id="1", tx=tx).id == "1", "the same start finds the same run"
        tx.execute("INSERT INTO orders VALUES ('1')")
    assert orders(client) == ["1"]


def test_whatever_else_writes_inside_is_refused_at_once(client: Client) -> None:
    refused: list[Callable[[], Any]] = [
        lambda: client.start(greet, "you"),
        lambda: client.emit(Placed("1")),
        lambda: client.signal("1", "x"),
        lambda: client.cancel("1"),
        lambda: client.transaction().__enter__(),
    ]
    with client.transaction():
        for write in refused:
            with pytest.raises(NestedTransaction):
                write()
    assert client.start(greet, "you").result("10s") == "hello you"


def test_nothing_can_be_done_in_it_after_its_end(client: Client) -> None:
    with client.transaction() as tx:
        pass
    for late in (lambda: tx.execute("SELECT 1"), lambda: client.start(greet, "you", tx=tx)):
        with pytest.raises(TransactionOver):
            late()


def test_one_that_takes_too_long_is_rolled_back_and_others_write_meanwhile(client: Client) -> None:
    with pytest.raises(TransactionTooLong), client.transaction(timeout="50ms") as tx:
        tx.execute("INSERT INTO orders VALUES ('1')")
        answer: list[str] = []
        other = threading.Thread(target=lambda: answer.append(client.start(greet, "you").result("10s")))
        other.start()
        other.join()
        assert answer == ["hello you"], "its time is over, and the others go on"
        with pytest.raises(TransactionTooLong):
            tx.execute("INSERT INTO orders VALUES ('2')")
    assert orders(client) == []


@pytest.mark.parametrize("timeout", ["0s", "6s"])
def test_how_long_it_may_take_is_bounded(client: Client, timeout: str) -> None:
    with pytest.raises(InvalidInput):
        client.transaction(timeout=timeout)


def test_a_step_in_a_transaction_can_start_a_run_in_it(client: Client) -> None:
    assert client.start(stepping, "1").result("10s") == "1"
    assert client.run("1").result("10s") == "hello 1"
    assert orders(client) == ["1"]


def test_a_transaction_of_another_store_is_refused(client: Client, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        app_on(tmp_path / "other") as other,
        other.transaction() as tx,
        pytest.raises(InvalidInput, match="no transaction of"),
    ):
        client.start(greet, "you", tx=tx)


def test_many_at_once_come_one_after_the_other_and_nobody_starves(client: Client) -> None:
    def write(number: int) -> None:
        with client.transaction() as tx:
            tx.execute("INSERT INTO orders VALUES (?)", (f"{number:03}",))
            client.start(greet, "you", id=f"in-{number}", tx=tx)
        client.start(greet, "you", id=f"beside-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(orders(client)) == 40
    for number in range(40):
        assert client.run(f"in-{number}").result("10s") == client.run(f"beside-{number}").result("10s")


def test_async_code_has_the_same(tmp_path: Path) -> None:
    async def program() -> list[Any]:
        async with app_on(tmp_path) as client:
            async with client.transaction() as tx:
                await tx.execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
                await tx.executemany("INSERT INTO orders VALUES (?)", [("1",), ("2",)])
                run = await client.start(greet, "you", tx=tx)
                assert await client.emit(Placed("1"), tx=tx) == []
                with pytest.raises(NestedTransaction):
                    await client.start(greet, "you")
                with pytest.raises(NestedTransaction):
                    async with client.transaction():
                        pass
            assert await run.result("10s") == "hello you"
            with pytest.raises(ZeroDivisionError):
                async with client.transaction() as tx:
                    await tx.execute("INSERT INTO orders VALUES ('3')")
                    _ = 1 / 0
            with pytest.raises(TransactionOver):
                await tx.execute("SELECT 1")
            async with client.transaction() as tx:
                return await tx.execute("SELECT id FROM orders ORDER BY id")

    assert asyncio.run(program()) == [("1",), ("2",)]


def test_a_store_in_memory_has_none() -> None:
    with App("orders", include=[greet], store="memory:") as client:
        with pytest.raises(NoTransactions), client.transaction():
            pass
        assert client.start(greet, "you").result("10s") == "hello you"
