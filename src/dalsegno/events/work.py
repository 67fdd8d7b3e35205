"""What a service has under way, and what of it has ended and is not written yet."""

from __future__ import annotations

from typing import Any

import msgspec

from dalsegno.core.commit import Kept
from dalsegno.core.event import Event, NewEvent
from dalsegno.core.reactions import Laned, ReactedAs, Reaction
from dalsegno.events.one_call import Ended
from dalsegno.events.plan import Plan
from dalsegno.events.progress import Progress


class Work(msgspec.Struct, gc=False):
    """One event on its way through the handlers of a service."""

    event: Event
    plans: tuple[Plan, ...]
    progress: Progress
    next: int = 0
    lined: bool = False
    told: bool = False  # the store knows already that it is passed


class Out(msgspec.Struct):
    """What has ended and is not written yet."""

    reactions: list[Reaction] = []
    events: list[NewEvent] = []
    laned: list[Laned] = []
    joined: list[Any] = []
    kept: list[Kept] = []
    touched: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self.touched or self.reactions or self.laned)

    def before(self, later: Out) -> Out:
        """Return this and what ended later."""
        return Out(
            self.reactions + later.reactions,
            self.events + later.events,
            self.laned + later.laned,
            self.joined + later.joined,
            self.kept + later.kept,
            self.touched | later.touched,
        )


def reaction_of(work: Work, plan: Plan, how: Ended) -> Reaction:
    """Say what came of an event for a handler that was called and has not failed."""
    outcome = ReactedAs.FILTERED if how.filtered else ReactedAs.STALE if how.stale else ReactedAs.DONE
    return Reaction(work.event.number, plan.number, outcome, None, how.took, None, work.event.at)
