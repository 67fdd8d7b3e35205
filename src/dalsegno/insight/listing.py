"""What runs there are: a page of them, and how many are in which status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dalsegno.core.clock import to_datetime
from dalsegno.core.runs import Run, Status
from dalsegno.store.protocol import RunQuery, Store


@dataclass(frozen=True, slots=True)
class Listed:
    """A run as a list shows it."""

    id: str
    workflow: str
    version: str
    status: str
    reason: str | None
    case_id: str | None
    created_at: datetime
    started_at: datetime | None
    changed_at: datetime
    ended_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs, newest first; ``next`` is what to ask for as ``before`` to go on, None at the end."""

    at: datetime
    runs: tuple[Listed, ...]
    next: int | None


async def list_runs(store: Store, query: RunQuery) -> Page:
    """List the runs that a query asks for, one page of them."""
    rows = await store.runs(query)
    more = len(rows) == query.limit and bool(rows)
    return Page(
        at=to_datetime(store.now()),
        runs=tuple(listed(row) for row in rows),
        next=rows[-1].number if more else None,
    )


async def count_runs(store: Store, namespace: str) -> dict[str, int]:
    """Count a namespace's runs in each of the six statuses."""
    counted = await store.counts(namespace)
    return {status.value: counted.get(status.value, 0) for status in Status}


def listed(run: Run) -> Listed:
    """Make a list's line of a run's row."""
    return Listed(
        id=run.id,
        workflow=run.workflow,
        version=run.version,
        status=run.status.value,
        reason=run.reason,
        case_id=run.case_id,
        created_at=to_datetime(run.created_at),
        started_at=_moment(run.started_at),
        changed_at=to_datetime(run.changed_at),
        ended_at=_moment(run.ended_at),
        due_at=_moment(run.due_at),
    )


def _moment(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)
