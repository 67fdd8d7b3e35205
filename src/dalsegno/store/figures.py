"""What a store must be able to count of itself, at a cost that what has ended has no part in."""

from __future__ import annotations

from collections.abc import Iterable
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


class StalledRuns(msgspec.Struct, frozen=True):
    """Runs of a workflow in which nothing has happened since a moment; ``since`` tells of the longest.

    ``example`` is the number of the one that was started first.
    """

    workflow: str
    count: int
    since: int
    example: int


class CaseGroup(msgspec.Struct, frozen=True):
    """Open cases of a process that have something in common; ``since`` is of the first, ``example`` one's id."""

    process: str
    count: int
    since: int
    example: str


class Figures(Protocol):
    """The part of a store that counts; see ``store.protocol.Store``."""

    async def at_work(self, namespace: str) -> tuple[int, int]:
        """Count the runs that are due and that nobody has begun, and those that a worker has."""
        ...

    async def waiting(self, namespace: str) -> list[WaitingRuns]:
        """Count the waiting runs, by workflow and by why they wait."""
        ...

    async def stalled(self, namespace: str, before: int) -> list[StalledRuns]:
        """Count the runs in which nothing has happened since a moment, by workflow.

        They wait with no timer ahead, or are due and nobody takes them up, or a worker has them and
        they write nothing. Parked ones are not among them.
        """
        ...

    async def late_cases(self, namespace: str) -> list[CaseGroup]:
        """Count the open cases that are past their due time, by process; ``since`` is that of the first."""
        ...

    async def still_cases(self, namespace: str, before: int) -> list[CaseGroup]:
        """Count the open cases in which nothing has happened since a moment; ``since`` is when the first began.

        No event has come, and no run of theirs has moved or has a timer ahead.
        """
        ...


def by_workflow(groups: Iterable[StalledRuns]) -> list[StalledRuns]:
    """Put groups of the same workflow together."""
    found: dict[str, StalledRuns] = {}
    for group in groups:
        known = found.get(group.workflow)
        if known is not None:
            since, example = min(known.since, group.since), min(known.example, group.example)
            found[group.workflow] = StalledRuns(group.workflow, known.count + group.count, since, example)
        else:
            found[group.workflow] = group
    return [found[workflow] for workflow in sorted(found)]
