"""Reactions that go on as runs: because they failed, because others of their key are before them, or for good."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from dalsegno.core.event import Event
from dalsegno.core.ids import Numbers, seeded
from dalsegno.core.reactions import Laned, ReactedAs, Reaction, ServiceRow
from dalsegno.core.runs import KILLS_ITS_WORKER
from dalsegno.events.plan import Plan
from dalsegno.events.work import Out


class GoingOn:
    """Makes the runs of one service's reactions; each answers which key is blocked by it."""

    def __init__(self, row: ServiceRow, numbers: Numbers, queue: str, now: Callable[[], int]) -> None:
        self._row = row
        self._numbers = numbers
        self._queue = queue
        self._now = now

    def as_run(
        self, out: Out, plan: Plan, event: Event, error: BaseException | None, due: int | None
    ) -> str | None:
        """Let a reaction go on as a run, which waits behind those of its key, and at most until it is ``due``."""
        generation = self._row.generation
        number = self._numbers.take()[0]
        start = plan.start(event, number, generation, self._row.namespace, self._queue)
        out.reactions.append(Reaction(event.number, plan.number, ReactedAs.RUN, number))
        if plan.joins:
            out.joined.append(plan.joined(event, start, generation))
            return None
        key = event.key if plan.in_order else None
        laned = Laned(start, plan.number, plan.rank(event), key, due_at=due)
        if error is not None:
            rng = seeded("reaction", event.number, plan.number)
            failed, delay = plan.failed(event, generation, error, rng)
            due = None if delay is None else self._now() + delay
            laned = replace(laned, failed=failed, due_at=due)
        out.laned.append(laned)
        return key

    def parked(self, out: Out, plan: Plan, event: Event) -> str | None:
        """Put a reaction aside at which worker after worker has died."""
        number = self._numbers.take()[0]
        start = plan.start(event, number, self._row.generation, self._row.namespace, self._queue)
        parked = replace(start, reason=KILLS_ITS_WORKER, held=True)
        out.reactions.append(Reaction(event.number, plan.number, ReactedAs.RUN, number))
        out.laned.append(Laned(parked, plan.number, event.number, event.key))
        return event.key
