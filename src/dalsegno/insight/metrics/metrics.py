"""The metrics of one process: counted while it works, completed from the store when somebody asks."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dalsegno.core.clock import Clock
from dalsegno.core.commit import Rest
from dalsegno.core.ops import Op
from dalsegno.core.runs import Run
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.live import LiveRun
from dalsegno.engine.runner import Spawner, StepRunner
from dalsegno.errors import StoreError
from dalsegno.insight.metrics.gauges import Gauges, read_gauges
from dalsegno.insight.metrics.meter import Meter
from dalsegno.insight.metrics.steps import MeasuredRunner
from dalsegno.store.protocol import Store

if TYPE_CHECKING:
    from dalsegno.insight.metrics.server import MetricsServer

log = logging.getLogger("dalsegno.metrics")

VARIABLE = "DALSEGNO_METRICS_TOKEN"
_FRESH = 1.0  # seconds for which what was read is good
_PATIENCE = 5.0  # seconds that a worker's loop has to read the store for a scrape


class Metrics:
    """Counts for one worker, and serves what it counted at ``address`` (``HOST:PORT``)."""

    def __init__(self, store: Store, clock: Clock, namespace: str, *, address: str, slots: int) -> None:
        self.meter = Meter()
        self._store = store
        self._clock = clock
        self._namespace = namespace
        self._address = address
        self._slots = slots
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: MetricsServer | None = None
        self._read: tuple[float, Gauges] | None = None
        self._reading = asyncio.Lock()

    # -- what it hears

    def runner(self, threads: Spawner) -> StepRunner:
        """Make a runner of steps that is measured."""
        return MeasuredRunner(threads, self._clock, self.meter)

    def landed(self, items: Sequence[Write], verdicts: Sequence[Verdict], seconds: float) -> None:
        """Hear of a group that was written."""
        self.meter.landed(items, verdicts, seconds, self._store.now())

    def ended(self, live: LiveRun, op: Op, error: BaseException | None) -> None:
        """Hear that an attempt of a step has ended."""
        self.meter.ended(live, op, error, self._store.now())

    def rested(self, run: Run, rest: Rest) -> None:
        """Hear that a run has come to rest."""
        self.meter.rested(run, rest, self._store.now())

    # -- what it serves

    def open(self) -> None:
        """Begin to serve; needs a running loop, and the store open. Raises InvalidInput."""
        from dalsegno.insight.metrics.server import MetricsServer, read_address

        token = os.environ.get(VARIABLE)
        self._loop = asyncio.get_running_loop()
        self._server = MetricsServer(read_address(self._address, token), token, self._answer)

    @property
    def address(self) -> str:
        """Where it serves, once it does: HOST:PORT."""
        return self._server.address if self._server is not None else self._address

    async def close(self) -> None:
        """Serve no more."""
        server, self._server = self._server, None
        if server is not None:  # on a thread: a request under way may be waiting for this loop
            await asyncio.to_thread(server.close)

    def _answer(self, accepts: str) -> tuple[bytes, str]:
        """Make the page, on the thread of a request; a loop that stands still costs it the store's gauges."""
        from dalsegno.insight.metrics.exposition import Scrape, written

        gauges: Gauges | None = None
        assert self._loop is not None
        asked = asyncio.run_coroutine_threadsafe(self._gauges(), self._loop)
        try:
            gauges = asked.result(_PATIENCE)
        except TimeoutError:
            asked.cancel()
            log.warning("the worker's loop did not read the store for a scrape within %s s", _PATIENCE)
        except StoreError as error:
            log.warning("the store could not be read for a scrape: %s", error.what)
        held = len(self.meter.live)
        return written(Scrape(self.meter, gauges, (held, max(0, self._slots - held))), accepts)

    async def _gauges(self) -> Gauges:
        """Read the store, unless that was done a moment ago: so often as it is asked, it costs the same."""
        async with self._reading:
            now = self._clock.monotonic()
            if self._read is None or now - self._read[0] >= _FRESH:
                self._read = now, await read_gauges(self._store, self._namespace)
            return self._read[1]
