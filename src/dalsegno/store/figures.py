"""What a store must be able to count of itself, at a cost that what has ended has no part in."""

from __future__ import annotations

from typing import Protocol

import msgspec


class WaitingRuns(msgspec.Struct, frozen=True):
    """Waiting runs that have in common what they are and why; ``since`` is when the first of them came to rest.

    ``parked`` is the reason where they are parked. Those ``asleep`` go on by themselves at a time to come.
    """

    workflow: str
    parked: str
    asleep: bool
    count: int
    since: int


class Figures(Protocol):
    """The part of a store that counts; see ``store.protocol.Store``."""

    async def at_work(self, namespace: str) -> tuple[int, int]:
        """Count the runs that are due and that nobody has begun, and those that a worker has."""
        ...

    async def waiting(self, namespace: str) -> list[WaitingRuns]:
        """Count the waiting runs, by workflow and by why they wait."""
        ...
