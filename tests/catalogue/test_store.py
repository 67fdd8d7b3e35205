"""The file's making, a file system without locks, a copy made while it runs, an old SQLite (5, 29, 54, 55)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw
import pytest

from dalsegno import receive, step, workflow
from dalsegno.errors import StoreUnreachable, StoreVersion
from dalsegno.store.migrate import Migration, read_migrations
from dalsegno.store.sqlite import SqliteStore, writer
from dalsegno.testing.disk import Disk
from dalsegno.testing.invariants import peek
from dalsegno.testing.power import cuts
from tests.bad_input.kit import ROOT, SOON, assert_tells, beside, working
from tests.helpers.waiting import until
from tests.power.stage import Still


def _with_two_more(dialect: str) -> list[Migration]:
    """Give the migrations that there are, and two made up ones of several statements."""
    found = read_migrations(dialect)
    for text in (
        "CREATE TABLE annex (x INTEGER, y TEXT); CREATE INDEX annex_x ON annex (x); INSERT INTO annex VALUES (1, 'a');",
        "ALTER TABLE annex ADD COLUMN z INTEGER; UPDATE annex SET z = x + 1; CREATE INDEX annex_z ON annex (z);",
    ):
        checksum = hashlib.sha256(text.encode()).hexdigest()[:16]
        found.append(Migration(found[-1].number + 1, "annex", text, checksum))
    return found


@pytest.mark.promise("P1")
@pytest.mark.parametrize("made", [False, True], ids=["a new store", "a store of the version before"])
def test_a_migration_that_was_cut_off_anywhere_is_completed_by_the_next_one_who_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[..., None], made: bool
) -> None:
    disk_path = tmp_path / "play.db"
    if made:
        _open(disk_path)
    monkeypatch.setattr(writer, "read_migrations", _with_two_more)
    disk = Disk(disk_path)
    with disk.mounted():
        schema = _open(disk_path)
    assert ("annex", 1, "a", 2) in schema
    rng = Random(1)
    number = 0
    for number, cut in enumerate(cuts(disk.log, rng, shuffles=1), 1):
        path = tmp_path / f"{number}.db"
        cut.lay(path, rng)
        assert _open(path) == schema, f"{cut.how} after {cut.after}"
    assert number > 30
    count("power cuts", number)


def _open(path: Path) -> list[tuple[object, ...]]:
    """Open and close a store; return its schema, its migrations, and what they have written."""
    store = SqliteStore(str(path), Still(), threaded=False)
    peek(store.open())
    reader = store._reader
    assert reader is not None
    tables = [row[0] for row in reader.execute("SELECT sql FROM sqlite_schema ORDER BY name")]
    rows: list[tuple[object, ...]] = [("schema", *tables)]
    rows += reader.execute("SELECT number, name, checksum FROM migrations ORDER BY number").fetchall()
    if any("annex" in str(sql) for sql in tables):
        rows += [("annex", *row) for row in reader.execute("SELECT * FROM annex")]
    peek(store.close())
    return rows


class NoLocks:
    """SQLite's own way to files that cannot be locked, for everything that is opened meanwhile."""

    def __enter__(self) -> None:
        self._vfs = apsw.VFS("no-locks", "unix-none", makedefault=True)

    def __exit__(self, *_: object) -> None:
        self._vfs.unregister()


def test_a_file_system_without_locks_and_shared_memory_is_refused_by_name(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "a.db"), Still(), threaded=False)
    with NoLocks(), pytest.raises(StoreUnreachable) as caught:
        peek(store.open())
    assert_tells(caught.value, "a.db", "shares no memory", "Put the store on a local disk")
    _open(tmp_path / "a.db")


def test_an_sqlite_that_can_corrupt_a_shared_wal_is_refused_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(StoreVersion) as caught:
        peek(SqliteStore(str(tmp_path / "a.db"), Still(), threaded=False).open())
    assert_tells(caught.value, "3.51.2", "3.51.3", "pip install -U apsw")
    assert not (tmp_path / "a.db").exists()


RAN: list[str] = []


@step
def charge(key: str) -> str:
    RAN.append(key)
    return key


@workflow
def orders(key: str) -> str:
    charge(f"{key} before")
    word = receive(str).result()
    return charge(f"{key} after {word}")


WORKS = """
import sys, threading
from pathlib import Path
from tests.bad_input.kit import working
from tests.catalogue.test_store import orders
with working(Path(sys.argv[1]), orders, lease="1s") as client:
    runs = [client.start(orders, f"o{n}", id=f"o{n}") for n in range(20)]
    for n in range(10):
        runs[n].signal("go")
        runs[n].result(20)
    print("ready", flush=True)
    for n in range(10, 10_000):  # it goes on while the copy is made
        client.start(orders, f"o{n}", id=f"more-{n}")
"""


@pytest.mark.promise("P3", "P4", "P6")
def test_a_copy_that_sqlite_made_while_a_worker_ran_goes_on_from_that_moment(tmp_path: Path) -> None:
    RAN.clear()
    copies = tmp_path / "copies"
    copies.mkdir()
    code = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('VACUUM INTO ?', (sys.argv[2],))"
    with beside(WORKS, str(tmp_path)) as process:
        copied = [sys.executable, "-c", code, str(tmp_path / "bad.db"), str(copies / "bad.db")]
        subprocess.run(copied, check=True, cwd=ROOT)
        assert process.poll() is None
    with working(copies, orders, lease="1s") as client:
        for number in range(20):
            run = client.run(f"o{number}")
            if number >= 10:
                until(lambda run=run: run.status() == "waiting", "it waits")  # type: ignore[misc]
                run.signal("now")
            word = "go" if number < 10 else "now"
            assert run.result(SOON) == f"o{number} after {word}"
    assert [RAN.count(f"o{number} after now") for number in range(10, 20)] == [1] * 10
    assert not [key for key in RAN if key.startswith(("o0 ", "o9 "))], "what had completed ran again"
