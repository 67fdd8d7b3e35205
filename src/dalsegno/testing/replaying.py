"""Replays a recorded journal against the code that is here, and says where they part.

A replay needs no store, no worker and no step: it is the run's code and its entries. So it is quick,
and nothing happens to the world.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from dalsegno.core import failure
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.execution import Execution
from dalsegno.core.failure import Failure
from dalsegno.core.limits import Limits
from dalsegno.core.loop import Alarm, Ready
from dalsegno.core.ops import Op, Request
from dalsegno.core.runs import Run, Status
from dalsegno.engine.calls import StepCall
from dalsegno.engine.definitions import Workflow
from dalsegno.errors import Diverged, NotDecodable
from dalsegno.insight.recording import Recording
from dalsegno.testing.callers import line_of, user_frame

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where code and journal part: what the journal holds, what the code asks for, and the code's line.

    ``position`` is the entry's, 0 for the run's end.
    """

    position: int
    holds: str
    asks: str
    line: str = ""

    def __str__(self) -> str:
        where = f"entry {self.position}" if self.position else "its end"
        at = f" at {self.line}" if self.line else ""
        return f"{where}: the journal holds {self.holds}, the code asks for {self.asks}{at}"


class _Traced(Execution):
    """An execution that knows from which line of the code each of its operations came."""

    def __init__(self, run: Run, *, is_async: bool) -> None:
        super().__init__(
            run.number,
            run.id,
            is_async=is_async,
            limits=Limits(),
            depth=run.depth,
            case_id=run.case_id,
        )
        self.lines: dict[int, str] = {}

    def open(self, kind: Kind, name: str, digest: bytes, request: Request, names: tuple[str, ...] = ()) -> Op:
        op = super().open(kind, name, digest, request, names)
        self.lines[op.number] = line_of(user_frame(sys._getframe(1)))
        return op

    def alarm_set(self, when: float, ready: Ready) -> Alarm:
        alarm = super().alarm_set(when, ready)
        self.lines[alarm.op] = line_of(user_frame(sys._getframe(1)))
        return alarm


def replay(recording: Recording, workflow: Workflow[Any, Any]) -> Divergence | None:
    """Replay a recording; return where the code parts from it, None if it does not."""
    run = recording.run
    execution = _Traced(run, is_async=workflow.is_async)
    try:
        body = workflow.bind(run.input)
    except NotDecodable as error:
        return Divergence(0, "an input that the workflow took then", f"another one: {error.what}")
    try:
        entry = None
        try:
            execution.begin(body, run.started_at or run.created_at)
            for entry in recording.entries:
                execution.deliver(entry)
            execution.check_timers(list(recording.timers))
        except (Diverged, NotDecodable) as error:
            return _parted(execution, entry, error)
        return None if run.parked else _end(execution, workflow, run)
    finally:
        execution.evict()


def call_at(recording: Recording, workflow: Workflow[Any, Any], position: int) -> str:
    """Say which step the code asks for here where the journal has this entry; nothing for no step."""
    entries = recording.entries[: position - 1]
    answered = recording.entries[position - 1].op if position else 0
    execution = _Traced(recording.run, is_async=workflow.is_async)
    try:
        execution.begin(workflow.bind(recording.run.input), recording.run.started_at or 0)
        for entry in entries:
            execution.deliver(entry)
        op = execution.ops.get(answered)
        return f"{op.label}{_arguments(op.request)}" if op and isinstance(op.request, StepCall) else ""
    except (Diverged, NotDecodable):
        return ""
    finally:
        execution.evict()


def _parted(execution: _Traced, entry: Entry | None, error: Diverged | NotDecodable) -> Divergence:
    position = entry.position if entry is not None else 0
    op = execution.ops.get(entry.op) if entry is not None else None
    line = execution.lines.get(entry.op, "") if entry is not None else ""
    if isinstance(error, NotDecodable):
        return Divergence(position, "a value that the code took then", error.what, line)
    asks = str(getattr(error, "found", error.what))
    if op is not None and isinstance(op.request, StepCall):
        asks += _arguments(op.request)
    return Divergence(position, str(getattr(error, "expected", "")), asks, line or execution.line)


def _arguments(call: StepCall) -> str:
    parts = [*map(repr, call.args), *(f"{name}={value!r}" for name, value in call.kwargs.items())]
    return _short(f", with arguments ({', '.join(parts)})")


def _end(execution: Execution, workflow: Workflow[Any, Any], run: Run) -> Divergence | None:
    """Compare how the code ends now with how the run did."""
    if execution.ended != run.status.ended:
        now = f"to {'end' if execution.ended else 'wait'} at {execution.line}"
        return Divergence(0, f"a run that is {run.status}", now)
    if not execution.ended or run.status is Status.CANCELLED:
        return None
    held, came = _held(run), _came(execution, workflow)
    return None if held == came else Divergence(0, _short(held), _short(came))


def _held(run: Run) -> str:
    """Say how a run ended."""
    if run.status is Status.COMPLETED:
        return f"the result {(run.output or b'null').decode(errors='replace')}"
    return f"the error {failure.decode(run.error).title}" if run.error else f"a run that is {run.status}"


def _came(execution: Execution, workflow: Workflow[Any, Any]) -> str:
    """Say, in the same words, how its code ended just now."""
    try:
        output, _ = workflow.output.journal(execution.outcome(), "result")
    except BaseException as error:
        return f"the error {Failure.of(error).title}"
    return f"the result {output.decode(errors='replace')}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
