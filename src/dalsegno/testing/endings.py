"""How runs end, as their caller hears it and as the store has it: what plays must agree on."""

from __future__ import annotations

from typing import Any

from dalsegno.client import AsyncClient
from dalsegno.core import failure
from dalsegno.core.runs import Run
from dalsegno.errors import RunCancelled, RunFailed

End = tuple[str, str | None, Any]
"""How a run ended: its status, its reason, and its result or its error as text."""


async def result_of(client: AsyncClient, run_id: str) -> tuple[str, Any]:
    """Wait for a run's end: its status, and its value or the message of its error."""
    try:
        return "completed", await client.run(run_id).result()
    except RunFailed as failed:
        return "failed", failed.error.message
    except RunCancelled:
        return "cancelled", None


def end_of(run: Run) -> End:
    """Tell how a run ended, or what it waits for."""
    if run.error is not None:
        told = failure.decode(run.error)
        return run.status.value, run.reason, f"{told.type}: {told.message}"
    return run.status.value, run.reason, run.output
