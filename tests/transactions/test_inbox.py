"""The inbox: rows in another database are written once, however often a reaction is tried."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from dalsegno import App, Retry, Service, event, inbox, step, step_info, workflow
from dalsegno.core.clock import pause
from dalsegno.errors import DefinitionError, InvalidInput, NotInRun

pytestmark = pytest.mark.promise("P8")


class Formatted:
    """A DB-API connection of a module whose parameters are %s, as psycopg's are; sqlite3 does the work."""

    def __init__(self, path: str) -> None:
        self.real = sqlite3.connect(path)

    def cursor(self) -> Any:
        real = self.real.cursor()

        class Cursor:
            rowcount = property(lambda self: real.rowcount)
            close = staticmethod(real.close)

            def execute(self, sql: str, parameters: Any) -> None:
                assert "?" not in sql
                real.execute(sql.replace("%s", "?"), parameters)

        return Cursor()

    def commit(self) -> None:
        self.real.commit()

    def rollback(self) -> None:
        self.real.rollback()

    def close(self) -> None:
        self.real.close()


paramstyle = "pyformat"  # of this module, as the DB-API has it
Formatted.__module__ = __name__


class Apsw:
    """apsw, which knows transactions by SQL alone."""

    def __init__(self, path: str) -> None:
        self.real = apsw.Connection(path)

    def begin(self) -> Any:
        if not self.real.in_transaction:
            self.real.execute("BEGIN IMMEDIATE")
        return self.real


def in_sqlite3(path: str) -> Any:
    return sqlite3.connect(path)


def in_sqlalchemy(path: str) -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    return sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.pool.NullPool).connect()


def in_a_session(path: str) -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    orm = pytest.importorskip("sqlalchemy.orm")
    return orm.Session(sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.pool.NullPool))


@pytest.fixture(params=[in_sqlite3, in_sqlalchemy, in_a_session, Formatted])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    return lambda: request.param(f"{tmp_path}/theirs.db")


@pytest.fixture
def connection(connect: Callable[[], Any]) -> Iterator[Any]:
    opened = connect()
    inbox.create(opened)
    opened.commit()
    yield opened
    opened.close()


def test_a_key_is_noted_once(connection: Any) -> None:
    assert inbox.once(connection, "order-1/paid")
    assert not inbox.once(connection, "order-1/paid")
    assert inbox.once(connection, "order-2/paid")


def test_the_note_is_the_transactions(connection: Any, connect: Callable[[], Any]) -> None:
    assert inbox.once(connection, "1")
    connection.rollback()
    assert inbox.once(connection, "1"), "it was rolled back with the rows"
    connection.commit()
    other = connect()
    assert not inbox.once(other, "1")
    other.rollback()
    other.close()


def test_the_table_is_created_where_it_is_missing(connection: Any) -> None:
    inbox.once(connection, "1")
    inbox.create(connection)
    assert not inbox.once(connection, "1")


def test_old_notes_are_forgotten(connection: Any) -> None:
    for key in ("1", "2"):
        inbox.once(connection, key)
    assert inbox.forget(connection, "1d") == 0
    pause(0.01)
    assert inbox.forget(connection, "1ms") == 2
    assert inbox.once(connection, "1")


def test_apsw_is_a_connection_too(tmp_path: Path) -> None:
    theirs = Apsw(f"{tmp_path}/theirs.db")
    inbox.create(theirs.begin())
    assert inbox.once(theirs.begin(), "1") and not inbox.once(theirs.begin(), "1")
    theirs.real.execute("ROLLBACK")
    inbox.create(theirs.begin())
    assert inbox.once(theirs.begin(), "1")
    theirs.real.execute("ROLLBACK")
    theirs.real.close()


@pytest.mark.parametrize("wrong", ["", "x" * 513, 7, object()])
def test_a_key_is_text_of_bounded_length(connection: Any, wrong: Any) -> None:
    with pytest.raises((InvalidInput, DefinitionError)):
        inbox.once(connection, wrong)


class Awaited(Formatted):
    """One that is awaited."""

    async def commit(self) -> None: ...


def test_what_is_no_connection_is_refused(tmp_path: Path) -> None:
    awaited = Awaited(f"{tmp_path}/theirs.db")
    for wrong in (object(), awaited):
        with pytest.raises(InvalidInput, match="no connection"):
            inbox.once(wrong, "1")
    awaited.close()


def test_outside_a_handler_and_a_step_a_key_is_needed(connection: Any) -> None:
    with pytest.raises(NotInRun, match="without a key"):
        inbox.once(connection)


# -- in handlers and steps


@event("Paid", version=1, key="id")
@dataclass
class Paid:
    id: str


class Theirs:
    """A ledger in another database, and how often somebody came to write in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls = 0
        with sqlite3.connect(path) as connection:
            inbox.create(connection)
            connection.execute("CREATE TABLE ledger (id TEXT)")
        connection.close()

    def write(self, what: str, key: Any = None) -> None:
        self.calls += 1
        with sqlite3.connect(self.path) as connection:
            if inbox.once(connection, key):
                connection.execute("INSERT INTO ledger VALUES (?)", (what,))
        connection.close()
        if step_info().attempt == 1 and not step_info().batch:
            raise ValueError("after the commit")

    @property
    def rows(self) -> list[str]:
        with sqlite3.connect(self.path) as connection:
            found = [row[0] for row in connection.execute("SELECT id FROM ledger ORDER BY id")]
        connection.close()
        return found


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        pause(0.01)
    raise AssertionError("it never came to that")


def test_a_reaction_that_fails_after_its_commit_writes_its_rows_once(tmp_path: Path) -> None:
    theirs, books = Theirs(tmp_path / "theirs.db"), Service("books")

    @books.on(attempts=3)
    def book(paid: Paid) -> None:
        theirs.write(paid.id, paid)

    with App("shop", include=[books], store=f"sqlite:///{tmp_path}/a.db") as client:
        client.emit(Paid("1"), Paid("2"))
        until(lambda: theirs.calls == 4)
        until(lambda: all(run.status == "completed" for run in client.runs()))
    assert theirs.rows == ["1", "2"]


def test_a_step_that_fails_after_its_commit_writes_its_rows_once(tmp_path: Path) -> None:
    theirs = Theirs(tmp_path / "theirs.db")

    @step(retry=Retry(attempts=3, first="1ms"))
    def book(id: str) -> None:
        theirs.write(id)

    @workflow
    def pay(id: str) -> None:
        book(id)

    with App("shop", include=[pay], store="memory:") as client:
        client.start(pay, "1").result("10s")
    assert theirs.calls == 2 and theirs.rows == ["1"]


def test_in_a_batch_each_event_names_its_key(tmp_path: Path) -> None:
    theirs, books = Theirs(tmp_path / "theirs.db"), Service("books")
    refused: list[str] = []

    @books.on(batch=10, linger="10ms")
    def book(many: list[Paid]) -> None:
        if step_info().batch:
            with (
                sqlite3.connect(theirs.path) as connection,
                pytest.raises(InvalidInput, match="in a batch") as error,
            ):
                inbox.once(connection)
            connection.close()
            refused.append(error.value.what)
        for paid in many:
            theirs.write(paid.id, f"{paid.id}/paid")

    with App("shop", include=[books], store="memory:") as client:
        client.emit(Paid("1"), Paid("2"), Paid("3"))
        until(lambda: theirs.rows == ["1", "2", "3"])
    assert refused
