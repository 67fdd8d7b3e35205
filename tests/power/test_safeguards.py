"""Each safeguard between us and SQLite, and what is seen at once when it is taken away."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Generator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from dalsegno.core.commit import (
    Claimed,
    Commit,
    Committed,
    Failed,
    Refused,
    Send,
    Sent,
    SentHow,
    Start,
    Started,
)
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.writes import Verdict
from dalsegno.errors import StoreDamaged, StoreError, StoreShared, StoreVanished
from dalsegno.store import verbs
from dalsegno.store.sqlite import SqliteStore
from dalsegno.store.sqlite import file as sqlite_file
from dalsegno.store.sqlite.writer import Writer
from dalsegno.testing.conformance.world import SetClock
from dalsegno.testing.invariants import peek
from tests.power.script import RUNS, life, live
from tests.power.stage import holdings

pytestmark = pytest.mark.promise("P1", "P3", "P5")

Patch = pytest.MonkeyPatch


class Wrapped:
    """A connection of a store whose statements can be changed, or looked at, on their way."""

    def __init__(self, connection: apsw.Connection, execute: Callable[..., Any]) -> None:
        self._connection = connection
        self._execute = execute

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self._execute(self._connection, sql, *parameters)

    def cursor(self) -> Any:
        cursor = self._connection.cursor()
        return Wrapped(cursor, self._execute)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def wrap(patch: Patch, execute: Callable[..., Any]) -> None:
    """Let the connections of stores that are opened from now on run their statements by ``execute``."""
    connect = sqlite_file.StoreFile.connect
    patch.setattr(
        sqlite_file.StoreFile,
        "connect",
        lambda self, *, writes: Wrapped(connect(self, writes=writes), execute),
    )


@contextlib.contextmanager
def opened(path: Path) -> Generator[SqliteStore]:
    store = SqliteStore(str(path), SetClock(boot=0), threaded=False)
    peek(store.open())
    try:
        yield store
    finally:
        peek(store.close())


def start(number: int) -> Start:
    return Start(number, "default", f"run-{number}", "order", "1", b"x" * 300)


# -- probes: each passes on the store as it is


def nobody_writes_between_two_statements_of_a_group(path: Path, patch: Patch) -> None:
    tried: list[str] = ["opening"]

    def execute(connection: Any, sql: str, *parameters: Any) -> Any:
        if sql.startswith("SELECT"):
            looked.append(sql)
        elif looked and not tried:
            with contextlib.suppress(apsw.BusyError):
                tried.append("refused")
                other.execute("UPDATE runs SET changed_at = changed_at + 1").fetchall()
                tried.append("written")
        return connection.execute(sql, *parameters)

    looked: list[str] = []
    with opened(path) as store:
        peek(store.write([start(1)]))
    wrap(patch, execute)
    with opened(path) as store:
        other = apsw.Connection(str(path))
        looked.clear()
        tried.clear()
        try:
            verdict = peek(store.write([Send(Kind.SIGNAL, run=1, name="Paid")]))[0]
        finally:
            other.close()
        assert isinstance(verdict, Sent) and verdict.how is SentHow.ACCEPTED
    assert tried == ["refused"]


def a_lock_held_for_a_moment_is_waited_for(path: Path, patch: Patch) -> None:
    with opened(path) as store:
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE").fetchall()
        letting_go = threading.Timer(0.1, lambda: other.execute("COMMIT").fetchall())
        letting_go.start()
        try:
            assert isinstance(peek(store.write([start(1)]))[0], Started)
        finally:
            letting_go.join()
            other.close()


def a_commit_whose_reply_was_lost_is_not_made_twice(path: Path, patch: Patch) -> None:
    with opened(path.with_name("clean.db")) as store:
        answers, _ = peek(live(store, life()))
        wanted = holdings(store)
    for lost in range(len(life())):
        losing = LosesAReply()
        with patch.context() as within:
            wrap(within, losing.execute)
            with opened(path.with_name(f"lost-{lost}.db")) as store:
                losing.left = lost
                again, errors = peek(live(store, life()))
                assert errors == ["StoreUnreachable"]
                assert _told(again) == _told(answers), f"the reply to group {lost} was lost"
                assert holdings(store) == wanted, f"the reply to group {lost} was lost"


class LosesAReply:
    """Lets a COMMIT be done, and says that it failed, after ``left`` others; with -1 none."""

    def __init__(self) -> None:
        self.left = -1

    def execute(self, connection: Any, sql: str, *parameters: Any) -> Any:
        done = connection.execute(sql, *parameters)
        if sql == "COMMIT":
            self.left -= 1
            if self.left == -1:
                raise apsw.IOError("the reply is lost")
        return done


def _told(answers: list[list[Verdict]]) -> list[Any]:
    """Tell what a session was told of its commits and claims; what else repeats may say that it does."""
    told: list[Any] = []
    for verdict in chain.from_iterable(answers):
        if isinstance(verdict, Claimed):
            told.append(sorted(run.number for run in verdict.runs))
        elif isinstance(verdict, Committed | Refused | Failed):
            told.append(verdict)
    return told


def a_group_that_failed_leaves_no_transaction_behind(path: Path, patch: Patch) -> None:
    def execute(connection: Any, sql: str, *parameters: Any) -> Any:
        if failing and "INSERT INTO runs" in sql:
            raise apsw.BusyError("for once")
        return connection.execute(sql, *parameters)

    failing = False
    wrap(patch, execute)
    with opened(path) as store:
        failing = True
        with pytest.raises(Exception, match="locked for writing"):
            peek(store.write([start(1)]))
        failing = False
        try:
            assert isinstance(peek(store.write([start(2)]))[0], Started)
        except apsw.SQLError as error:
            raise AssertionError(str(error)) from error


def an_item_that_fails_harms_no_other_and_leaves_nothing(path: Path, patch: Patch) -> None:
    with opened(path) as store:
        peek(live(store, life()[:3]))
        session, run = 1, RUNS[0]
        entries = tuple(Entry(position, Kind.STEP, 1, "s") for position in (1, 1))
        bad = Commit(run, session, 1, 0, entries)
        verdicts = peek(store.write([start(50), bad, start(51)]))
        assert [type(verdict) for verdict in verdicts] == [Started, Failed, Started]
        assert peek(store.journal(run)) == [], "half of it is there"


def rows_that_were_taken_away_with_the_wal_are_missed(path: Path, patch: Patch) -> None:
    copy = path.with_name("copy.db")
    with opened(path) as store:
        peek(store.write([start(1)]))
        for suffix in ("", "-shm"):  # and not the -wal
            _copy(f"{path}{suffix}", f"{copy}{suffix}")
    with pytest.raises(StoreDamaged), opened(copy):
        pass


def _copy(path: str, copy: str) -> None:
    """Copy it from outside: in this process its opening would be refused."""
    subprocess.run(["cp", path, copy], check=True)


def nobody_else_in_this_process_drops_our_locks(path: Path, patch: Patch) -> None:
    with opened(path) as store:
        peek(store.write([start(1)]))
        before = _locks_on(path)
        assert before, "a connection in WAL mode holds a shared lock"
        with contextlib.suppress(StoreShared):
            sqlite3.connect(path).close()
        with contextlib.suppress(StoreShared):
            path.read_bytes()
        assert _locks_on(path) == before


def _locks_on(path: Path) -> int:
    inode, pid = path.stat().st_ino, str(os.getpid())
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return sum(line[-3].endswith(f":{inode}") and line[-4] == pid for line in lines)


def nothing_is_committed_to_a_file_that_is_gone(path: Path, patch: Patch) -> None:
    with opened(path) as store:
        path.unlink()
        with pytest.raises(StoreVanished):
            peek(store.write([start(1)]))


def a_damaged_page_is_seen_before_anything_is_served(path: Path, patch: Patch) -> None:
    with opened(path):
        pass
    empty = path.stat().st_size
    with opened(path) as store:
        peek(store.write([start(number) for number in range(1, 60)]))
    content = bytearray(path.read_bytes())
    for page in range(empty // 4096, len(content) // 4096):  # none that opening looks at in any case
        content[page * 4096 : page * 4096 + 12] = bytes(12)
    path.write_bytes(content)
    with pytest.raises(StoreDamaged), opened(path):
        pass


def another_programs_database_is_left_alone(path: Path, patch: Patch) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE invoices (x)")
    with pytest.raises(StoreDamaged), opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


def the_wal_is_brought_back_into_the_file_as_it_grows(path: Path, patch: Patch) -> None:
    patch.setattr(sqlite_file, "CHECKPOINT_PAGES", 10)
    with opened(path) as store:
        for number in range(1, 120):
            peek(store.write([start(number)]))
        assert store.file.sizes()[1] < 100 * 4096


# -- the switches


def _statements(change: Callable[[str], str | None]) -> Callable[[Patch], None]:
    """Change a statement on its way, or leave it out."""

    def off(patch: Patch) -> None:
        wrapped = Wrapped.execute

        def execute(self: Wrapped, sql: str, *parameters: Any) -> Any:
            changed = change(sql)
            return wrapped(self, "SELECT 1" if changed is None else changed, *(parameters if changed else ()))

        wrap(patch, lambda connection, sql, *parameters: connection.execute(sql, *parameters))
        patch.setattr(Wrapped, "execute", execute)

    return off


def _without(owner: Any, name: str) -> Callable[[Patch], None]:
    def off(patch: Patch) -> None:
        patch.setattr(owner, name, lambda *_, **__: None)

    return off


def _no_count(patch: Patch) -> None:
    def hold(fence: Any, now: Any) -> Generator[Any, Any, Any]:
        if fence is not None:
            yield "beat", (fence.session, now.lease + fence.lease, fence.loop_turn_at)
        return verbs.Standing.HELD

    patch.setattr(verbs, "hold", hold)


def _no_busy_handler(patch: Patch) -> None:
    patch.setattr(sqlite_file.StoreFile, "_busy", lambda self, tries: False)


def _no_checkpoint(patch: Patch) -> None:
    patch.setattr(sqlite_file.StoreFile, "_checkpoint", lambda *_: apsw.SQLITE_OK)


class Safeguard(NamedTuple):
    probe: Callable[[Path, Patch], None]
    off: Callable[[Patch], None]


SAFEGUARDS = {
    "BEGIN IMMEDIATE": Safeguard(
        nobody_writes_between_two_statements_of_a_group,
        _statements(lambda sql: sql.replace("BEGIN IMMEDIATE", "BEGIN")),
    ),
    "waiting for the lock": Safeguard(a_lock_held_for_a_moment_is_waited_for, _no_busy_handler),
    "counting a session's commits": Safeguard(a_commit_whose_reply_was_lost_is_not_made_twice, _no_count),
    "rolling back": Safeguard(
        a_group_that_failed_leaves_no_transaction_behind, _without(Writer, "_roll_back")
    ),
    "a savepoint for each item": Safeguard(
        an_item_that_fails_harms_no_other_and_leaves_nothing,
        _statements(lambda sql: None if sql == "ROLLBACK TO item" else sql),
    ),
    "looking for the -wal": Safeguard(
        rows_that_were_taken_away_with_the_wal_are_missed,
        _without(sqlite_file.StoreFile, "refuse_orphaned_wal"),
    ),
    "guarding the file in this process": Safeguard(
        nobody_else_in_this_process_drops_our_locks, _without(sqlite_file.OpenGuard, "protect")
    ),
    "looking at the inode": Safeguard(
        nothing_is_committed_to_a_file_that_is_gone, _without(sqlite_file.StoreFile, "_refuse_replaced")
    ),
    "a quick check at opening": Safeguard(
        a_damaged_page_is_seen_before_anything_is_served,
        lambda patch: patch.setattr(sqlite_file, "QUICK_CHECK_BYTES", 0),
    ),
    "the application id": Safeguard(
        another_programs_database_is_left_alone, _without(sqlite_file.StoreFile, "_settle")
    ),
    "checkpoints": Safeguard(the_wal_is_brought_back_into_the_file_as_it_grows, _no_checkpoint),
}


@pytest.mark.parametrize("name", SAFEGUARDS)
def test_a_safeguard_holds_and_is_missed_when_it_is_taken_away(
    tmp_path: Path, monkeypatch: Patch, count: Callable[..., None], name: str
) -> None:
    safeguard = SAFEGUARDS[name]
    for kind in ("with", "without"):
        (tmp_path / kind).mkdir()
    with monkeypatch.context() as patch:
        safeguard.probe(tmp_path / "with" / "a.db", patch)
    with monkeypatch.context() as patch:
        safeguard.off(patch)
        with pytest.raises((AssertionError, StoreError, pytest.fail.Exception)):
            safeguard.probe(tmp_path / "without" / "a.db", patch)
    count("teeth", of=1)
