"""What came of the orders, by the ledgers that the services and the customers keep. The engine is not asked.

``tools/recount_ledgers.py`` counts the same figures again, and shares no code with this.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dalsegno.cli.demo.choreography.ledgers import NAMES, REFUSED, REPEATED, UNAVAILABLE
from dalsegno.core.clock import SECOND

CUSTOMERS = "customers.db"
"""The customers' own ledger: which orders were acknowledged, and when the operator killed a worker."""

_TABLES = """
CREATE TABLE placed (order_id TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE kills (pid INTEGER NOT NULL, at INTEGER NOT NULL);
"""
_STANDS = {"charge": "refund", "reserve": "release", "ship": "", "confirm": ""}


class Customers:
    """Who notes that an order was acknowledged, each time that it was."""

    def __init__(self, folder: Path) -> None:
        self._file = sqlite3.connect(folder / CUSTOMERS, isolation_level=None)
        self._file.executescript(_TABLES)

    def note_placed(self, order_id: str, at: int) -> None:
        """Note that an order is on the log, as far as its customer was told."""
        self._file.execute("INSERT INTO placed VALUES (?, ?)", (order_id, at))

    def note_kill(self, pid: int, at: int) -> None:
        """Note the death of a worker."""
        self._file.execute("INSERT INTO kills VALUES (?, ?)", (pid, at))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(slots=True)
class Account:
    """What the ledgers say about one order."""

    placed: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    charged_at: int | None = None
    shipped_at: int | None = None

    def add(self, action: str, answer: str, at: int) -> None:
        """Take in a deed."""
        if answer == REFUSED:
            self.refused.append(action)
            return
        self.done[action] += 1
        if action == "charge":
            self.charged_at = at
        elif action == "ship":
            self.shipped_at = at

    @property
    def standing(self) -> list[str]:
        """What was done for the order and not undone."""
        return [name for name, undo in _STANDS.items() if self.done[name] > self.done[undo]]

    @property
    def verdict(self) -> str:
        """What became of it: a figure of the ledger."""
        if not self.done["complete"] and not self.done["reject"]:
            return "lost"
        if self.done["complete"]:
            return "completed" if self.standing == list(_STANDS) else "incomplete"
        return "not_undone" if self.standing else "rejected"

    @property
    def unpaid(self) -> bool:
        """Whether it was shipped without being paid for before."""
        return self.shipped_at is not None and (
            self.charged_at is None or self.charged_at > self.shipped_at or "charge" not in self.standing
        )

    @property
    def twice(self) -> list[str]:
        """What was done for it more than once; an order is closed once, whichever way."""
        twice = [name for name, times in self.done.items() if times > 1]
        return [*twice, "close"] if self.done["complete"] and self.done["reject"] else twice


@dataclass(slots=True)
class Kill:
    """The death of a worker: how many requests it left without an answer, and when anything went on."""

    pid: int
    under_way: int
    seconds: float | None


@dataclass(slots=True)
class Count:
    """Everything that the ledgers in a folder say."""

    accounts: dict[str, Account]
    kills: list[Kill]
    called_again: int
    recognized: int

    def figures(self) -> dict[str, int]:
        """Count everything, by the names that ``--json`` has."""
        accounts = self.accounts.values()
        verdicts = Counter(account.verdict for account in accounts if account.placed)
        refused = Counter(name for account in accounts for name in account.refused)
        return {
            "orders": verdicts.total(),
            "sent_again": sum(account.placed - 1 for account in accounts if account.placed),
            "completed": verdicts["completed"],
            "rejected": verdicts["rejected"],
            "declined": refused["charge"],
            "sold_out": refused["reserve"],
            "unreachable": refused["ship"],
            "called_again": self.called_again,
            "recognized": self.recognized,
            "charged_twice": sum("charge" in account.twice for account in accounts),
            "done_twice": sum(bool({*account.twice} - {"charge"}) for account in accounts),
            "lost": verdicts["lost"],
            "unpaid_shipped": sum(account.unpaid for account in accounts),
            "incomplete": verdicts["incomplete"],
            "not_undone": verdicts["not_undone"],
            "never_placed": sum(not account.placed for account in accounts),
        }

    def wrong(self) -> list[str]:
        """Say, order by order, what must not be."""
        faults = []
        for name, account in sorted(self.accounts.items()):
            standing = ", ".join(account.standing) or "nothing"
            faults += [f"{name}: {twice} twice" for twice in account.twice]
            if account.unpaid:
                faults.append(f"{name}: shipped, and not paid for")
            if not account.placed:
                faults.append(f"{name}: nobody was told that it is on the log")
            elif account.verdict not in ("completed", "rejected"):
                faults.append(f"{name}: {account.verdict.replace('_', ' ')}; what stands: {standing}")
        return faults


def ended(folder: Path) -> int:
    """Count the orders that are closed, while the services are at work."""
    query = "SELECT COUNT(DISTINCT order_id) FROM deeds WHERE action IN ('complete', 'reject')"
    return sum(n for (n,) in _rows(folder / "orders.db", query))


def calls(folder: Path) -> int:
    """Count all requests to all services: a sign of life."""
    return sum(n for name in NAMES for (n,) in _rows(folder / f"{name}.db", "SELECT COUNT(*) FROM calls"))


def count(folder: Path) -> Count:
    """Count the ledgers of a folder."""
    accounts: dict[str, Account] = {}
    for order, times in _rows(folder / CUSTOMERS, "SELECT order_id, COUNT(*) FROM placed GROUP BY 1"):
        accounts.setdefault(order, Account()).placed = times
    asked: list[tuple[str, int, int, str | None]] = []
    for name in NAMES:
        file = folder / f"{name}.db"
        for order, action, answer, at in _rows(file, "SELECT order_id, action, answer, at FROM deeds"):
            accounts.setdefault(order, Account()).add(action, answer, at)
        asked += _rows(file, "SELECT key, pid, at, answer FROM calls ORDER BY number")
    kills = [_kill(pid, at, asked) for pid, at in _rows(folder / CUSTOMERS, "SELECT pid, at FROM kills")]
    keys = Counter(key for key, _, _, answer in asked if answer != UNAVAILABLE)
    recognized = sum(answer == REPEATED for _, _, _, answer in asked)
    return Count(accounts, kills, keys.total() - len(keys), recognized)


def _kill(pid: int, at: int, asked: list[tuple[str, int, int, str | None]]) -> Kill:
    under_way = sum(who == pid and answer is None for _, who, _, answer in asked)
    later = [began for _, who, began, _ in asked if who != pid and began > at]
    return Kill(pid, under_way, (min(later) - at) / SECOND if later else None)


def _rows(file: Path, query: str) -> Iterator[Any]:
    """Read a ledger that others may be writing."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as ledger:
        yield from ledger.execute(query).fetchall()
