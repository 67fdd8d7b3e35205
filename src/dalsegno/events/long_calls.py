"""Which calls of handlers take their time: told by the heartbeat, since no row says yet that they were begun."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from dalsegno.core.clock import SECOND
from dalsegno.core.notes import LongAttempt
from dalsegno.events.plan import Plan

_LONG = SECOND
_MOST_REPORTED = 100


class LongCalls:
    """Notes when it first saw a call under way; looked at a few times a second, so that no call pays for it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], int] = {}

    def of(self, called: Iterable[tuple[int, Plan]], now: int) -> tuple[LongAttempt, ...]:
        """Return those that have been under way for a while, of all that are: the event's number, and the plan."""
        plans = {(event, plan.number): plan for event, plan in called}
        self._seen = {place: self._seen.get(place, now) for place in plans}
        long = ((place, at) for place, at in self._seen.items() if at < now - _LONG)
        return tuple(_attempt(plans[place], *place, at) for place, at in islice(long, _MOST_REPORTED))


def _attempt(plan: Plan, event: int, handler: int, at: int) -> LongAttempt:
    return LongAttempt(-event, handler, plan.handler.name, 1, _attempts(plan), at)


def _attempts(plan: Plan) -> int:
    """Say how often it may be tried; 0 is without limit."""
    retry = plan.handler.options.retry
    return 1 if retry is None else retry.attempts or 0
