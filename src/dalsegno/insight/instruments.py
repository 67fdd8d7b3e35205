"""What an App is watched with, put together: metrics, traces and alerts, each only where somebody wants it.

What is not wanted is not imported, and nothing calls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dalsegno.client import Operations
from dalsegno.core.clock import Clock
from dalsegno.core.commit import Rest
from dalsegno.core.runs import Run
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.engine import Engine
from dalsegno.engine.runner import Spawner, StepRunner
from dalsegno.events.reacting import Reacting
from dalsegno.events.together import Companion
from dalsegno.store.protocol import Store

if TYPE_CHECKING:
    from dalsegno.insight.alerts.rules import Alert
    from dalsegno.insight.alerts.watching import Watching
    from dalsegno.insight.metrics.metrics import Metrics
    from dalsegno.insight.traces.provider import Provided
    from dalsegno.insight.traces.traces import Traces


class Instruments:
    """Those of one App at work; ``metrics`` is an address to serve them at, ``traces`` None for as it is set up."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        name: str,
        namespace: str,
        metrics: str | None,
        traces: bool | None,
        slots: int,
        alerts: Sequence[Alert],
        commits: CommitQueue,
    ) -> None:
        self.metrics: Metrics | None = None
        self.traces: Traces | None = None
        self.alerts: Watching | None = None
        self._provided: Provided | None = None
        if metrics is not None:
            from dalsegno.insight.metrics.metrics import Metrics

            self.metrics = Metrics(store, clock, namespace, address=metrics, slots=slots)
        if alerts:
            from dalsegno.insight.alerts.watching import Watching

            self.alerts = Watching(alerts, store, commits, namespace)
        from dalsegno.insight.traces import provider

        if provider.wanted(traces):
            from dalsegno.insight.traces.traces import Traces

            self._provided = provider.provide(name)
            self.traces = Traces(self._provided.provider, store)

    def runner(self, threads: Spawner) -> StepRunner:
        """Make a runner of steps that is watched."""
        runner = StepRunner(threads) if self.metrics is None else self.metrics.runner(threads)
        if self.traces is None:
            return runner
        from dalsegno.insight.traces.runner import TracedRunner

        return TracedRunner(runner, threads, self.traces)

    @property
    def companions(self) -> tuple[Companion, ...]:
        """Those that live and end with a worker's session."""
        return tuple(each for each in (self.traces, self.alerts) if each is not None)

    def watch(self, commits: CommitQueue, engine: Engine, reacting: Reacting, operations: Operations) -> None:
        """Have them hear of what is done."""
        if self.metrics is not None:
            self.metrics.meter.live = engine.live
            engine.on_ended, commits.on_landed = self.metrics.ended, self.metrics.landed
        if self.traces is not None:
            engine.on_wake = self.traces.woke
            operations.sending.tracing = self.traces
            reacting.trace(self.traces)

    def rested(self, run: Run, rest: Rest) -> None:
        """Hear that a run has come to rest."""
        if self.metrics is not None:
            self.metrics.rested(run, rest)
        if self.traces is not None:
            self.traces.rested(run, rest)
        if self.alerts is not None:
            self.alerts.rested(run, rest)

    def open(self) -> None:
        """Begin to serve what is to be served; needs a running loop, and the store open. Raises InvalidInput."""
        if self.metrics is not None:
            self.metrics.open()

    async def close(self) -> None:
        """Serve no more, and send what is left; neither holds up the loop."""
        if self.metrics is not None:
            await self.metrics.close()
        if self._provided is not None:
            await asyncio.to_thread(self._provided.close)
