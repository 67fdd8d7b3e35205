"""Events of a key in the order of a number that they carry: those that come early wait for the missing ones."""

from __future__ import annotations

from enum import Enum
from typing import Any

from dalsegno.core.commit import Kept
from dalsegno.core.reactions import KeptRow
from dalsegno.errors import InvalidInput
from dalsegno.events.handlers import Handler

FIRST = 1  # what a key's events are counted from; 0 will do as well


class Turn(Enum):
    """Whether it is an event's turn."""

    NOW = "now"
    LATE = "late"  # a later one was there before, or the same
    EARLY = "early"  # one is missing before it


class Sequenced:
    """How one handler puts the events of a key in order; which one is next is kept with its reactions."""

    def __init__(self, handler: Handler) -> None:
        self.gap = handler.options.gap
        self._title = handler.title
        self._by: Any = handler.options.sequence

    def key(self, key: str) -> str:
        """Name what is kept of a key; no key of an event has a line break."""
        return f"{self._title}\n{key}"

    def place(self, value: Any) -> int:
        """Return the number that an event carries."""
        place = getattr(value, self._by) if isinstance(self._by, str) else self._by(value)
        if isinstance(place, bool) or not isinstance(place, int):
            raise InvalidInput(
                f"Handler {self._title} orders events by {place!r}.",
                "The events of a key are counted, so their place is a whole number.",
                "Name a field that counts, or give sequence= a function that returns a whole number.",
                value=place,
            )
        return place

    def turn(self, place: int, row: KeptRow | None) -> Turn:
        """Say whether it is the turn of an event, by what is kept of its key."""
        if row is None or row.data is None:
            return Turn.NOW if place <= FIRST else Turn.EARLY
        expected = int(row.data)
        return Turn.NOW if place == expected else Turn.LATE if place < expected else Turn.EARLY

    def passed(self, service: int, key: str, event: int, place: int, generation: int | None = None) -> Kept:
        """Make what is kept once an event had its turn: the next one is expected."""
        return Kept(service, self.key(key), event, str(place + 1).encode(), generation=generation)
