"""The disk itself: it loses what a real one may lose, and nothing else; it fails when it is told to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import apsw
import pytest

from dalsegno.testing.disk import Action, Change, Disk, Operation
from dalsegno.testing.power import SECTOR, Cut, Platter, Survival, cuts, everything, nothing, shuffled

W, S, T, O, D = Action.WRITE, Action.SYNC, Action.TRUNCATE, Action.OPEN, Action.DELETE


THERE = Change(O, "", data=b"a" * 4 * SECTOR)
A = THERE.data


def _left(*log: Change, survives: Survival = nothing, names: float = 0.0) -> dict[str, bytes]:
    platter = Platter()
    for change in (THERE, *log):
        platter.take(change)
    return platter.left(survives, names)


def _shuffles(*log: Change) -> list[bytes]:
    rng = Random(1)
    return [_left(*log, survives=lambda loose: shuffled(loose, rng))[""] for _ in range(60)]


def test_what_was_synced_is_there_and_what_was_not_may_be_gone() -> None:
    log = [Change(W, "", 0, b"b"), Change(S, ""), Change(W, "", 1, b"c")]
    assert _left(*log) == {"": b"b" + A[1:]}
    assert _left(*log, survives=everything) == {"": b"bc" + A[2:]}
    assert _left(log[0]) == {"": A}


def test_sectors_of_one_write_survive_each_for_itself_and_nothing_beside_it_is_touched() -> None:
    shapes = set()
    for content in _shuffles(Change(W, "", SECTOR // 2, b"b" * 2 * SECTOR)):
        assert len(content) == 4 * SECTOR
        assert set(content[: SECTOR // 2]) == set(content[SECTOR * 5 // 2 :]) == {ord("a")}
        shapes.add(tuple(content[at] == ord("b") for at in (SECTOR // 2, SECTOR, 2 * SECTOR)))
    assert (False, True, False) in shapes and (True, False, True) in shapes, (
        "later ones may outrun earlier ones"
    )


def test_a_sector_may_be_torn_and_end_in_rubbish() -> None:
    sectors = {content[:SECTOR] for content in _shuffles(Change(W, "", 0, b"b" * 4 * SECTOR))}
    assert sectors - {A[:SECTOR], b"b" * SECTOR}


def test_a_file_that_grew_may_have_holes_and_a_truncation_may_not_have_happened() -> None:
    log = [Change(T, "", 0), Change(W, "", 2 * SECTOR, b"b" * SECTOR)]
    assert _left(*log, survives=everything) == {"": bytes(2 * SECTOR) + b"b" * SECTOR}
    assert any(content[:SECTOR] == A[:SECTOR] for content in _shuffles(*log)), "it was not truncated"


def test_a_name_is_there_for_sure_once_its_folder_was_synced_and_a_deleted_one_may_come_back() -> None:
    made = [Change(O, "-wal"), Change(W, "-wal", 0, b"w")]
    assert _left(*made) == _left(*made, Change(S, "-wal")) == {"": A}
    assert _left(*made, Change(S, "-wal"), names=1.0) == {"": A, "-wal": b"w"}
    gone = [*made, Change(S, "-wal", folder=True), Change(D, "-wal")]
    assert _left(*gone) == {"": A, "-wal": b"w"}
    assert _left(*gone, names=1.0) == {"": A}
    assert _left(*gone[:-1], Change(D, "-wal", folder=True)) == {"": A}


def test_a_sync_that_failed_has_lost_its_data_for_good() -> None:
    log = [Change(W, "", 0, b"b"), Change(S, "", lost=True), Change(W, "", 1, b"c"), Change(S, "")]
    assert _left(*log, survives=everything) == {"": b"ac" + A[2:]}


def test_the_power_is_cut_behind_every_change_and_no_two_cuts_leave_the_same() -> None:
    log = [THERE, *(Change(W, "", number * SECTOR, bytes([number])) for number in range(4)), Change(S, "")]
    found = list(cuts(log, Random(1), shuffles=0))
    assert [(cut.after, cut.how) for cut in found] == [
        *((2, "nothing"), (2, "everything"), (3, "everything"), (4, "everything"), (5, "everything"))
    ]
    assert len({cut.files[""] for cut in found}) == len(found)


def test_databases_on_the_disk_share_memory_and_locks_with_connections_and_other_processes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    disk = Disk(path)
    with disk.mounted():
        one, two = apsw.Connection(str(path)), apsw.Connection(str(path))
        one.execute("PRAGMA journal_mode = WAL").fetchall()
        one.execute("CREATE TABLE t (x)").fetchall()
        assert two.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
        one.execute("BEGIN IMMEDIATE").fetchall()
        code = (
            "import apsw, sys; c = apsw.Connection(sys.argv[1])\n"
            "try: c.execute('INSERT INTO t VALUES (1)')\n"
            "except apsw.BusyError: print('busy')\n"
            "print(c.execute('SELECT count(*) FROM t').fetchall())"
        )
        said = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        ).stdout
        assert said == "busy\n[(0,)]\n"
        one.execute("INSERT INTO t VALUES (2)").fetchall()
        one.execute("COMMIT").fetchall()
        assert two.execute("SELECT x FROM t").fetchall() == [(2,)]
        two.close()
        one.close()
    assert apsw.vfs_names()[0] == "unix", "it is the system's disk again"
    assert {change.file for change in disk.log} == {"", "-wal", "-journal"}


def test_it_fails_the_operation_that_it_is_told_to_and_a_write_that_fails_has_written_half(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    disk = Disk(path)
    asked: list[Operation] = []

    def full_at_the_first_write(operation: Operation) -> apsw.Error | None:
        asked.append(operation)
        return apsw.FullError("no space") if operation.action is W and operation.file == "" else None

    with disk.mounted():
        connection = apsw.Connection(str(path))
        disk.fault = full_at_the_first_write
        with pytest.raises(apsw.FullError):
            connection.execute("CREATE TABLE t (x)").fetchall()
        numbers = [operation.number for operation in asked]
        assert numbers == list(range(numbers[0], disk.operations + 1))
        with disk.spared():
            connection.execute("CREATE TABLE t (x)").fetchall()
        assert asked[-1].number == disk.operations
        connection.close()
    assert any(change.action is W and len(change.data) == 2_048 for change in disk.log)


def test_a_cut_is_laid_where_a_store_may_open_it_with_rubbish_for_shared_memory(tmp_path: Path) -> None:
    Cut(1, "nothing", {"": b"db", "-wal": b"wal"}).lay(tmp_path / "a", Random(1))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "a-shm", "a-wal"]
    Cut(1, "nothing", {"": b"db"}).lay(tmp_path / "b", Random(1))
    assert sorted(file.name for file in tmp_path.glob("b*")) == ["b"]
