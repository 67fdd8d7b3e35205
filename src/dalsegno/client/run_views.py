"""Runs as a program sees them in a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dalsegno.core.clock import to_datetime
from dalsegno.core.runs import Run as Row


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run as a list shows it."""

    id: str
    workflow: str
    version: str
    status: str
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    changed_at: datetime
    ended_at: datetime | None
    case_id: str | None


def run_info(row: Row) -> RunInfo:
    """Show a row of runs."""
    return RunInfo(
        id=row.id,
        workflow=row.workflow,
        version=row.version,
        status=row.status.value,
        reason=row.reason,
        created_at=to_datetime(row.created_at),
        started_at=None if row.started_at is None else to_datetime(row.started_at),
        changed_at=to_datetime(row.changed_at),
        ended_at=None if row.ended_at is None else to_datetime(row.ended_at),
        case_id=row.case_id,
    )
