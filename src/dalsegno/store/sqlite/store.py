"""The store on one SQLite file: group commits on a writing lane, reads on a reading lane."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

import apsw

from dalsegno.core.clock import Clock
from dalsegno.core.commit import Failed, Fence, Loaded, Session, Verdict, Write
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Run
from dalsegno.errors import StoreError
from dalsegno.store.migrate import APPLIED, TABLE, pending, read_migrations
from dalsegno.store.protocol import RunQuery
from dalsegno.store.queries import Query, read_queries
from dalsegno.store.sqlite.errors import translate
from dalsegno.store.sqlite.file import StoreFile
from dalsegno.store.sqlite.lane import Lane
from dalsegno.store.verbs import Ask, Now, delivery_of, entry_of, run_of, timer_of, write_group

T = TypeVar("T")


class SqliteStore:
    """Implements ``store.protocol.Store`` on a file; ``threaded=False`` runs everything in place."""

    def __init__(self, path: str, clock: Clock, *, threaded: bool = True) -> None:
        self._file = StoreFile(path, clock)
        self._clock = clock
        self._threaded = threaded
        self._queries: Mapping[str, Query] = read_queries("sqlite", "?")
        self._writing: Lane | None = None
        self._reading: Lane | None = None
        self._watch: apsw.Connection | None = None

    @property
    def address(self) -> str:
        return f"sqlite:///{self._file.path}"

    @property
    def file(self) -> StoreFile:
        return self._file

    def now(self) -> int:
        return self._clock.now()

    def lease_now(self) -> int:
        return self._clock.boot()

    # -- opening and closing

    async def open(self) -> None:
        if self._writing is not None:
            return
        self._file.prepare()
        writing = Lane("dalsegno-writer", self._connect_writer, threaded=self._threaded)
        try:
            await writing.run(self._migrate)
            self._watch = self._file.connect(writes=False)
        except BaseException:
            writing.close()
            self._file.release()
            raise
        self._writing = writing
        self._reading = Lane("dalsegno-reader", self._connect_reader, threaded=self._threaded)

    async def close(self) -> None:
        if self._writing is None or self._reading is None:
            return
        reading, writing, self._reading, self._writing = self._reading, self._writing, None, None
        reading.close()
        if self._watch is not None:
            self._watch.close()
        writing.close()
        self._file.release()

    def _connect_writer(self) -> apsw.Connection:
        return self._file.connect(writes=True)

    def _connect_reader(self) -> apsw.Connection:
        return self._file.connect(writes=False)

    def _migrate(self, connection: apsw.Connection) -> list[int]:
        known = read_migrations("sqlite")
        applied: list[int] = []
        while True:
            with self._transaction(connection):
                connection.execute(TABLE).fetchall()
                rows: list[Any] = connection.execute(APPLIED).fetchall()
                left = pending(known, {row[0]: (row[1], row[2]) for row in rows}, self.address)
                if not left:
                    return applied
                step = left[0]
                connection.execute(step.text).fetchall()
                row = (step.number, step.name, step.checksum, self.now())
                connection.execute("INSERT INTO migrations VALUES (?, ?, ?, ?)", row).fetchall()
                applied.append(step.number)

    # -- writing

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        return await self._lane(self._writing).run(lambda connection: self._write(connection, group, fence))

    def _write(
        self, connection: apsw.Connection, group: Sequence[Write], fence: Fence | None
    ) -> list[Verdict]:
        self._file.check()
        try:
            with self._transaction(connection):
                return self._drive(connection, write_group(group, fence, self._clocks()))
        except StoreError:
            raise
        except Exception:  # one item is at fault: find it, and let the others through
            with self._transaction(connection):
                return self._write_apart(connection, group, fence)

    def _write_apart(
        self, connection: apsw.Connection, group: Sequence[Write], fence: Fence | None
    ) -> list[Verdict]:
        """Write each item behind a savepoint of its own, so that what fails stands alone."""
        verdicts: list[Verdict] = []
        for item in group:
            connection.execute("SAVEPOINT item").fetchall()
            try:
                verdicts += self._drive(connection, write_group([item], fence, self._clocks()))
            except Exception as error:
                if translate(error, self._file.path) is not None:
                    raise
                connection.execute("ROLLBACK TO item").fetchall()
                verdicts.append(Failed(error))
            connection.execute("RELEASE item").fetchall()
        return verdicts

    @contextlib.contextmanager
    def _transaction(self, connection: apsw.Connection) -> Generator[None]:
        """Hold the write lock from the first statement on; translate what concerns the whole store."""
        try:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            try:
                yield
                connection.execute("COMMIT").fetchall()
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK").fetchall()
                raise
        except apsw.Error as error:
            wide = translate(error, self._file.path, self._file.holder())
            if wide is None:
                raise
            raise wide from error

    def _drive(self, connection: apsw.Connection, verb: Generator[Ask, Any, T]) -> T:
        """Run a verb's statements on this connection."""
        queries, execute, changes = self._queries, connection.execute, connection.changes
        try:
            name, parameters = next(verb)
            while True:
                query = queries[name]
                rows = execute(query.text, parameters).fetchall()
                name, parameters = verb.send(rows if query.rows else changes())
        except StopIteration as end:
            value: T = end.value
            return value

    def _clocks(self) -> Now:
        return Now(self._clock.now(), self._clock.boot())

    # -- reading

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        def read(connection: apsw.Connection) -> dict[int, Loaded]:
            return {
                number: Loaded(
                    tuple(map(entry_of, self._rows(connection, "read_entries", number, 0, 1_000_000_000))),
                    tuple(map(delivery_of, self._rows(connection, "read_inbox", number))),
                    tuple(map(timer_of, self._rows(connection, "read_timers", number))),
                )
                for number in numbers
            }

        return await self._read(read)

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        def read(connection: apsw.Connection) -> dict[int, tuple[Delivery, ...]]:
            return {n: tuple(map(delivery_of, self._rows(connection, "read_inbox", n))) for n in numbers}

        return await self._read(read)

    async def find(self, namespace: str, run_id: str) -> Run | None:
        rows = await self._select("find_run", namespace, run_id)
        return run_of(rows[0]) if rows else None

    async def get(self, number: int) -> Run | None:
        rows = await self._select("get_run", number)
        return run_of(rows[0]) if rows else None

    async def runs(self, query: RunQuery) -> list[Run]:
        statuses = query.statuses or tuple("pending running waiting completed failed cancelled".split())
        padded = (*statuses, *("",) * 6)[:6]
        rows = await self._select(
            "list_runs",
            *(query.namespace, *padded, query.workflow, query.id_prefix, query.case_id, query.parent),
            *(query.before, query.limit),
        )
        return [run_of(row) for row in rows]

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        return [entry_of(row) for row in await self._select("read_entries", number, after, limit)]

    async def timers(self, number: int) -> list[Timer]:
        return [timer_of(row) for row in await self._select("read_timers", number)]

    async def attempts(self, number: int) -> list[LongAttempt]:
        return [LongAttempt(*row) for row in await self._select("read_attempts", number)]

    async def counts(self, namespace: str) -> dict[str, int]:
        return dict(await self._select("count_runs", namespace))

    async def sessions(self, *, live: bool = True) -> list[Session]:
        rows = await self._select("read_live_sessions" if live else "read_sessions")
        return [Session(*row) for row in rows]

    async def abilities(self) -> set[tuple[str, str, int]]:
        return {(row[0], row[1], row[2]) for row in await self._select("read_abilities")}

    async def next_due(self, queue: str) -> int | None:
        rows = await self._select("next_due", queue)
        due: int | None = rows[0][0]
        return due

    def change_mark(self) -> int:
        if self._watch is None:
            return 0
        return self._watch.data_version()

    async def check(self) -> list[str]:
        """Run SQLite's integrity check; an empty list is a sound file."""
        rows = await self._read(lambda connection: connection.execute("PRAGMA integrity_check").fetchall())
        return [str(row[0]) for row in rows if row[0] != "ok"]

    async def _select(self, name: str, *parameters: Any) -> list[Any]:
        return await self._read(lambda connection: self._rows(connection, name, *parameters))

    def _rows(self, connection: apsw.Connection, name: str, *parameters: Any) -> list[Any]:
        return connection.execute(self._queries[name].text, parameters).fetchall()

    async def _read(self, job: Callable[[apsw.Connection], T]) -> T:
        def read(connection: apsw.Connection) -> T:
            try:
                return job(connection)
            except apsw.Error as error:
                wide = translate(error, self._file.path)
                if wide is None:
                    raise
                raise wide from error

        return await self._lane(self._reading).run(read)

    def _lane(self, lane: Lane | None) -> Lane:
        if lane is None:
            raise StoreError(f"The store {self.address} is not open.", "", "Use the App in a `with` block.")
        return lane
