"""Counts what a worker does, in plain numbers: who asks for them makes them pretty, and not the path that counts."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Claimed, Commit, Committed, Emit, Emitted, Rest, Started
from dalsegno.core.event import NewEvent
from dalsegno.core.ops import Op
from dalsegno.core.reactions import React, ReactedAs
from dalsegno.core.runs import Run
from dalsegno.core.transact import Transacted
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.live import LiveRun
from dalsegno.errors import StepTimeout
from dalsegno.insight.metrics import names
from dalsegno.insight.metrics.names import Metric


class Spread:
    """How durations are spread over the bounds of a histogram; all in microseconds, as they come."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, metric: Metric) -> None:
        self.bounds = [int(bound * SECOND) for bound in metric.buckets]
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0

    def add(self, took: int) -> None:
        """Count a duration; one below zero, which a clock that was set back makes, is none at all."""
        if took > 0:
            self.counts[bisect_left(self.bounds, took)] += 1
            self.sum += took
        else:
            self.counts[0] += 1

    @property
    def count(self) -> int:
        """How many it has."""
        return sum(self.counts)


class Attempts:
    """What became of the attempts of one step in one workflow, and how long they took."""

    __slots__ = ("done", "failed", "spread")

    def __init__(self) -> None:
        self.done = 0
        self.failed: defaultdict[str, int] = defaultdict(int)  # by how
        self.spread = Spread(names.STEP_DURATION)


class Finished:
    """The runs of one workflow that have ended: how, and how long they took."""

    __slots__ = ("by_status", "spread")

    def __init__(self) -> None:
        self.by_status: defaultdict[str, int] = defaultdict(int)
        self.spread = Spread(names.RUN_DURATION)


class Handled:
    """What one handler did with events: how its reactions came out, and how long those took that it made at once."""

    __slots__ = ("by_outcome", "latency", "took")

    def __init__(self) -> None:
        self.by_outcome = [0] * (max(ReactedAs) + 1)
        self.took = Spread(names.REACTION_DURATION)
        self.latency = Spread(names.EVENT_TO_REACTION)


class Meter:
    """Everything that one process counted since it began.

    It is on the path of every step and every commit, so it looks each thing up once, and puts names to
    nothing. What concerns a handler is counted under its number. All is called on the worker's loop, but
    for ``attempt``, which a thread may call that has a transaction. ``live`` are the runs that the
    worker's engine has.
    """

    def __init__(self) -> None:
        self.live: Mapping[int, LiveRun] = {}
        self.commits = Spread(names.COMMIT_DURATION)
        self.items = 0
        self.entries = 0
        self.begun: defaultdict[str, int] = defaultdict(int)  # by workflow
        self.finished: dict[str, Finished] = {}  # by workflow
        self.attempts: dict[tuple[str, str], Attempts] = {}  # by workflow and step
        self.compensations: defaultdict[tuple[str, str], int] = defaultdict(int)  # by workflow and outcome
        self.emitted: defaultdict[str, int] = defaultdict(int)  # by type
        self.handlers: dict[int, Handled] = {}
        self.buried: defaultdict[int, int] = defaultdict(int)  # by handler

    # -- what it hears

    def landed(self, items: Sequence[Write], verdicts: Sequence[Verdict], seconds: float, now: int) -> None:
        """Hear of a group that was written at ``now``."""
        self.commits.add(int(seconds * SECOND))
        self.items += len(items)
        for item, verdict in zip(items, verdicts, strict=True):
            if type(verdict) is Committed:
                self._committed(item, now)
            else:
                self._answered(item, verdict, now)

    def ended(self, live: LiveRun, op: Op, error: BaseException | None, now: int) -> None:
        """Hear that an attempt of a step, which began on the worker's loop, has ended at ``now``."""
        under_way = live.attempts.get(op.number)
        if under_way is not None:
            undoes = bool(getattr(op.request, "undoes", 0))
            self.attempt(live.run.workflow, op.name, now - under_way.began_at, error, undoes=undoes)

    def attempt(
        self, workflow: str, step: str, took: int, error: BaseException | None, *, undoes: bool
    ) -> None:
        """Count an attempt that took so many microseconds; ``undoes`` where it was one of a compensation."""
        known = self.attempts.get((workflow, step))
        if known is None:
            known = self.attempts[workflow, step] = Attempts()
        known.spread.add(took)
        if error is None:
            known.done += 1
        else:
            known.failed[_failed_as(error)] += 1
        if undoes:
            self.compensations[workflow, "done" if error is None else _failed_as(error)] += 1

    def rested(self, run: Run, rest: Rest, now: int) -> None:
        """Hear that a run has come to rest."""
        if rest.status.ended:
            known = self.finished.get(run.workflow)
            if known is None:
                known = self.finished[run.workflow] = Finished()
            known.by_status[rest.status.value] += 1
            known.spread.add(now - run.created_at)

    # -- what was written

    def _committed(self, item: Write, now: int) -> None:
        if type(item) is Commit:
            self.entries += len(item.entries)
            if item.events:
                self._emit(item.events)
            if item.dead is not None:
                self.buried[item.dead.handler] += 1
        elif type(item) is React:
            self._react(item, now)

    def _answered(self, item: Write, verdict: Verdict, now: int) -> None:
        if type(verdict) is Started:
            if verdict.created and verdict.run.session is not None:
                self.begun[verdict.run.workflow] += 1
        elif type(verdict) is Claimed:
            for run in verdict.runs:
                if run.turn == 1 and run.number not in self.live:  # a claim may tell of one again
                    self.begun[run.workflow] += 1
        elif type(verdict) is Emitted and type(item) is Emit:
            # Which ones were there before is not told: of several types, this may name the wrong one.
            self._emit(item.events[: len(item.events) - verdict.repeated])
        elif type(verdict) is Transacted:
            for inner, answer in zip(verdict.items, verdict.verdicts, strict=True):
                if type(answer) is Committed:
                    self._committed(inner, now)
                else:
                    self._answered(inner, answer, now)

    def _react(self, item: React, now: int) -> None:
        """Count many reactions at a time, most of them of one handler."""
        number, known = 0, None
        for reaction in item.reactions:
            if known is None or reaction.handler != number:
                number = reaction.handler
                known = self.handlers.get(number)
                if known is None:
                    known = self.handlers[number] = Handled()
            known.by_outcome[reaction.outcome] += 1
            accepted_at = reaction.accepted_at
            if accepted_at:
                known.took.add(reaction.took)
                known.latency.add(now - accepted_at)
        if item.events:
            self._emit(item.events)

    def _emit(self, events: Sequence[NewEvent]) -> None:
        emitted = self.emitted
        for event in events:
            emitted[event.type] += 1


def _failed_as(error: BaseException) -> str:
    if isinstance(error, StepTimeout):
        return "timeout"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
