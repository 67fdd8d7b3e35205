"""Steps that have a transaction, timed. Of all others the engine tells itself."""

from __future__ import annotations

from typing import Any

from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.transact import OpenTx
from dalsegno.engine.calls import StepCall
from dalsegno.engine.context import StepInfo
from dalsegno.engine.runner import Spawner, StepRunner
from dalsegno.insight.metrics.meter import Meter


class MeasuredRunner(StepRunner):
    """Starts attempts, and tells the meter how those in transactions have ended."""

    def __init__(self, threads: Spawner, clock: Clock, meter: Meter) -> None:
        super().__init__(threads)
        self._stopwatch = clock.monotonic
        self._meter = meter

    def transact(self, call: StepCall, info: StepInfo, tx: OpenTx) -> Any:
        began, error = self._stopwatch(), None
        try:
            return super().transact(call, info, tx)
        except BaseException as raised:  # whatever a step raises is its outcome
            error = raised
            raise
        finally:
            took = int((self._stopwatch() - began) * SECOND)
            self._meter.attempt(info.workflow, info.step, took, error, undoes=bool(call.undoes))
