"""The services' book: a file of JSON lines that several processes append to, and nobody changes.

Each line is one ``write`` on a descriptor opened for appending. A process that is killed in the
middle of it leaves a torn line: the next writer begins a new one, and readers pass the torn one over.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from dalsegno.core.clock import SystemClock


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one service noted: who asked for what, by which key, and what came of it.

    ``at`` is by the machine's boot clock, in microseconds: comparable across processes.
    """

    service: str
    action: str
    outcome: str
    order: str = ""
    key: str = ""
    attempt: int = 0
    pid: int = 0
    at: int = 0


class Book:
    """The file, open in one process; any of its threads may use it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._mutex = threading.Lock()
        self._read_to = 0
        self._now = SystemClock().boot

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    @contextmanager
    def alone(self) -> Generator[None]:
        """Keep all others, here and in other processes, from writing meanwhile."""
        with self._mutex:
            fcntl.flock(self._file, fcntl.LOCK_EX)  # a killed holder's lock goes with it
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def note(self, line: Line) -> None:
        """Append a line, with the time and, unless it names another one, this process."""
        with self.alone():
            self.note_alone(line)

    def note_alone(self, line: Line) -> None:
        """Append a line while ``alone``."""
        line = msgspec.structs.replace(line, pid=line.pid or os.getpid(), at=self._now())
        data = msgspec.json.encode(line) + b"\n"
        if self._ends_torn():
            data = b"\n" + data
        if os.write(self._file, data) != len(data):
            raise OSError(f"{self.path} took only a part of a line: is the disk full?")

    def news(self) -> list[Line]:
        """Return the lines that were appended since the last call."""
        data = os.pread(self._file, os.fstat(self._file).st_size - self._read_to, self._read_to)
        whole = data[: data.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return [line for text in whole.splitlines() if (line := self._parsed(text)) is not None]

    def _parsed(self, text: bytes) -> Line | None:
        try:
            return msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError:
            self.torn += 1
            return None

    def _ends_torn(self) -> bool:
        size = os.fstat(self._file).st_size
        return size > 0 and os.pread(self._file, 1, size - 1) != b"\n"


def read(path: Path) -> list[Line]:
    """Read a whole book."""
    book = Book(path)
    try:
        return book.news()
    finally:
        book.close()
