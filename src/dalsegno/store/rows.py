"""Rows of the tables, read as the values that they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dalsegno.core.alerts import AlertRow, Told
from dalsegno.core.commit import Start
from dalsegno.core.entries import Delivery, Entry, Kind, Outcome, Timer
from dalsegno.core.event import Event
from dalsegno.core.runs import Run, Status
from dalsegno.core.schemas import SchemaRow

STATUS_OF = {status.value: status for status in Status}
_STATUS = Run.__struct_fields__.index("status")
_ATTACHED = Run.__struct_fields__.index("attached")
_UNDOES = Run.__struct_fields__.index("undoes")
_SEALED = SchemaRow.__struct_fields__.index("sealed")


def run_of(row: Sequence[Any]) -> Run:
    """Make a run of a row of ``run_columns``."""
    values = list(row)
    values[_STATUS] = STATUS_OF[values[_STATUS]]
    values[_ATTACHED] = bool(values[_ATTACHED])
    values[_UNDOES] = bool(values[_UNDOES])
    return Run(*values)


def entry_of(row: Sequence[Any]) -> Entry:
    """Make an entry of a row of ``read_entries``."""
    position, kind, op, name, digest, outcome, *rest = row
    return Entry(position, Kind(kind), op, name, digest, Outcome(outcome), *rest)


def timer_of(row: Sequence[Any]) -> Timer:
    """Make a timer of a row of ``read_timers``."""
    return Timer(row[0], row[1], bool(row[2]))


def delivery_of(row: Sequence[Any]) -> Delivery:
    """Make a delivery of a row of ``read_inbox``."""
    number, kind, name, id_, source, op, outcome, codec, data, accepted_at = row
    return Delivery(number, Kind(kind), name, id_, source, op, Outcome(outcome), codec, data, accepted_at)


def status_of(item: Start) -> str:
    """Return the status that a new run has: one that parks at once waits for a person."""
    if item.session is not None:
        return "running"
    return "waiting" if item.reason is not None else "pending"


def new_run(item: Start, now: int) -> Run:
    """Make the run that a start has made, without reading it back."""
    claimed = item.session is not None
    return Run(
        number=item.number,
        namespace=item.namespace,
        id=item.id,
        workflow=item.workflow,
        version=item.version,
        status=Status(status_of(item)),
        turn=int(claimed),
        session=item.session,
        reason=item.reason,
        due_at=None if claimed or item.held else item.due_at or now,
        input_codec=item.input_codec,
        input=item.input,
        input_digest=item.input_digest,
        fingerprint=item.fingerprint,
        python=item.python,
        parent=item.parent,
        parent_op=item.parent_op,
        attached=item.attached,
        depth=item.depth,
        case_id=item.case_id,
        traceparent=item.traceparent,
        created_at=now,
        started_at=now if claimed else None,
        changed_at=now,
        cause=item.cause,
        undoes=item.undoes,
    )


def is_child(run: Run, parent: int, start: Start) -> bool:
    """Tell whether a run is the child that an operation of its parent wants to start."""
    made_by = (run.parent, run.parent_op, run.workflow, run.input_digest)
    return made_by == (parent, start.parent_op, start.workflow, start.input_digest)


def event_of(row: Sequence[Any]) -> Event:
    """Make an event of a row of ``event_columns``."""
    return Event(*row)


def alert_of(row: Sequence[Any]) -> AlertRow:
    """Make an alert of a row of ``alert_columns``."""
    values = list(row)
    values[-1] = Told(values[-1])
    return AlertRow(*values)


def schema_of(row: Sequence[Any]) -> SchemaRow:
    """Make a version of an event type of a row of ``schema_columns``."""
    values = list(row)
    values[_SEALED] = bool(values[_SEALED])
    return SchemaRow(*values)
