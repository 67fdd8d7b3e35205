"""The store on one SQLite file: a writer with a connection of its own, and readers beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import apsw

from dalsegno.core.clock import Clock
from dalsegno.core.commit import Fence, Loaded, Session
from dalsegno.core.entries import Delivery, Entry, Timer
from dalsegno.core.ids import MAX_ID
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Ending, Run
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.migrate import newest
from dalsegno.store.protocol import DueRuns, RunQuery, StoreFacts, beyond
from dalsegno.store.queries import read_queries
from dalsegno.store.rows import STATUS_OF, delivery_of, entry_of, run_of, timer_of
from dalsegno.store.sqlite.alerts import AlertReads
from dalsegno.store.sqlite.file import StoreFile, shut
from dalsegno.store.sqlite.lane import Lane
from dalsegno.store.sqlite.writer import Writer

T = TypeVar("T")

_FEW = 1_000  # runs whose ids begin so, that are sorted rather than met among all, the newest first
_LAST = chr(0x10FFFF) * (MAX_ID + 1)  # no id lies behind it


class SqliteStore(AlertReads):
    """Implements ``store.protocol.Store`` on a file; ``threaded=False`` runs everything in place."""

    def __init__(self, path: str, clock: Clock, *, threaded: bool = True) -> None:
        super().__init__(StoreFile(path, clock), read_queries("sqlite", "?"), clock)
        self._threaded = threaded
        self._writer: Writer | None = None

    @property
    def file(self) -> StoreFile:
        """The file under guard."""
        return self._file

    # -- opening and closing

    async def open(self) -> None:
        if self._writer is not None:
            return
        self._file.prepare()
        writer = Writer(self._file, self._clock, self._queries, threaded=self._threaded)
        try:
            await writer.open(self.address)
            self._watch = self._file.connect(writes=False)
            self._reader = self._file.connect(writes=False)
        except BaseException:
            writer.close()
            self._close_readers()
            self._file.release()
            raise
        self._writer = writer
        self._reading = Lane("dalsegno-reader", threaded=self._threaded)

    async def close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()
        if self._reading is not None:
            self._reading.close()
        self._close_readers()
        self._file.release()

    def _close_readers(self) -> None:
        for connection in (self._watch, self._reader):
            shut(connection)
        self._watch = self._reader = None

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        if self._writer is None:
            raise self._closed()
        return await self._writer.write(group, fence)

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
        return {number: tuple(map(delivery_of, self._point("read_inbox", number))) for number in numbers}

    async def find(self, namespace: str, run_id: str) -> Run | None:
        rows = self._point("find_run", namespace, run_id)
        return run_of(rows[0]) if rows else None

    async def ending(self, namespace: str, run_id: str) -> Ending | None:
        rows = self._point("read_ending", namespace, run_id)
        return _ending_of(rows[0]) if rows else None

    async def endings(self, numbers: Sequence[int]) -> list[Ending]:
        return [_ending_of(row) for row in await self._select("read_endings", str(list(numbers)))]

    async def get(self, number: int) -> Run | None:
        rows = self._point("get_run", number)
        return run_of(rows[0]) if rows else None

    async def runs(self, query: RunQuery) -> list[Run]:
        statuses = query.statuses or tuple("pending running waiting completed failed cancelled".split())
        padded = (*statuses, *("",) * 6)[:6]
        asked: tuple[Any, ...] = (query.namespace, *padded, query.workflow, query.id_prefix, query.reason)
        asked += (query.case_id, query.parent, query.before, query.limit)
        name = "list_runs" if query.case_id is None else "list_runs_of_case"
        if query.id_prefix:
            end = beyond(query.id_prefix) or _LAST
            ((count,),) = await self._select("count_ids", query.namespace, query.id_prefix, end, _FEW)
            if count < _FEW:
                name, asked = "list_runs_by_id", (*asked, end)
        rows = await self._select(name, *asked)
        return [run_of(row) for row in rows]

    async def journal(self, number: int, after: int = 0, limit: int = 1_000_000) -> list[Entry]:
        return [entry_of(row) for row in await self._select("read_entries", number, after, limit)]

    async def timers(self, number: int) -> list[Timer]:
        return [timer_of(row) for row in self._point("read_timers", number)]

    async def attempts(self, number: int) -> list[LongAttempt]:
        return [LongAttempt(*row) for row in self._point("read_attempts", number)]

    async def counts(self, namespace: str) -> dict[str, int]:
        return dict(await self._select("count_runs", namespace))

    async def sessions(self, *, live: bool = True) -> list[Session]:
        rows = self._point("read_live_sessions") if live else await self._select("read_sessions")
        return [Session(*row) for row in rows]

    async def abilities(self) -> set[tuple[str, str, int]]:
        return {(row[0], row[1], row[2]) for row in self._point("read_abilities")}

    async def next_due(self, queue: str, after: int = 0) -> int | None:
        rows = self._point("next_due", queue, after)
        due: int | None = rows[0][0]
        return due

    async def anything_to_release(self) -> bool:
        return bool(self._point("fenced_sessions"))

    async def anything_due(self, session: int, queue: str) -> bool:
        due = self._point("any_run_due", session, queue, self.now())
        return bool(due or self._point("any_news", session))

    def change_mark(self) -> int:
        if self._watch is None:
            return 0
        try:
            # Not apsw's data_version(): that one sees what others wrote only once this connection has read.
            mark: int = self._watch.pragma("data_version")
        except apsw.Error:
            return -1  # whoever reads because of it is told what is wrong
        return mark

    async def due(self) -> list[DueRuns]:
        return [DueRuns(*row) for row in await self._select("count_due", self.now())]

    async def facts(self) -> StoreFacts:
        size, wal = self._file.sizes()
        rows = self._point("newest_migration")
        return StoreFacts(
            kind="sqlite",
            library=f"SQLite {apsw.sqlite_lib_version()}",
            schema=rows[0][0],
            known=newest("sqlite"),
            size=size,
            wal=wal,
            free=self._file.free(),
        )

    def holder(self) -> int | None:
        return self._file.holder()

    async def check(self) -> list[str]:
        rows = await self._read(lambda connection: connection.execute("PRAGMA integrity_check").fetchall())
        return [str(row[0]) for row in rows if row[0] != "ok"]


def _ending_of(row: Sequence[Any]) -> Ending:
    number, workflow, version, status, *rest = row
    return Ending(number, workflow, version, STATUS_OF[status], *rest)
