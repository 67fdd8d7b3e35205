"""Others at the file in the worker's own process: refused by name, and nothing is lost (28, 12)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from dalsegno import Client, step, workflow
from dalsegno.errors import StoreShared
from tests.bad_input.kit import SOON, assert_tells, said, working
from tests.helpers.waiting import until

OPENERS: dict[str, Callable[[Path], Any]] = {
    "sqlite3": sqlite3.connect,
    "sqlite3 by text": lambda path: sqlite3.connect(str(path)),
    "sqlite3 by URI": lambda path: sqlite3.connect(f"file:{path}?mode=ro", uri=True),
    "sqlite3 by a relative path": lambda path: sqlite3.connect(os.path.relpath(path)),
    "sqlite3 by a link": lambda path: sqlite3.connect(path.with_name("link.db")),
    "open": lambda path: path.open("rb"),
    "read": lambda path: path.read_bytes(),
    "os.open": lambda path: os.close(os.open(path, os.O_RDONLY)),
}


@step
def double(number: int) -> int:
    return number * 2


@step
def opens(how: str, path: str) -> str:
    try:
        OPENERS[how](Path(path))
    except StoreShared as error:
        assert_tells(error, "open dalsegno store", "drop our locks", "through the client")
        return "refused"
    return "opened"


@workflow
def doubling(number: int) -> int:
    return double(number)


@workflow
def opening(call: list[str]) -> str:
    return opens(*call)


def _works(client: Client, number: int) -> None:
    assert client.start(doubling, number, id=f"d-{number}").result(SOON) == number * 2


@pytest.mark.promise("P1")
def test_other_openers_of_the_file_are_refused_in_a_step_and_outside_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.db"
    with working(tmp_path, doubling, opening) as client:
        path.with_name("link.db").symlink_to(path)
        _works(client, 0)
        for number, (how, opener) in enumerate(OPENERS.items(), 1):
            with pytest.raises(StoreShared) as caught:
                opener(path)
            assert_tells(caught.value, "bad.db" if "link" not in how else "link.db")
            assert client.start(opening, [how, str(path)]).result(SOON) == "refused", how
            _works(client, number)
    with closing(sqlite3.connect(path)) as after:  # closed: whoever likes may read it
        (completed,) = after.execute("SELECT count(*) FROM runs WHERE status = 'completed'").fetchone()
    assert completed == 1 + 2 * len(OPENERS)


def test_another_database_beside_it_may_be_opened_freely(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with working(tmp_path, doubling) as client:
        with closing(sqlite3.connect(tmp_path / "other" / "bad.db")) as other:
            other.execute("CREATE TABLE t (x)")
        sqlite3.connect(":memory:").close()
        (tmp_path / "bad.db.txt").write_text("a neighbour")
        _works(client, 1)


def test_a_second_app_on_the_same_file_in_one_process_is_refused_by_name(tmp_path: Path) -> None:
    with working(tmp_path, doubling) as client:
        with pytest.raises(StoreShared), working(tmp_path, doubling):
            raise AssertionError("it was opened")
        _works(client, 1)
    with working(tmp_path, doubling) as client:
        _works(client, 2)


@pytest.mark.promise("P1")
def test_a_descriptor_that_no_audit_told_of_stops_commits_before_its_closing_can_hurt(
    tmp_path: Path,
) -> None:
    with working(tmp_path, doubling) as client:
        _works(client, 1)
        foreign = apsw.Connection(str(tmp_path / "bad.db"))  # our own library: no audit event
        try:
            foreign.execute("SELECT count(*) FROM runs").fetchall()
            heard: list[StoreShared] = []

            def refused() -> bool:
                try:
                    client.start(doubling, 1)
                except StoreShared as error:
                    heard.append(error)
                return bool(heard)

            until(refused, "commits are refused")
            assert_tells(heard[0], "bad.db", "descriptor", "Commits are refused")
        finally:
            foreign.close()
    with working(tmp_path, doubling) as client:
        _works(client, 2)


FORKS = """
import os, sys
from pathlib import Path
from dalsegno.errors import StoreShared
from tests.bad_input.kit import address
from tests.bad_input.test_shared import doubling
from dalsegno import App
import asyncio

app = App("bad", include=[doubling], store=address(Path(sys.argv[1])))
runtime = app.runtime(worker=False)

async def main():
    client = await runtime.open()
    await client.start(doubling, 1, id="parents")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            runtime.store.file.check()
            told = "nothing"
        except StoreShared as error:
            told = str(error)
        os.write(write, told.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    print(os.read(read, 4096).decode())
    await client.start(doubling, 2, id="parents-2")
    await runtime.close()
    print("the parent goes on")

asyncio.run(main())
"""


def test_a_fork_after_opening_is_refused_in_the_child_and_the_parent_goes_on(tmp_path: Path) -> None:
    told = said(FORKS, str(tmp_path))
    assert "by fork" in told and "Open the App after forking" in told
    assert told.endswith("the parent goes on")
    with working(tmp_path, doubling) as client:
        assert client.run("parents-2").result(SOON) == 4


def test_the_store_may_be_named_by_a_relative_path_and_is_still_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with working("sqlite:///bad.db", doubling) as client:
        with pytest.raises(StoreShared):
            sqlite3.connect(tmp_path / "bad.db")
        _works(client, 1)
