"""One run as it goes on: each entry of its journal as it is written, each change of its status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.standing import Mark, Trouble
from dalsegno.core.clock import to_datetime
from dalsegno.core.runs import Run
from dalsegno.insight.moment import moment
from dalsegno.insight.trail import Marks, trouble
from dalsegno.store.protocol import Store

_PAGE = 200  # entries that are read at once


@dataclass(frozen=True, slots=True)
class Change:
    """A run's status and reason from a moment on; ``error`` is what it failed with."""

    at: datetime
    status: str
    reason: str | None
    error: Trouble | None = None


async def follow(store: Store, run: Run) -> AsyncIterator[Mark | Change]:
    """Yield what the journal holds already, then what comes, until the run has ended.

    The store is read again whenever somebody has written to it. A parked run has not ended.
    """
    made, after, shown, seen = Marks(), 0, None, -1
    while True:
        if seen == (seen := store.change_mark()):
            await moment()
            continue
        row = await store.get(run.number) or run
        while entries := await store.journal(row.number, after, _PAGE):
            after = entries[-1].position
            for entry in entries:
                yield made.mark(entry)
        state = (row.status, row.reason)
        if state != shown:
            shown = state
            yield Change(to_datetime(row.changed_at), row.status.value, row.reason, trouble(row.error))
        if row.status.ended:
            return
