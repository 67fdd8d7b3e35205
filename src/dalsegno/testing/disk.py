"""A disk that can lose power, run full and fail, under everything that SQLite does in this process.

``Disk`` is a SQLite VFS over the system's own. While it is mounted it keeps a log of every change of one
database's files, from which ``power`` makes what a power cut may leave of them; and it fails an operation
when its ``fault`` says so. Shared memory and locks are the system's, so a store on it runs in its true mode,
with as many connections and processes as it likes. Nothing is synced for real: that would take time, and
the log knows better.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import apsw

_SYSTEM = "unix"
_SUFFIXES = ("", "-wal", "-journal")


class Action(StrEnum):
    """What SQLite may ask of a file."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    SIZE = "size"
    LOCK = "lock"
    DELETE = "delete"


class Operation(NamedTuple):
    """One thing asked of the disk: the how manieth, and of which file, named by its suffix."""

    number: int
    action: Action
    file: str


class Change(NamedTuple):
    """A line of the log. ``at`` is an offset or a size; ``folder`` says that names became durable as well.

    OPEN stands for a file's beginning, with what it held. ``lost`` is a sync that failed: the system has
    let go of the data, as Linux does, and no later sync brings it back.
    """

    action: Action
    file: str
    at: int = 0
    data: bytes = b""
    folder: bool = False
    lost: bool = False


Fault = Callable[[Operation], apsw.Error | None]
"""Says which error an operation ends with, if with any."""


class Disk:
    """The disk under the files of one database; see the module.

    ``log`` is what was changed so far, ``operations`` how often it was asked for something. A write that
    fails has written its first half, as on a disk that fills up.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log: list[Change] = []
        self.operations = 0
        self.fault: Fault | None = None
        self._spared = 0
        self._known: set[str] = set()
        self._lock = threading.Lock()
        for file in _SUFFIXES:
            if (there := Path(f"{path}{file}")).exists():
                self.began(file, there.read_bytes())

    @property
    def now(self) -> int:
        """How many changes there were until now: what was synced by then, a later cut does not take."""
        return len(self.log)

    @contextmanager
    def mounted(self) -> Generator[None]:
        """Let whatever opens a database meanwhile do so on this disk."""
        vfs = _Vfs(self)
        try:
            yield
        finally:
            vfs.unregister()

    @contextmanager
    def spared(self) -> Generator[None]:
        """Count and fail nothing meanwhile: for a look at the store that is no part of the play."""
        self._spared += 1
        try:
            yield
        finally:
            self._spared -= 1

    def holds(self, name: str | None) -> str | None:
        """Return the suffix of one of this database's files, None for any other file."""
        whole = str(self.path)
        if name is None or not name.startswith(whole):
            return None
        suffix = name.removeprefix(whole)
        return suffix if suffix in _SUFFIXES else None

    def asked(self, action: Action, file: str) -> apsw.Error | None:
        """Count an operation; return the error that it shall end with."""
        if self._spared:
            return None
        with self._lock:
            self.operations += 1
            operation = Operation(self.operations, action, file)
        return self.fault(operation) if self.fault is not None else None

    def changed(self, change: Change) -> None:
        """Write down a change."""
        with self._lock:
            self.log.append(change)

    def began(self, file: str, content: bytes = b"") -> None:
        """Write down a file that was not there before, or what it held when the log began."""
        with self._lock:
            if file not in self._known:
                self._known.add(file)
                self.log.append(Change(Action.OPEN, file, data=content))

    def deleted(self, file: str, *, folder: bool) -> None:
        """Write down that a file is gone."""
        with self._lock:
            self._known.discard(file)
            self.log.append(Change(Action.DELETE, file, folder=folder))


class _Vfs(apsw.VFS):
    """The system's VFS, but for the files of one disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(f"disk-{id(disk):x}", _SYSTEM, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        file = self._disk.holds(plain)
        if file is None:
            return apsw.VFSFile(_SYSTEM, name, flags)
        _raise(self._disk.asked(Action.OPEN, file))
        return _File(self._disk, file, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        file = self._disk.holds(filename)
        if file is not None:
            _raise(self._disk.asked(Action.DELETE, file))
        super().xDelete(filename, syncdir)
        if file is not None:
            self._disk.deleted(file, folder=syncdir)


class _File(apsw.VFSFile):
    """One open file of a disk."""

    def __init__(self, disk: Disk, file: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._file = file
        # SQLite syncs the folder with the first sync of a file that it makes beside the database.
        self._names_too = file != ""
        super().__init__(_SYSTEM, name, flags)
        disk.began(file)

    def xRead(self, amount: int, offset: int) -> bytes:
        _raise(self._disk.asked(Action.READ, self._file))
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        error = self._disk.asked(Action.WRITE, self._file)
        written = bytes(data) if error is None else bytes(data[: len(data) // 2])
        super().xWrite(written, offset)
        self._disk.changed(Change(Action.WRITE, self._file, offset, written))
        _raise(error)

    def xTruncate(self, newsize: int) -> None:
        _raise(self._disk.asked(Action.TRUNCATE, self._file))
        super().xTruncate(newsize)
        self._disk.changed(Change(Action.TRUNCATE, self._file, newsize))

    def xSync(self, flags: int) -> None:
        error = self._disk.asked(Action.SYNC, self._file)
        names, self._names_too = self._names_too, self._names_too and error is not None
        self._disk.changed(
            Change(Action.SYNC, self._file, folder=names and error is None, lost=error is not None)
        )
        _raise(error)

    def xFileSize(self) -> int:
        _raise(self._disk.asked(Action.SIZE, self._file))
        return super().xFileSize()

    def xLock(self, level: int) -> None:
        _raise(self._disk.asked(Action.LOCK, self._file))
        super().xLock(level)


def _raise(error: apsw.Error | None) -> None:
    if error is not None:
        raise error
