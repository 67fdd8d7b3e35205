"""What the services write down by themselves: a SQLite file each, of which the engine knows nothing.

Like real services they take time, are unavailable now and then, refuse what cannot be done, and tell
a repetition by its key: they give the answer that they gave before and do nothing.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dalsegno.cli.demo.pace import nap
from dalsegno.core.clock import SystemClock, pause
from dalsegno.core.ids import seeded
from dalsegno.engine.context import step_info

ADDRESS = "DALSEGNO_DEMO_LEDGERS"
"""The environment variable that tells a worker where the ledgers are: a folder."""

NAMES = ("orders", "payment", "inventory", "shipping", "notification")

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL, action TEXT NOT NULL, order_id TEXT NOT NULL,
  pid INTEGER NOT NULL, at INTEGER NOT NULL, answer TEXT
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (key);
CREATE TABLE IF NOT EXISTS deeds (
  key TEXT PRIMARY KEY, action TEXT NOT NULL, order_id TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL
);
"""
_OUTAGES = 0.06  # how likely an action meets an outage
_LONGEST_OUTAGE = 2  # requests in a row

DONE, REFUSED, UNAVAILABLE, REPEATED = "done", "refused", "unavailable", "repeated"


class Unavailable(Exception):
    """The service has a bad moment."""


class Call(NamedTuple):
    """One request: what is asked for which order, how long that takes, and whether it will be refused."""

    action: str
    order_id: str
    seconds: float
    refused: bool = False


class Ledger:
    """One service's own file, open in one process; any of its threads may use it."""

    def __init__(self, file: Path) -> None:
        self._mutex = threading.Lock()
        self._file = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")  # processes are killed here, and no power cut
        self._file.executescript(_TABLES)
        self._now = SystemClock().boot

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @contextmanager
    def _alone(self) -> Generator[sqlite3.Connection]:
        """Keep all other threads and processes from writing meanwhile; what raises leaves nothing."""
        with self._mutex:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def ask(self, call: Call) -> Generator[float, None, bool]:
        """Do one thing, or not; yield the seconds that it takes, and return whether it is done.

        The deed lies in the middle: before it the request is on its way, after it the answer. Who
        dies then does not know, and has to ask again.
        """
        key = step_info().idempotency_key
        row = (key, call.action, call.order_id, os.getpid(), self._now())
        with self._alone() as file:
            number = file.execute(
                "INSERT INTO calls (key, action, order_id, pid, at) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
        yield call.seconds / 2
        with self._alone() as file:
            answer, said = self._settle(file, call, key)
            file.execute("UPDATE calls SET answer = ? WHERE number = ?", (said, number))
        yield call.seconds / 2
        if answer == UNAVAILABLE:
            raise Unavailable(f"{call.action} is not possible just now")
        return answer == DONE

    def _settle(self, file: sqlite3.Connection, call: Call, key: str) -> tuple[str, str]:
        """Return the answer to a request, and what the ledger says of it."""
        known = file.execute("SELECT answer FROM deeds WHERE key = ?", (key,)).fetchone()
        if known is not None:
            return known[0], REPEATED
        outages = "SELECT COUNT(*) FROM calls WHERE key = ? AND answer = ?"
        ((outages_had,),) = file.execute(outages, (key, UNAVAILABLE))
        if outages_had < _outage(call):
            return UNAVAILABLE, UNAVAILABLE
        answer = REFUSED if call.refused else DONE
        deed = (key, call.action, call.order_id, answer, self._now())
        file.execute("INSERT INTO deeds (key, action, order_id, answer, at) VALUES (?, ?, ?, ?, ?)", deed)
        return answer, answer


def _outage(call: Call) -> int:
    """How many requests in a row an order's action is answered with "unavailable"."""
    dice = seeded("outage", call.action, call.order_id)
    return 1 + dice.getrandbits(1) % _LONGEST_OUTAGE if dice.random() < _OUTAGES else 0


# -- as a handler calls them


@functools.cache
def ledger(name: str) -> Ledger:
    """Return the ledger of one service, in the folder that this process was told of."""
    return Ledger(Path(os.environ[ADDRESS]) / f"{name}.db")


def ask(name: str, action: str, order_id: str, seconds: float, *, refused: bool = False) -> bool:
    """Ask a service and wait, in a ``def`` handler; say whether it is done."""
    asking = ledger(name).ask(Call(action, order_id, seconds, refused))
    try:
        while True:
            pause(next(asking))
    except StopIteration as answered:
        return bool(answered.value)


async def ask_async(name: str, action: str, order_id: str, seconds: float, *, refused: bool = False) -> bool:
    """Ask a service and await it, in an ``async def`` handler; say whether it is done."""
    asking = ledger(name).ask(Call(action, order_id, seconds, refused))
    try:
        while True:
            await nap(next(asking))
    except StopIteration as answered:
        return bool(answered.value)
