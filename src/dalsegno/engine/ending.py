"""What the end of a run's code means for its row: its status, its result, or its failure as data."""

from __future__ import annotations

import asyncio

from dalsegno.core import failure
from dalsegno.core.commit import Rest
from dalsegno.core.failure import Failure
from dalsegno.core.runs import Status
from dalsegno.engine.calls import too_large
from dalsegno.engine.live import LiveRun


def ending(live: LiveRun, payload_limit: int) -> Rest:
    """Return how a run whose code has come to its end comes to rest."""
    reason = live.execution.reason
    try:
        value = live.execution.outcome()
        what = f"result of workflow {live.run.workflow}"
        data, _ = live.workflow.output.journal(value, what)
        if len(data) > payload_limit:
            raise too_large(what, len(data), payload_limit, live.run.id)
    except BaseException as error:  # whatever a workflow raises is its outcome
        cancelled = isinstance(error, asyncio.CancelledError) and live.execution.cancel_requested
        status = Status.CANCELLED if cancelled else Status.FAILED
        return Rest(status, live.wakes, reason, error=failure.encode(Failure.of(error)))
    return Rest(Status.COMPLETED, live.wakes, reason, output=data)
