"""How far a service has come: per partition the events under way, per key who is first."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import msgspec

W = TypeVar("W")


class Progress(msgspec.Struct):
    """One partition that this worker owns: all its events up to ``position`` are passed.

    ``taken`` is how far the log was read for it, when the reader goes back for the sake of another one.
    ``careful`` says of how many events each is to begin alone, since workers have died again and again.
    """

    partition: int
    position: int
    crashes: int = 0
    suspect: int | None = None
    careful: int = 0
    taken: int = 0
    open: dict[int, None] = {}

    def is_new(self, number: int) -> bool:
        """Tell whether an event has neither begun nor been passed."""
        return number > self.position and number > self.taken and number not in self.open

    def begin(self, number: int) -> None:
        """An event is under way; they begin in the order of their numbers."""
        self.open[number] = None

    def end(self, number: int) -> None:
        """An event is passed for all handlers."""
        self.open.pop(number, None)

    def is_written(self, number: int) -> bool:
        """Tell whether an event is passed, and the store knows it, as far as those before it let it."""
        first = next(iter(self.open), number + 1)
        return number not in self.open and self.position >= min(number, first - 1)

    def reached(self, read_to: int, passing: int = 0) -> int:
        """Return the position up to which all is passed, where the log was read up to ``read_to``.

        ``passing`` is an event that is passed with the commit that tells the position.
        """
        first = next((number for number in self.open if number != passing), None)
        return max(read_to, self.taken, self.position) if first is None else first - 1


class Lines(Generic[W]):
    """Who waits behind whom: of each key one at a time, in the order of arrival."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[W]] = {}

    def enter(self, key: str, work: W) -> bool:
        """Tell whether it may begin at once; else it is handed out when its turn comes."""
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
            return True
        line.append(work)
        return False

    def leave(self, key: str) -> W | None:
        """Hear that the first one has ended; return the next, which is the first now."""
        line = self._lines[key]
        if line:
            return line.popleft()
        del self._lines[key]
        return None
