"""``@step(transaction=True)``: what it may be, and what its rows and its entry have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Escalate, Retry, Tx, saga, step, step_info, workflow
from dalsegno.errors import DefinitionError, NotInRun, RunFailed, StatementBarred, TransactionTooLong

pytestmark = pytest.mark.promise("P6", "P8", "P9", "P10")

TABLE = "CREATE TABLE IF NOT EXISTS orders (id TEXT, amount INTEGER)"
QUICK = Retry(attempts=3, first="1ms", jitter=0)


@step(transaction=True, retry=QUICK)
def book(tx: Tx, id: str, amount: int = 1, *, fails: int = 0) -> int:
    tx.execute(TABLE)
    tx.execute("INSERT INTO orders VALUES (?, ?)", (id, amount))
    if step_info().attempt <= fails:
        raise ValueError(f"attempt {step_info().attempt}")
    return int(tx.execute("SELECT count(*) FROM orders")[0][0])


@step(transaction=True)
def unbook(tx: Tx, id: str) -> None:
    tx.execute("DELETE FROM orders WHERE id = :id", {"id": id})


@step(transaction=True, compensate=unbook)
def book_to_undo(tx: Tx, id: str) -> None:
    tx.execute(TABLE)
    tx.execute("INSERT INTO orders VALUES (?, 1)", (id,))


@step(transaction=True)
def booked(tx: Tx) -> list[str]:
    tx.execute(TABLE)
    return [row[0] for row in tx.execute("SELECT id FROM orders ORDER BY id")]


@step(transaction=True)
def returns_what_cannot_be_kept(tx: Tx) -> Any:
    tx.execute(TABLE)
    tx.execute("INSERT INTO orders VALUES ('unkept', 1)")
    return object()


@step(transaction=True, timeout="50ms")
def endless(tx: Tx) -> None:
    tx.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")


@step(transaction=True, on_failure=Escalate(unbook))
def meddle(tx: Tx, id: str) -> None:
    tx.execute("DELETE FROM runs")


@workflow
def in_def(fails: int) -> list[str]:
    book("a", 2, fails=fails)
    book("b", amount=3)
    return booked()


@workflow
async def beside_each_other(_: None) -> list[str]:
    promises = [book.start(str(number)) for number in range(5)]
    assert sorted([await promise for promise in promises]) == [1, 2, 3, 4, 5]
    return await booked.start()


@workflow
def catches(_: None) -> list[str]:
    booked()
    for wrong, error in ((returns_what_cannot_be_kept, Exception), (endless, TransactionTooLong)):
        with pytest.raises(error):
            wrong()
    meddle("x")
    return booked()


@saga
def undone(_: None) -> None:
    book_to_undo("a")
    meddle_without_help()


@step(transaction=True)
def meddle_without_help(tx: Tx) -> None:
    tx.execute("UPDATE entries SET data = NULL")


@workflow
def looks(_: None) -> list[str]:
    return booked()


@pytest.fixture(params=["memory", "file"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db"
    workflows = [in_def, beside_each_other, catches, undone, looks]
    with App("a", include=workflows, store=store) as opened:
        yield opened


def test_who_calls_it_does_not_pass_the_transaction(client: Client) -> None:
    assert client.start(in_def, 0).result("10s") == ["a", "b"]


def test_an_attempt_that_fails_leaves_no_rows_and_the_next_one_begins_afresh(client: Client) -> None:
    assert client.start(in_def, 2).result("10s") == ["a", "b"]


def test_the_last_failure_is_what_the_code_sees(client: Client) -> None:
    with pytest.raises(RunFailed, match="attempt 3"):
        client.start(in_def, 3).result("10s")
    assert client.start(looks, None).result("10s") == []


def test_several_at_once_come_one_after_the_other(client: Client) -> None:
    assert client.start(beside_each_other, None).result("10s") == list("01234")


def test_what_it_cannot_do_is_its_failure_and_leaves_no_rows(client: Client) -> None:
    assert client.start(catches, None).result("10s") == []


def test_a_saga_undoes_it_by_another_one(client: Client) -> None:
    with pytest.raises(RunFailed, match="dalsegno's") as failed:
        client.start(undone, None).result("10s")
    assert failed.value.error.type.endswith(StatementBarred.__name__)
    assert client.start(looks, None).result("10s") == []


def test_outside_a_run_it_needs_a_transaction_of_the_callers() -> None:
    with pytest.raises(NotInRun, match="transaction=True"):
        book("a")

    class Fake:
        def execute(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
            return []

    unbook.function(Fake(), "a")


def a_coroutine() -> Any:
    async def f(tx: Tx) -> None: ...

    return step(transaction=True)(f)


def careful() -> Any:
    def f(tx: Tx) -> None: ...

    return step(transaction=True, at_most_once=True)(f)


def without_one() -> Any:
    def f() -> None: ...

    return step(transaction=True)(f)


def by_name_alone() -> Any:
    def f(*, tx: Tx) -> None: ...

    return step(transaction=True)(f)


def long() -> Any:
    def f(tx: Tx) -> None: ...

    return step(transaction=True, timeout="6s")(f)


def wrongly_undone() -> Any:
    def f(tx: Tx, a: int, b: int) -> None: ...

    return step(transaction=True, compensate=unbook)(f)


@pytest.mark.parametrize("declare", [a_coroutine, careful, without_one, by_name_alone, long, wrongly_undone])
def test_what_it_cannot_be_is_said_where_it_is_declared(declare: Callable[[], Any]) -> None:
    with pytest.raises(DefinitionError):
        declare()
