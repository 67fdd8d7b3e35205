"""Tables of users beside a store in memory: a database of their own, which is gone when the store is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

import apsw

from dalsegno.core.clock import Clock
from dalsegno.core.transact import Transact
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.migrate import read_migrations
from dalsegno.store.sqlite.bars import Bars
from dalsegno.store.sqlite.guest import Guest, ended


class GuestTables:
    """Made when the first transaction asks for it; names are barred here that are barred in a file."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: tuple[apsw.Connection, Bars] | None = None

    @contextlib.contextmanager
    def transaction(self, item: Transact, write: Callable[[Write], Verdict]) -> Generator[Guest]:
        """Open a transaction for user code; it is committed if the guest is told to ``keep`` it."""
        if self._made is None:
            connection = apsw.Connection(":memory:")
            for step in read_migrations("sqlite"):  # so that what is barred in a file is there to be barred
                connection.execute(step.text).fetchall()
            self._made = connection, Bars(connection)
        connection, bars = self._made
        connection.execute("BEGIN").fetchall()
        guest = Guest(connection, bars, self._clock, "memory:", item, write)
        try:
            yield guest
        finally:
            guest.end(ended(item.what, "It has ended."))
            if connection.in_transaction:
                connection.execute("COMMIT" if guest.keep else "ROLLBACK").fetchall()
