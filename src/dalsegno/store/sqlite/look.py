"""A look at a file that nobody here may write: on a read-only disk, or somebody else's."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from dalsegno.core.commit import Fence
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import StoreReadOnly, StoreVersion
from dalsegno.store.migrate import APPLIED, pending, read_migrations
from dalsegno.store.sqlite.errors import translate
from dalsegno.store.sqlite.lane import Lane
from dalsegno.store.sqlite.store import SqliteStore


class SqliteLook(SqliteStore):
    """The store, to be read and nothing else; it leaves no trace beside the file.

    Where no worker has the file open and one begins meanwhile, this look does not see what it writes.
    """

    async def open(self) -> None:
        """Connect and check the schema; nothing is migrated."""
        if self._reader is not None:
            return
        self._file.check_library()
        self._file.refuse_orphaned_wal()
        try:
            self._watch = self._file.look()
            self._reader = self._file.look()
            self._refuse_another_schema(self._reader)
        except BaseException:
            self._close_readers()
            self._file.release()
            raise
        self._reading = Lane("dalsegno-reader", threaded=self._threaded)

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        if self._reading is None:
            return
        self._reading.close()
        self._reading = None
        self._close_readers()
        self._file.release()

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        """Refuse it."""
        refusal = translate(apsw.ReadOnlyError("it was opened to be looked at"), self._file.path)
        assert isinstance(refusal, StoreReadOnly)
        raise refusal

    def _refuse_another_schema(self, reader: apsw.Connection) -> None:
        made = reader.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchall()
        applied = {row[0]: (row[1], row[2]) for row in reader.execute(APPLIED)} if made else {}
        left = pending(read_migrations("sqlite"), applied, self.address)
        if left:
            raise StoreVersion(
                f"The store {self.address} has not the schema of this program: migration {left[0].number} is missing.",
                "It cannot be brought up to date where it cannot be written.",
                "Look at it with the dalsegno that made it, or let a worker of this one open it once.",
                address=self.address,
                found=max(applied, default=0),
                known=left[-1].number,
            )
