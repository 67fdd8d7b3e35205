"""The file of a SQLite store: how it is opened, and what must stay true of it while it is open.

One SQLite library per file and process: POSIX locks belong to the process, and whoever closes *any*
descriptor of the file drops the locks of all. A second library in our process, or a plain ``open``,
would let another process write in the middle of our transaction.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import quote, unquote

import apsw

from dalsegno.core.clock import Clock, pause
from dalsegno.errors import StoreDamaged, StoreShared, StoreUnreachable, StoreVanished, StoreVersion
from dalsegno.store.sqlite.errors import damaged, translate

log = logging.getLogger("dalsegno.store")

APPLICATION_ID = 0x64616C73  # "dals"
OLDEST_SQLITE = (3, 51, 3)  # older ones can corrupt a WAL file that several connections write
CHECKPOINT_PAGES = 1_000
LARGE_WAL_PAGES = 16_384  # 64 MiB
BUSY_SECONDS = 5.0
QUICK_CHECK_BYTES = 16 << 20
WRITE_LOCK_BYTE = 120  # of the -shm file: where WAL keeps its write lock
_SCAN_EVERY = 1.0  # seconds between looks at this process's descriptors


class StoreFile:
    """A database file under guard; ``connect`` opens connections to it."""

    def __init__(self, path: str, clock: Clock) -> None:
        self.path = os.path.abspath(path)
        self.clock = clock
        self._pid = os.getpid()
        self._identity: tuple[int, int] | None = None
        self._ours: set[str] = set()
        self._scanned = 0.0
        self._broken: StoreShared | None = None
        self._busy_since = 0.0
        self._patient = True
        self._large = False  # it was said that the WAL is

    # -- opening

    def prepare(self) -> None:
        """Check library, folder and file; create the file, for this user alone, if there is none."""
        self.check_library()
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise StoreUnreachable(
                f"The folder {folder} of the store {self.path} does not exist.",
                "No store was made.",
                f"Make it (mkdir -p {folder}), or name another store.",
                path=self.path,
            )
        self.refuse_orphaned_wal()
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise translate(apsw.ReadOnlyError(str(error)), self.path) or error from error
        for place in (folder, self.path):  # SQLite would merely say that it cannot open the -wal file
            if not os.access(place, os.W_OK):
                refusal = apsw.ReadOnlyError(f"{place} is read-only")
                raise translate(refusal, self.path) or refusal

    def check_library(self) -> None:
        """Refuse a SQLite that can damage a file which several connections share."""
        version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
        if version < OLDEST_SQLITE:
            raise StoreVersion(
                f"This apsw carries SQLite {apsw.sqlite_lib_version()}; 3.51.3 or newer is needed.",
                "Older ones can corrupt a WAL file that several connections write (the WAL-reset bug).",
                "Upgrade it: pip install -U apsw",
                found=apsw.sqlite_lib_version(),
            )

    def refuse_orphaned_wal(self) -> None:
        """Refuse a file whose -wal was taken away: its last commits went with it.

        A clean close removes -wal and -shm together; for a moment the -shm may stand alone.
        """
        for _ in range(5):
            if not os.path.exists(self.path + "-shm") or os.path.exists(self.path + "-wal"):
                return
            pause(0.02)
        raise StoreDamaged(
            f"{self.path}-shm is there, but {self.path}-wal is gone.",
            "The -wal file held the last acknowledged commits; opening without it would lose them in silence.",
            "Put the -wal file back, restore a backup, or remove the -shm file to accept the loss.",
            path=self.path,
        )

    def connect(self, *, writes: bool) -> apsw.Connection:
        """Open a connection with our settings; one that ``writes`` also checks what the file is."""
        prepare = self._settle if writes else _only_read
        return self._connected(self.path, apsw.SQLITE_OPEN_READWRITE, prepare)

    def look(self) -> apsw.Connection:
        """Open a connection to a file that nobody here may write.

        Without a -wal beside it nobody has it open, and SQLite, which could not make one, is told that
        the file does not change.
        """
        if os.path.exists(self.path + "-wal"):
            return self._connected(self.path, apsw.SQLITE_OPEN_READONLY, self._recognize)
        name = f"file:{quote(self.path)}?immutable=1"
        return self._connected(name, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, self._recognize)

    def _connected(
        self, name: str, flags: int, prepare: Callable[[apsw.Connection], object]
    ) -> apsw.Connection:
        _guard().protect(self.path)
        connection: apsw.Connection | None = None
        try:
            connection = apsw.Connection(name, flags=flags)
            connection.set_busy_handler(self._busy)
            prepare(connection)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except BaseException as error:
            shut(connection)
            if not isinstance(error, apsw.Error):
                raise
            raise translate(error, self.path, self.holder()) or damaged(self.path, str(error)) from error
        self._remember()
        return connection

    def _recognize(self, connection: apsw.Connection) -> bool:
        """Refuse what is not ours; return whether it says that it is, and is not just empty."""
        found = connection.pragma("application_id")
        empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        if found != APPLICATION_ID and not (empty and found == 0):
            raise damaged(self.path, f"application_id is {found:#x}, ours is {APPLICATION_ID:#x}")
        return bool(found)

    def _settle(self, connection: apsw.Connection) -> None:
        ours = self._recognize(connection)
        if os.path.getsize(self.path) < QUICK_CHECK_BYTES:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchall()[0][0]
            if verdict != "ok":
                raise damaged(self.path, str(verdict))
        if not ours:
            # Before there is a WAL to keep it from the file: whoever reads its first bytes knows it for ours.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}").fetchall()
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchall()[0]
        if mode != "wal":
            raise self._no_wal()
        for setting in (
            "synchronous = FULL",
            "fullfsync = 1",
            "checkpoint_fullfsync = 1",
        ):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("PRAGMA temp_store = MEMORY").fetchall()
        connection.execute("PRAGMA cache_size = -32000").fetchall()
        connection.set_wal_hook(self._checkpoint)

    def _no_wal(self) -> StoreUnreachable:
        return StoreUnreachable(
            f"The store {self.path} cannot have a write-ahead log: its file system shares no memory between "
            "processes.",
            "Without one, readers and writers would keep each other waiting, and locks may not hold either.",
            "Put the store on a local disk: a network file system does not keep what SQLite needs.",
            path=self.path,
        )

    @contextlib.contextmanager
    def impatient(self) -> Generator[None]:
        """Do not wait for the write lock meanwhile."""
        self._patient = False
        try:
            yield
        finally:
            self._patient = True

    def _busy(self, tries: int) -> bool:
        """Wait for the write lock in short naps: SQLite's own growing ones starve the unlucky."""
        if not self._patient:
            return False
        if tries == 0:
            self._busy_since = self.clock.monotonic()
        elif self.clock.monotonic() - self._busy_since > BUSY_SECONDS:
            return False
        pause(0.0005 if tries < 20 else 0.003)
        return True

    def _checkpoint(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages >= LARGE_WAL_PAGES:
            if not self._large:
                log.warning("%s-wal has %d pages: a long read keeps it from shrinking", self.path, pages)
            self._large = True
            # The commit stands whatever becomes of this. A patient one would make every commit wait for the read.
            with contextlib.suppress(apsw.Error), self.impatient():
                connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_TRUNCATE)
        elif pages >= CHECKPOINT_PAGES:
            with contextlib.suppress(apsw.Error):
                connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_PASSIVE)
        else:
            self._large = False
        return apsw.SQLITE_OK

    # -- while it is open

    def check(self) -> None:
        """Raise when the file is not ours alone any more; called before every transaction."""
        if self._broken is not None:
            raise self._broken
        if os.getpid() != self._pid:
            raise StoreShared(
                f"Process {os.getpid()} inherited the open store {self.path} from process {self._pid} by fork.",
                "SQLite connections do not survive a fork: their locks belong to the parent.",
                "Open the App after forking (in gunicorn: in post_fork, or without preload).",
                path=self.path,
            )
        self._refuse_replaced()
        now = self.clock.monotonic()
        if now - self._scanned > _SCAN_EVERY:
            self._scanned = now
            self._refuse_foreign()

    def _refuse_replaced(self) -> None:
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            identity = None
        else:
            identity = (status.st_dev, status.st_ino)
        if identity != self._identity:
            raise StoreVanished(
                f"The store {self.path} was {'replaced' if identity else 'deleted'} while it was open.",
                "What is still open is not that file any more; committing to it would be lost.",
                "Put the file back (with its -wal) and start again.",
                path=self.path,
            )

    def _refuse_foreign(self) -> None:
        foreign = self._descriptors() - self._ours
        if foreign:
            self._broken = StoreShared(
                f"Something else in process {self._pid} has opened {self.path} "
                f"(descriptor {', '.join(sorted(foreign))}).",
                "When it closes the file, the operating system drops our locks on it. Commits are refused.",
                "Read the store through the client, or from another process.",
                path=self.path,
            )
            raise self._broken

    def _remember(self) -> None:
        status = os.stat(self.path)
        self._identity = (status.st_dev, status.st_ino)
        self._ours = self._descriptors()

    def _descriptors(self) -> set[str]:
        found = set()
        with contextlib.suppress(OSError):
            for name in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    status = os.stat(f"/proc/self/fd/{name}")
                    if (status.st_dev, status.st_ino) == self._identity:
                        found.add(name)
        return found

    def release(self) -> None:
        """Stop guarding the path."""
        _guard().release(self.path)

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of the file, and of its -wal."""
        wal = self.path + "-wal"
        return os.path.getsize(self.path), os.path.getsize(wal) if os.path.exists(wal) else 0

    def free(self) -> int | None:
        """Return the bytes that are left for this user on the file's disk, where the system tells."""
        try:
            disk = os.statvfs(self.path)
        except (OSError, AttributeError):
            return None
        return disk.f_bavail * disk.f_frsize

    def holder(self) -> int | None:
        """Return the pid that holds the write lock now, where the system tells (Linux)."""
        try:
            place = f":{os.stat(self.path + '-shm').st_ino} {WRITE_LOCK_BYTE} "
            with open("/proc/locks", encoding="ascii") as locks:
                for line in locks:
                    if place in line:
                        return int(line.split()[-4])
        except (OSError, ValueError, IndexError):
            return None
        return None


