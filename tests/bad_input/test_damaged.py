"""Files that are no sound store of ours: refused by name and left as they are (52, 53, and versions)."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from dalsegno import Client, receive, step, workflow
from dalsegno.errors import StoreDamaged, StoreError, StoreUnreachable, StoreVanished, StoreVersion
from tests.bad_input.kit import SOON, assert_tells, beside, working
from tests.helpers.waiting import until


@step
def keep(text: str) -> str:
    return text


@workflow
def waits(text: str) -> str:
    return keep(text) + receive(str).result()


def _filled(folder: Path, runs: int = 40) -> Path:
    """Make a store with some runs in it, closed cleanly."""
    with working(folder, waits) as client:
        for number in range(runs):
            client.start(waits, "x" * 2_000, id=f"run-{number}")
        until(lambda: len(client.runs("waiting", limit=100)) == runs, "all wait")
    path = folder / "bad.db"
    assert not Path(f"{path}-wal").exists()
    return path


def _text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1_000)


def _corrupt_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"SQLite format 4\0" + b"\xff" * 40)


def _zeroed_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def _flipped_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):  # of every page but the first: its header and some cells
        for at in (*range(12), 2_000, 2_001):
            data[page * 4096 + at] ^= 0xA5
    path.write_bytes(data)


def _truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


def _somebody_elses(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE invoices (number INTEGER)")
        other.execute("INSERT INTO invoices VALUES (1)")
        other.commit()


def _with_an_application_id(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA application_id = 1196444487")  # GeoPackage
        other.commit()


def _without_wal(path: Path) -> None:
    Path(f"{path}-shm").write_bytes(bytes(32_768))


DAMAGES = [
    *(_text, _corrupt_header, _zeroed_header, _flipped_bytes, _truncated),
    *(_somebody_elses, _with_an_application_id, _without_wal),
]


def _digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_a_file_that_is_no_sound_store_is_refused_by_name_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = _filled(tmp_path)
    damage(path)
    before = _digest(tmp_path)
    with pytest.raises(StoreDamaged) as caught, working(tmp_path, waits):
        raise AssertionError("it was opened")
    assert_tells(caught.value, str(path))
    after = _digest(tmp_path)
    assert after[path.name] == before[path.name], "not a byte of it was touched"
    assert path.stat().st_size > 0


def test_an_empty_file_is_an_empty_store(tmp_path: Path) -> None:
    (tmp_path / "bad.db").touch()
    with working(tmp_path, waits) as client:
        assert client.runs() == []


def test_a_folder_in_place_of_the_file_or_no_folder_at_all_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.db").mkdir()
    with pytest.raises(StoreError) as caught, working(tmp_path, waits):
        raise AssertionError("it was opened")
    assert_tells(caught.value, "bad.db")
    with pytest.raises(StoreUnreachable) as missing, working(tmp_path / "none" / "such", waits):
        raise AssertionError("it was opened")
    assert_tells(missing.value, "mkdir -p")
    assert not (tmp_path / "none").exists()


@pytest.mark.promise("P1")
def test_a_store_whose_wal_was_taken_away_after_a_crash_is_refused(tmp_path: Path) -> None:
    crashes = f"""
import os, threading
from tests.bad_input.kit import working
from tests.bad_input.test_damaged import waits
from pathlib import Path
with working(Path({str(tmp_path)!r}), waits) as client:
    client.start(waits, "precious", id="precious")
    print("ready", flush=True)
    threading.Event().wait()
"""
    with beside(crashes) as process:
        process.kill()
        process.wait()
    wal = tmp_path / "bad.db-wal"
    assert wal.stat().st_size > 0
    wal.rename(tmp_path / "kept")
    with pytest.raises(StoreDamaged) as caught, working(tmp_path, waits):
        raise AssertionError("it was opened")
    assert_tells(caught.value, "-wal is gone", "would lose them in silence", "Put the -wal file back")
    (tmp_path / "kept").rename(wal)
    with working(tmp_path, waits) as client:
        client.signal("precious", " and found")
        assert client.run("precious").result(SOON) == "precious and found"


# -- while it is open


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    path.with_name("other").touch()
    path.with_name("other").rename(path)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("how", [_delete, _replace], ids=["deleted", "replaced"])
def test_a_store_that_is_gone_while_open_takes_no_commit_any_more_and_says_so(
    tmp_path: Path, how: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bad.db"
    with working(tmp_path, waits) as client:
        client.start(waits, "a", id="a")
        until(lambda: client.run("a").status() == "waiting", "it waits")
        how(path)
        word = "replaced" if path.exists() else "deleted"
        for refused in (
            lambda: client.start(waits, "b", id="b"),
            lambda: client.signal("a", "go"),
            lambda: client.cancel("a"),
        ):
            with pytest.raises(StoreVanished) as caught:
                refused()
            assert_tells(caught.value, str(path), f"was {word} while it was open")
        assert not path.exists() or path.stat().st_size == 0, "nothing was written to the other file"
    assert "while it was open" in caplog.text


# -- versions


def _change(path: Path, statement: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement)


def test_a_store_of_a_newer_dalsegno_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = _filled(tmp_path, runs=1)
    _change(path, "INSERT INTO migrations VALUES (999, 'from_the_future', 'abc', 0)")
    before = _digest(tmp_path)
    with pytest.raises(StoreVersion) as caught, working(tmp_path, waits):
        raise AssertionError("it was opened")
    assert_tells(caught.value, "has schema 999", "Upgrade dalsegno")
    assert _digest(tmp_path) == before


def test_a_store_made_by_another_text_of_a_migration_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = _filled(tmp_path, runs=1)
    _change(path, "UPDATE migrations SET checksum = 'somethingelse' WHERE number = 1")
    before = _digest(tmp_path)
    with pytest.raises(StoreVersion) as caught, working(tmp_path, waits):
        raise AssertionError("it was opened")
    assert_tells(caught.value, "Migration 1", "somethingelse", "restore a backup")
    assert _digest(tmp_path) == before


def test_a_store_that_was_refused_can_be_opened_once_it_is_mended(tmp_path: Path) -> None:
    path = _filled(tmp_path, runs=1)
    sound = path.read_bytes()
    _corrupt_header(path)
    for _ in range(2):
        with pytest.raises(StoreDamaged), working(tmp_path, waits):
            raise AssertionError("it was opened")
    path.write_bytes(sound)

    def finish(client: Client) -> str:
        client.signal("run-0", "!")
        return str(client.run("run-0").result(SOON))

    with working(tmp_path, waits) as client:
        assert finish(client).endswith("x!")
