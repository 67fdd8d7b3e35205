"""A transaction as user code has it: SQL on the writer's own connection, barred, bounded, and over in time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any

import apsw

from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.commit import Failed
from dalsegno.core.transact import Parameters, Transact, refuses
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StatementFailed, StoreError, TransactionOver, TransactionTooLong
from dalsegno.store.sqlite.bars import Bars
from dalsegno.store.sqlite.errors import translate

_LOOK = 1_000  # steps of SQLite's machine between two looks at the clock


class Guest:
    """Implements ``core.transact.OpenTx``; any thread may use it, one at a time.

    ``write`` writes an item of ours on the same connection. ``over`` tells why nothing can be done
    any more, once that is so; ``keep`` says that all is well, where somebody else commits.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        bars: Bars,
        clock: Clock,
        address: str,
        item: Transact,
        write: Callable[[Write], Verdict],
    ) -> None:
        self.items: list[Write] = []
        self.verdicts: list[Verdict] = []
        self.keep = False
        self.over: TransactionOver | TransactionTooLong | StoreError | None = None
        self._connection = connection
        self._bars = bars
        self._clock = clock
        self._address = address
        self._item = item
        self._write = write
        self._mutex = threading.Lock()
        self._ends = clock.monotonic() + item.bound / SECOND
        connection.set_progress_handler(self._is_late, _LOOK, id=self)

    @property
    def address(self) -> str:
        """The store that it is a transaction of."""
        return self._address

    @property
    def open(self) -> bool:
        """Whether anything can still be done in it."""
        return self.over is None

    def execute(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._asking(sql):
            return self._connection.execute(sql, parameters, can_cache=False).fetchall()

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run a statement once for each of many rows."""
        with self._asking(sql):
            self._connection.executemany(sql, rows, can_cache=False).fetchall()

    def write(self, item: Write, then: Callable[[Verdict], None] | None = None) -> Verdict:
        """Write an item of ours; one that fails, or is refused, leaves nothing behind."""
        with self._mutex:
            self._check()
            verdict = self._write_behind_savepoint(item)
            if not refuses(verdict):
                self.items.append(item)
                self.verdicts.append(verdict)
                if then is not None:
                    self._item.afterwards.append(partial(then, verdict))
        return verdict

    def check(self) -> None:
        """Raise why nothing can be done any more, if that is so."""
        with self._mutex:
            self._check()

    def end(self, why: TransactionOver | TransactionTooLong) -> None:
        """Let nothing be done any more; what is under way is interrupted."""
        if isinstance(why, TransactionTooLong):
            self._connection.interrupt()
        with self._mutex:
            self.over = self.over or why
            self._connection.set_progress_handler(None, id=self)

    def too_long(self) -> TransactionTooLong:
        """Make the error of one that takes too long."""
        seconds = self._item.bound / SECOND
        return TransactionTooLong(
            f"The transaction of {self._item.what} took longer than {seconds:g} s.",
            "It was rolled back: nothing of it was written. Nobody else can write to the store meanwhile.",
            "Do in it only what belongs to its rows, and the rest before or after it.",
            seconds=seconds,
        )

    # -- one statement

    def _is_late(self) -> bool:
        return self._clock.monotonic() > self._ends

    def _check(self) -> None:
        if self.over is None and self._is_late():
            self.over = self.too_long()
        if self.over is not None:
            raise self.over

    @contextlib.contextmanager
    def _asking(self, sql: str) -> Generator[None]:
        with self._mutex:
            self._check()
            self._bars.lower()
            try:
                yield
            except apsw.Error as error:
                raise self._told(error, sql) from error
            finally:
                self._bars.lift()
                if self.over is None and not self._connection.in_transaction:
                    self.over = ended(self._item.what, "A statement in it rolled it back.")

    def _told(self, error: apsw.Error, sql: str) -> Exception:
        barred = self._bars.refusal(sql)
        if barred is not None:
            return barred
        if isinstance(error, apsw.InterruptError):
            self.over = self.too_long()
            return self.over
        self.over = translate(error, self._address.removeprefix("sqlite:///"))
        if self.over is not None:
            return self.over
        return StatementFailed(
            f"The database refuses a statement of {self._item.what}: {error} ({sql.strip()[:200]!r}).",
            "The statement did nothing. What came before it in the transaction stands until that ends.",
            "Look at the statement, and at the table's rules.",
            sql=sql,
            constraint=isinstance(error, apsw.ConstraintError),
        )

    def _write_behind_savepoint(self, item: Write) -> Verdict:
        self._connection.execute("SAVEPOINT item").fetchall()
        verdict: Verdict
        try:
            verdict = self._write(item)
        except Exception as error:
            self.over = self.too_long() if isinstance(error, apsw.InterruptError) else None
            self.over = self.over or translate(error, self._address.removeprefix("sqlite:///"))
            if self.over is not None:
                raise self.over from error
            verdict = Failed(error)
        if refuses(verdict):
            self._connection.execute("ROLLBACK TO item").fetchall()
        self._connection.execute("RELEASE item").fetchall()
        return verdict


def ended(what: str, why: str) -> TransactionOver:
    """Make the error of one that is used when nothing can be done in it any more."""
    return TransactionOver(
        f"The transaction of {what} is over. {why}",
        "What is done with it now would belong to nothing.",
        "Use tx only in the function, or in the block, that it was given to.",
    )