def _only_read(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA query_only = 1").fetchall()


def shut(connection: apsw.Connection | None) -> None:
    """Close a connection, if there is one; what a failing disk keeps it from doing, the next one to open does."""
    if connection is not None:
        with contextlib.suppress(apsw.Error):
            connection.close()


class OpenGuard:
    """An audit hook that refuses to open a guarded database behind our back in this process.

    The interpreter cannot take an audit hook away again, so there is one, which forgets its paths.
    """

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._names: set[str] = set()

    def protect(self, path: str) -> None:
        """Guard a database from now on."""
        self._paths.add(path)
        self._rename()

    def release(self, path: str) -> None:
        """Guard it no more."""
        self._paths.discard(path)
        self._rename()

    def _rename(self) -> None:
        self._names = {os.path.basename(path) for path in self._paths}

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if self._names and isinstance(args[0], str) and os.path.basename(args[0]) in self._names:
                self._refuse(args[0])
        elif event == "sqlite3.connect" and self._names:
            name = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else ""
            if name.startswith("file:"):
                name = unquote(name.removeprefix("file:").removeprefix("//").split("?")[0])
            self._refuse(name)

    def _refuse(self, name: str) -> None:
        for path in self._paths:
            with contextlib.suppress(OSError):
                if os.path.samefile(name, path):
                    raise StoreShared(
                        f"This process tried to open {name}, which is an open dalsegno store.",
                        "When it closed the file, the operating system would drop our locks on it, and "
                        "another process could write in the middle of our transaction.",
                        "Read the store through the client, or open the file from another process.",
                        path=path,
                    )


@functools.cache
def _guard() -> OpenGuard:
    guard = OpenGuard()
    sys.addaudithook(guard)
    return guard
