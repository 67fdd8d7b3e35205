"""A file that others hold: locked for writing, pinned by a reader, shared by two programs (28, 48-50)."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from dalsegno import receive, step, workflow
from dalsegno.errors import StoreBusy
from dalsegno.store.sqlite import file as sqlite_file
from tests.bad_input.kit import SOON, assert_tells, beside, working
from tests.helpers.waiting import until

HOLDER = """
import apsw, sys
held = apsw.Connection(sys.argv[1])
held.setbusytimeout(5000)
held.execute(sys.argv[2]).fetchall()
rows = held.execute("SELECT * FROM runs")
next(rows, None)  # a read that has begun and does not end
print("ready", flush=True)
sys.stdin.readline()
"""
SHARER = """
import sys
from pathlib import Path
from tests.bad_input.kit import working
from tests.bad_input.test_held import greet
with working(Path(sys.argv[1]), greet) as client:
    mine = [client.start(greet, number, id=f"theirs-{number}") for number in range(50)]
    print("ready", flush=True)
    sys.stdin.readline()
    for run in mine:
        run.result(20)
    client.signal("mine-0", "from the other side", name="word")
    print("done", flush=True)
    sys.stdin.readline()
"""


@step
def double(number: int) -> int:
    return number * 2


@workflow
def greet(number: int) -> int:
    return double(number)


@workflow
def hears(number: int) -> str:
    return f"{number} {receive(str, name='word').result()}"


def _let_go(process: Any) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.2)


@pytest.mark.usefixtures("_short_patience")
def test_while_another_process_holds_the_write_lock_work_waits_and_then_goes_on(tmp_path: Path) -> None:
    with working(tmp_path, greet, hears, patience=0.3, lease="1s") as client:
        waiting = client.start(hears, 1)
        until(lambda: waiting.status() == "waiting", "it waits")
        with beside(HOLDER, str(tmp_path / "bad.db"), "BEGIN IMMEDIATE") as holder:
            for refused in (
                lambda: client.start(greet, 1, id="late"),
                lambda: waiting.signal("go", name="word"),
            ):
                with pytest.raises(StoreBusy) as caught:
                    refused()
                assert_tells(caught.value, "bad.db", f"process {holder.pid}")
                assert caught.value.holder == holder.pid  # type: ignore[attr-defined]
            assert waiting.status() == "waiting", "reading goes on"
            _let_go(holder)
            holder.wait(SOON)
        assert client.start(greet, 4, id="late").result(SOON) == 8
        waiting.signal("go", name="word", id="again")
        assert waiting.result(SOON) == "1 go"


@pytest.mark.usefixtures("_short_patience")
def test_a_step_that_ends_while_the_store_is_held_is_written_when_it_is_free(tmp_path: Path) -> None:
    ran: list[int] = []
    begun, go = threading.Event(), threading.Event()

    @step(name="s")
    def held() -> int:
        ran.append(1)
        begun.set()
        go.wait(SOON)
        return 7

    @workflow(name="w")
    def body() -> int:
        return held()

    with working(tmp_path, body, greet, patience=0.2, lease="1s") as client:
        run = client.start(body)
        assert begun.wait(SOON)
        with beside(HOLDER, str(tmp_path / "bad.db"), "BEGIN IMMEDIATE") as holder:
            go.set()
            with pytest.raises(StoreBusy):  # by then the step's end waits as well
                client.start(greet, 1)
            assert run.status() in ("pending", "running")
            _let_go(holder)
            holder.wait(SOON)
        assert run.result(SOON) == 7
    assert ran == [1], "it did not run again"


def test_a_lock_that_is_held_for_a_moment_is_waited_for_without_a_word(tmp_path: Path) -> None:
    path = str(tmp_path / "bad.db")
    with working(tmp_path, greet) as client, beside(HOLDER, path, "BEGIN IMMEDIATE") as holder:
        threading.Timer(0.3, _let_go, [holder]).start()
        assert client.start(greet, 3).result(SOON) == 6
        holder.wait(SOON)


def test_every_transaction_that_writes_takes_the_write_lock_at_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[tuple[int, str]] = []
    connect = sqlite_file.StoreFile.connect

    def traced(self: Any, *, writes: bool) -> apsw.Connection:
        connection = connect(self, writes=writes)

        def note(_: object, sql: str, __: object) -> bool:
            statements.append((id(connection), " ".join(sql.split())))
            return True

        connection.exec_trace = note
        return connection

    monkeypatch.setattr(sqlite_file.StoreFile, "connect", traced)
    with working(tmp_path, greet, hears) as client:
        runs = [client.start(greet, number) for number in range(20)]
        assert [run.result(SOON) for run in runs] == [number * 2 for number in range(20)]
        run = client.start(hears, 1)
        run.signal("go", name="word")
        run.result(SOON)
        client.cancel(client.start(hears, 2).id)
    begins = [sql for _, sql in statements if re.match(r"(BEGIN|SAVEPOINT)", sql)]
    assert len(begins) > 10 and set(begins) == {"BEGIN IMMEDIATE"}
    writers = {who for who, sql in statements if re.match(r"(INSERT|UPDATE|DELETE|REPLACE|CREATE)", sql)}
    assert len(writers) == 1, "one connection writes"
    inside = False
    for who, sql in statements:
        if who not in writers:
            continue
        if sql.startswith("BEGIN"):
            inside = True
        elif sql.startswith(("COMMIT", "ROLLBACK")):
            inside = False
        elif re.match(r"(INSERT|UPDATE|DELETE|REPLACE|CREATE)", sql):
            assert inside, f"written outside a transaction: {sql}"


def test_a_reader_that_does_not_end_holds_up_no_work_and_the_wal_shrinks_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_file, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite_file, "LARGE_WAL_PAGES", 100)
    caplog.set_level("WARNING", "dalsegno.store")
    waits: list[int] = []
    busy = sqlite_file.StoreFile._busy

    def noted(file: sqlite_file.StoreFile, tries: int) -> bool:
        waited = busy(file, tries)
        waits.extend([tries] * waited)
        return waited

    monkeypatch.setattr(sqlite_file.StoreFile, "_busy", noted)
    wal = tmp_path / "bad.db-wal"
    with working(tmp_path, greet, lease="1s") as client:
        client.start(greet, 0, id="first").result(SOON)
        with beside(HOLDER, str(tmp_path / "bad.db"), "BEGIN") as reader:
            waits.clear()
            for number in range(120):
                assert client.start(greet, number).result(SOON) == number * 2
            assert not waits, "a commit waited for the reader"
            pinned = wal.stat().st_size
            assert pinned > 100 * 4096, "it cannot shrink while somebody reads"
            _let_go(reader)
            reader.wait(SOON)

        def shrunk() -> bool:
            client.start(greet, 1).result(SOON)
            return wal.stat().st_size < pinned // 2

        until(shrunk, "the WAL is truncated")
    said = [record for record in caplog.records if "a long read keeps it" in record.getMessage()]
    assert len(said) == 1, "it is said once, not at each commit"


def test_two_programs_with_a_worker_each_share_one_file(tmp_path: Path) -> None:
    with working(tmp_path, greet, hears) as client:
        mine = [client.start(hears, number, id=f"mine-{number}") for number in range(2)]
        with beside(SHARER, str(tmp_path)) as other:
            runs = [client.start(greet, number, id=f"ours-{number}") for number in range(50)]
            _let_go(other)
            assert [run.result(SOON) for run in runs] == [number * 2 for number in range(50)]
            assert other.stdout is not None and other.stdout.readline() == "done\n"
            assert client.run("theirs-7").result(SOON) == 14
            assert mine[0].result(SOON) == "0 from the other side"
            _let_go(other)
            other.wait(SOON)
        mine[1].signal("and go on alone", name="word")
        assert mine[1].result(SOON) == "1 and go on alone"
        assert len(client.runs("completed", limit=500)) == 102
