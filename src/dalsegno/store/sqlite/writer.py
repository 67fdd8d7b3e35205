"""The one connection that writes, and the two ways in which a group reaches the disk.

Where nobody else holds the write lock, the statements run in place: on a thread each of them would
cost a change of the interpreter's lock. The COMMIT, which waits for the disk, follows in place as
well where the disk is quick and nobody has anything else to do, and on a thread where the wait would
be felt: so runs go on while others' group reaches the disk. Where the lock is not free at once, the
whole group goes to a patient thread instead.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any, TypeVar

import apsw
from msgspec.structs import replace

from dalsegno.core.cases import Shelf
from dalsegno.core.clock import Clock
from dalsegno.core.commit import Failed, Fence
from dalsegno.core.transact import Transact
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreError
from dalsegno.store.migrate import APPLIED, TABLE, Migration, pending, read_migrations
from dalsegno.store.queries import Query
from dalsegno.store.sqlite.errors import translate
from dalsegno.store.sqlite.file import StoreFile, shut
from dalsegno.store.sqlite.guests import Guests, Undone
from dalsegno.store.sqlite.lane import Lane
from dalsegno.store.verbs import hold, write_group, write_item
from dalsegno.store.verbs.group import Ask, Group
from dalsegno.store.verbs.log import append

T = TypeVar("T")

_QUICK = 0.002  # seconds that a COMMIT may hold up the loop
_CROWD = 32  # items: of so many, others have work to do meanwhile
_MEMORY = 0.9  # how much the last COMMITs weigh against the newest


class Writer:
    """Writes groups, each in one transaction that holds the write lock from its first statement on."""

    def __init__(
        self, file: StoreFile, clock: Clock, queries: Mapping[str, Query], *, threaded: bool
    ) -> None:
        self._file = file
        self._clock = clock
        self._queries = queries
        self._shelf = Shelf()
        self._threaded = threaded
        self._patient = Lane("dalsegno-writer", threaded=threaded)
        self._committing = Lane("dalsegno-commit", threaded=threaded)
        self._guests = Guests(clock, f"sqlite:///{file.path}", self._drive, self._begun, threaded=threaded)
        self._mine = threading.Lock()  # whoever uses the connection holds it, from BEGIN to COMMIT
        self._connection: apsw.Connection | None = None
        self._commit_takes = 0.0  # seconds, of late

    async def open(self, address: str) -> None:
        """Connect and migrate."""
        try:
            await self._patient.run(lambda: self._migrate(address))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Finish what was given, then disconnect."""
        self._patient.close()
        self._committing.close()
        self._guests.close()
        connection, self._connection = self._connection, None
        shut(connection)

    # -- the two ways

    async def write(self, group: Sequence[Write], fence: Fence | None) -> list[Verdict]:
        """Write a group and answer each item."""
        first = group[0] if group else None
        if isinstance(first, Transact):
            assert len(group) == 1, "user code is alone in its group"
            return [await self._patient.run(lambda: self._transact(first, fence))]
        if self._threaded and self._mine.acquire(blocking=False):
            verdicts = self._write_in_place(group, fence)
            if verdicts is not None:
                if self._commit_takes < _QUICK and len(group) < _CROWD:
                    self._commit()
                else:
                    await self._committing.run(self._commit)
                return verdicts
        return await self._patient.run(lambda: self._write_patiently(group, fence))

    def _write_in_place(self, group: Sequence[Write], fence: Fence | None) -> list[Verdict] | None:
        """Run a group's statements and leave its transaction open; None where it must wait or fails."""
        try:
            self._file.check()
            with self._file.impatient():
                self._open.execute("BEGIN IMMEDIATE").fetchall()
            return self._drive(write_group(group, fence, self._begun()))
        except Exception:  # whatever it was, the patient way meets it again and says what it is
            self._roll_back()
            self._mine.release()
            return None
        except BaseException:
            self._roll_back()
            self._mine.release()
            raise

    def _commit(self) -> None:
        began = self._clock.monotonic()
        try:
            with self._translated():
                self._open.execute("COMMIT").fetchall()
        finally:
            took = self._clock.monotonic() - began
            self._commit_takes = _MEMORY * self._commit_takes + (1 - _MEMORY) * took
            self._roll_back()
            self._mine.release()

    def _write_patiently(self, group: Sequence[Write], fence: Fence | None) -> list[Verdict]:
        with self._mine:
            self._file.check()
            try:
                with self._transaction():
                    return self._drive(write_group(group, fence, self._begun()))
            except StoreError:
                raise
            except Exception:  # one item is at fault: find it, and let the others through
                with self._transaction():
                    return self._write_apart(group, fence)

    def _transact(self, item: Transact, fence: Fence | None) -> Verdict:
        with self._mine:
            self._file.check()
            try:
                with self._transaction():
                    return self._guests.transact(self._open, item, fence)
            except Undone as undone:
                return undone.verdict

    def _write_apart(self, items: Sequence[Write], fence: Fence | None) -> list[Verdict]:
        """Write each item behind a savepoint of its own, so that what fails stands alone."""
        verdicts: list[Verdict] = []
        group = self._begun()
        standing = self._drive(hold(fence, group))
        for item in items:
            before = len(group.events)
            self._open.execute("SAVEPOINT item").fetchall()
            verdict: Verdict
            try:
                verdict = self._drive(write_item(item, fence, standing, group))
                self._try_to_append(group, before)
            except Exception as error:
                if translate(error, self._file.path) is not None:
                    raise
                self._open.execute("ROLLBACK TO item").fetchall()
                del group.events[before:]
                verdict = Failed(error)
            self._open.execute("RELEASE item").fetchall()
            verdicts.append(verdict)
        self._drive(append(group))
        return verdicts

    def _try_to_append(self, group: Group, before: int) -> None:
        """Put an item's events on the log and take them back: one that cannot be written fails its item."""
        if group.events[before:]:
            self._open.execute("SAVEPOINT trial").fetchall()
            trial = [(event, None) for event, _ in group.events[before:]]
            self._drive(append(replace(group, events=trial)))
            self._open.execute("ROLLBACK TO trial").fetchall()
            self._open.execute("RELEASE trial").fetchall()

    # -- the connection

    @property
    def _open(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._file.connect(writes=True)
        return self._connection

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        with self._translated():
            self._open.execute("BEGIN IMMEDIATE").fetchall()
            try:
                yield
                self._open.execute("COMMIT").fetchall()
            finally:
                self._roll_back()

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        """Say in our words what concerns the whole store."""
        try:
            yield
        except apsw.Error as error:
            wide = translate(error, self._file.path, self._file.holder())
            if wide is None:
                raise
            raise wide from error

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._connection.execute("ROLLBACK").fetchall()

    def _drive(self, verb: Generator[Ask, Any, T]) -> T:
        """Run a verb's statements on this connection."""
        changes = self._open.changes
        cursor = self._open.cursor()
        queries, execute = self._queries, cursor.execute
        try:
            name, parameters = next(verb)
            while True:
                query = queries[name]
                answer: Any
                if type(parameters) is list:
                    answer = []
                    for each in parameters:
                        execute(query.text, each)
                        answer.append(changes())
                else:
                    execute(query.text, parameters)
                    answer = cursor.fetchall() if query.rows else changes()
                name, parameters = verb.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value

    def _begun(self) -> Group:
        return Group(self._clock.now(), self._clock.boot(), shelf=self._shelf)

    def _migrate(self, address: str) -> None:
        known = read_migrations("sqlite")
        with self._mine, self._translated():
            if self._is_current(known, address):
                return
        while True:
            with self._mine, self._transaction():
                self._open.execute(TABLE).fetchall()
                left = self._left(known, address)
                if not left:
                    return
                step = left[0]
                self._open.execute(step.text).fetchall()
                row = (step.number, step.name, step.checksum, self._clock.now())
                self._open.execute("INSERT INTO migrations VALUES (?, ?, ?, ?)", row).fetchall()

    def _is_current(self, known: list[Migration], address: str) -> bool:
        """Whether nothing is to be migrated; told without the write lock, so that a held store can be seen."""
        made = self._open.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchall()
        return bool(made) and not self._left(known, address)

    def _left(self, known: list[Migration], address: str) -> list[Migration]:
        rows: list[Any] = self._open.execute(APPLIED).fetchall()
        return pending(known, {row[0]: (row[1], row[2]) for row in rows}, address)
