"""What was seen of a case: its events, what became of the reactions to them, the runs that take part."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum

from dalsegno.insight.flow.declared import Flow, Handler


class State(StrEnum):
    """What became of a reaction. ``PASSED`` is one that was never owed: its handler came later.

    A reaction that has ended in failure for good is ``DONE``: nothing more comes of it.
    """

    OPEN = "open"
    DONE = "done"
    DEAD_LETTER = "dead letter"
    CANCELLED = "cancelled"
    FILTERED = "filtered"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the case; ``cause`` is the number of the event that led to it, if one did."""

    number: int
    type: str
    key: str | None = None
    cause: int | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Reacted:
    """A reaction: of which handler (its full name), and how it stands. ``at`` is when it came to that."""

    event: int
    handler: str
    state: State
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A run of the case that is no reaction: of which workflow, and whether it has not ended."""

    workflow: str
    open: bool
    id: str = ""


@dataclass(frozen=True)
class Trail:
    """What was seen of a case, events in the order of the log.

    A reaction that is not listed is open: nobody has come to it yet. ``cancelled`` is the number of the
    event that cancelled the case.
    """

    events: tuple[Happened, ...] = ()
    reactions: tuple[Reacted, ...] = ()
    runs: tuple[Participant, ...] = ()
    cancelled: int | None = None

    @functools.cached_property
    def _reacted(self) -> dict[tuple[int, str], Reacted]:
        return {(each.event, each.handler): each for each in self.reactions}

    @functools.cached_property
    def types(self) -> dict[str, None]:
        """The types that are there, in the order in which they first came."""
        return dict.fromkeys(event.type for event in self.events)

    def state(self, event: Happened, handler: Handler) -> State:
        """Say how a handler's reaction to an event stands."""
        known = self._reacted.get((event.number, handler.title))
        return State.OPEN if known is None else known.state

    def ended_at(self, event: Happened, handler: Handler) -> int | None:
        """Say when a handler's reaction to an event came to stand as it does, if that is known."""
        known = self._reacted.get((event.number, handler.title))
        return None if known is None else known.at

    def followers(self) -> frozenset[int]:
        """Return the numbers of the events that came of the cancelling, the cancelling event among them."""
        if self.cancelled is None:
            return frozenset()
        found = {self.cancelled}
        for event in self.events:
            if event.cause in found:
                found.add(event.number)
        return frozenset(found)

    def has_begun(self, flow: Flow, workflow: str) -> bool:
        """Tell whether a workflow has had its part in the case: a run of it, or one of its events, is there."""
        if any(run.workflow == workflow for run in self.runs):
            return True
        return not self.types.keys().isdisjoint(flow.by_emitter[workflow].gives)
