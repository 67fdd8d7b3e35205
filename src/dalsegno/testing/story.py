"""What happened in a world, as a report tells it: the last events of each process, in their order."""

from __future__ import annotations

from collections import deque

_TOLD = 30  # events of each process


class Story:
    """Remembers the last events of each process."""

    def __init__(self) -> None:
        self._events: dict[str, deque[tuple[int, str]]] = {}
        self._told = 0

    def tell(self, who: str, line: str) -> None:
        """Add an event of a process."""
        self._told += 1
        self._events.setdefault(who, deque(maxlen=_TOLD)).append((self._told, line))

    def lines(self) -> list[str]:
        """Return what is remembered, of all processes, in its order."""
        return [line for _, line in sorted(event for events in self._events.values() for event in events)]
