"""User code let into a store's transaction: bounded, barred, fenced, and rolled back as one with what it returns."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import Beat, Commit, EndSession, Fence, OpenSession, Refused, Start, Started
from dalsegno.core.transact import OpenTx, RolledBack, Transact, Transacted
from dalsegno.core.writes import Verdict
from dalsegno.errors import (
    StatementBarred,
    StatementFailed,
    TransactionInDoubt,
    TransactionOver,
    TransactionTooLong,
)
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import RunQuery, Store
from dalsegno.store.sqlite import SqliteStore
from dalsegno.store.sqlite.bars import our_tables

pytestmark = [pytest.mark.asyncio, pytest.mark.promise("P8", "P10")]

CLOCK = SystemClock()
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest_asyncio.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore(CLOCK)
    if request.param == "file":
        made = SqliteStore(str(tmp_path / "a.db"), CLOCK)
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(str(tmp_path / "a.db"), CLOCK)
    await made.open()
    yield made
    await made.close()


async def transact(
    store: Store, work: Callable[[OpenTx], Any], fence: Fence | None = None, **how: Any
) -> Verdict:
    (verdict,) = await store.write([Transact(work, "a test", **how)], fence)
    return verdict


async def rows(store: Store, sql: str) -> list[Any]:
    found: list[Any] = []
    verdict = await transact(store, lambda tx: found.extend(tx.execute(sql)))
    assert isinstance(verdict, Transacted), verdict
    return found


def start(number: int, id: str) -> Start:
    return Start(number=number, namespace="default", id=id, workflow="w", version="1")


def opening(number: int) -> OpenSession:
    return OpenSession(number, 10_000_000, 1, 1, "", "boot", "host", "3", "test")


def doing(sql: str, *parameters: Any) -> Callable[[OpenTx], None]:
    def work(tx: OpenTx) -> None:
        tx.execute(sql, parameters)

    return work


async def table(store: Store) -> None:
    made = await transact(store, doing("CREATE TABLE mine (a INTEGER PRIMARY KEY, b TEXT)"))
    assert isinstance(made, Transacted)


async def test_rows_and_what_the_code_returns_are_written_together(store: Store) -> None:
    await table(store)

    def work(tx: OpenTx) -> Start:
        tx.executemany("INSERT INTO mine VALUES (?, ?)", [(1, "x"), (2, "y")])
        return start(7, "seven")

    verdict = await transact(store, work)
    assert isinstance(verdict, Transacted)
    assert [type(item) for item in verdict.items] == [Start] and isinstance(verdict.verdicts[0], Started)
    assert await rows(store, "SELECT a, b FROM mine ORDER BY a") == [(1, "x"), (2, "y")]
    assert await store.find("default", "seven") is not None


async def test_what_the_code_raises_leaves_nothing_behind(store: Store) -> None:
    await table(store)

    def work(tx: OpenTx) -> None:
        tx.execute("INSERT INTO mine VALUES (1, 'x')")
        raise SystemExit("even this")

    verdict = await transact(store, work)
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, SystemExit)
    assert await rows(store, "SELECT * FROM mine") == []


async def test_what_refuses_the_item_takes_the_rows_back(store: Store) -> None:
    await table(store)
    await store.write([start(7, "seven")])

    def work(tx: OpenTx) -> Start:
        tx.execute("INSERT INTO mine VALUES (1, 'x')")
        return start(7, "eight")

    assert await transact(store, work) is Refused.NUMBER_TAKEN
    assert await rows(store, "SELECT * FROM mine") == []


async def test_a_fenced_session_writes_no_rows(store: Store) -> None:
    await table(store)
    await store.write([opening(3)])
    fence = Fence(3, 0, 10_000_000)
    insert = doing("INSERT INTO mine (b) VALUES ('x')")
    assert isinstance(await transact(store, insert, fence, session=3), Transacted)
    await store.write([EndSession(3)])
    assert await transact(store, insert, fence, session=3) is Refused.FENCED
    assert len(await rows(store, "SELECT * FROM mine")) == 1


async def test_a_transaction_does_not_count_as_a_commit_of_its_session(store: Store) -> None:
    await store.write([opening(3)])
    await transact(store, lambda tx: None, Fence(3, 0, 10_000_000), session=3)
    assert await store.write([Beat(3, 10_000_000, 0)], Fence(3, 1, 10_000_000)) != [Refused.FENCED]


async def test_a_lost_reply_is_told_from_a_lost_commit(file: SqliteStore) -> None:
    store = file
    await table(store)
    runs = []

    def work(tx: OpenTx) -> Start:
        runs.append(tx)
        tx.execute("INSERT INTO mine (b) VALUES ('x')")
        return start(7, "seven")

    item = Transact(work, "a test")
    first = await store.write([item])
    assert await store.write([item]) == first, "its own row tells that it landed"
    assert len(runs) == 1 and len(await rows(store, "SELECT * FROM mine")) == 1


def starting(tx: OpenTx) -> None:
    tx.write(start(7, "seven"))


async def test_a_block_that_can_run_only_once_is_never_run_again(file: SqliteStore) -> None:
    for work, known in ((starting, True), (doing("SELECT 1"), False)):
        item = Transact(work, "a test", once=True)
        first = await file.write([item])
        (second,) = await file.write([item])
        if known:
            assert [second] == first
        else:
            assert isinstance(second, RolledBack) and isinstance(second.error, TransactionInDoubt)


@pytest.mark.parametrize("table_name", sorted(our_tables()))
async def test_no_table_of_ours_can_be_read_or_written(file: SqliteStore, table_name: str) -> None:
    for sql in (
        f"SELECT * FROM {table_name}",
        f"DELETE FROM {table_name}",
        f"DROP TABLE {table_name}",
        f"ALTER TABLE {table_name} ADD COLUMN more",
        f"CREATE TRIGGER t AFTER DELETE ON {table_name} BEGIN SELECT 1; END",
    ):
        verdict = await transact(file, doing(sql))
        assert isinstance(verdict, RolledBack) and isinstance(verdict.error, StatementBarred), (sql, verdict)
        assert table_name in str(verdict.error).lower()


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT s", "RELEASE item", "ATTACH ':memory:' AS other", "DETACH main",
        "PRAGMA journal_mode = DELETE", "PRAGMA user_version", "SELECT * FROM pragma_table_info('runs')",
        "CREATE TEMP TABLE runs (a)", "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE f USING fts5(a)", "SELECT 1; COMMIT",
    ],
)  # fmt: skip
async def test_no_statement_reaches_past_its_own_tables(store: Store, sql: str) -> None:
    verdict = await transact(store, doing(sql))
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, StatementBarred), verdict
    assert isinstance(await transact(store, lambda tx: None), Transacted), "the next one goes on as always"


async def test_a_trigger_of_the_users_cannot_reach_our_tables_either(file: SqliteStore) -> None:
    await table(file)
    await file.write([start(7, "seven")])
    trigger = "CREATE TRIGGER t AFTER INSERT ON mine BEGIN DELETE FROM runs; END"
    await transact(file, doing(trigger))
    verdict = await transact(file, doing("INSERT INTO mine VALUES (1, 'x')"))
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, StatementBarred)
    assert await file.find("default", "seven") is not None


async def test_a_statement_of_ours_word_for_word_is_barred_like_any_other(file: SqliteStore) -> None:
    await file.find("default", "nobody")
    text = file._queries["find_run"].text
    verdict = await transact(file, doing(text, "default", "x"))
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, StatementBarred)


async def test_a_refused_statement_says_whether_a_rule_of_the_table_refuses_it(store: Store) -> None:
    await table(store)
    errors: list[StatementFailed] = []

    def work(tx: OpenTx) -> None:
        tx.execute("INSERT INTO mine VALUES (1, 'x')")
        for sql in ("INSERT INTO mine VALUES (1, 'y')", "SELECT nothing"):
            try:
                tx.execute(sql)
            except StatementFailed as error:
                errors.append(error)

    assert isinstance(await transact(store, work), Transacted)
    assert [error.constraint for error in errors] == [True, False]
    assert await rows(store, "SELECT b FROM mine") == [("x",)]


async def test_a_statement_that_rolls_back_all_of_it_ends_it(store: Store) -> None:
    await table(store)

    def work(tx: OpenTx) -> None:
        tx.execute("INSERT INTO mine VALUES (1, 'x')")
        with pytest.raises(StatementFailed):
            tx.execute("INSERT OR ROLLBACK INTO mine VALUES (1, 'y')")
        with pytest.raises(TransactionOver):
            tx.execute("INSERT INTO mine VALUES (2, 'by itself')")

    verdict = await transact(store, work)
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, TransactionOver)
    assert await rows(store, "SELECT * FROM mine") == []


async def test_a_statement_without_end_is_ended(store: Store) -> None:
    verdict = await transact(store, doing(ENDLESS), bound=50_000)
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, TransactionTooLong)
    assert isinstance(await transact(store, lambda tx: None), Transacted)


async def test_a_failure_that_was_caught_in_the_code_is_not_committed(store: Store) -> None:
    def work(tx: OpenTx) -> None:
        with pytest.raises(TransactionTooLong):
            tx.execute(ENDLESS)

    verdict = await transact(store, work, bound=50_000)
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, TransactionTooLong)


async def test_code_that_does_not_come_back_is_left_behind(file: SqliteStore) -> None:
    await table(file)
    held, over = threading.Event(), threading.Event()
    late: list[BaseException] = []

    def work(tx: OpenTx) -> None:
        tx.execute("INSERT INTO mine VALUES (1, 'x')")
        held.wait()
        try:
            tx.execute("INSERT INTO mine VALUES (2, 'late')")
        except TransactionTooLong as error:
            late.append(error)
        over.set()

    verdict = await transact(file, work, bound=50_000)
    assert isinstance(verdict, RolledBack) and isinstance(verdict.error, TransactionTooLong)
    assert await file.write([start(7, "seven")]), "others write again"
    held.set()
    assert over.wait(10) and late
    assert await rows(file, "SELECT * FROM mine") == []


async def test_what_was_written_on_the_way_goes_with_the_rest(store: Store) -> None:
    def work(tx: OpenTx) -> Start:
        tx.write(start(8, "eight"))
        raise ZeroDivisionError

    assert isinstance(await transact(store, work), RolledBack)
    assert await store.runs(RunQuery()) == []


async def test_one_whose_end_is_refused_renews_no_lease(store: Store) -> None:
    await store.write([opening(3)], None)
    before = await store.sessions(live=False)
    of_nobody = Commit(run=8, session=3, turn=1, floor=0)
    verdict = await transact(store, lambda tx: of_nobody, Fence(3, 0, 60_000_000), session=3)
    assert verdict is Refused.STALE
    assert await store.sessions(live=False) == before
