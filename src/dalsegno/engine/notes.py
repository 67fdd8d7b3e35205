"""What a run under way tells about itself: gathered when it parks, and for the heartbeat."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from dalsegno.core.entries import Kind
from dalsegno.core.limits import Limits
from dalsegno.core.notes import LongAttempt, Notes, Wait
from dalsegno.core.ops import Op
from dalsegno.engine.calls import ChildCall, StepCall
from dalsegno.engine.live import LiveRun

log = logging.getLogger("dalsegno.engine")

_MOST = 20  # waits told of one run
# A reaction stands in our own code, which tells nobody anything.
_REACTING = str(Path(__file__).parent.with_name("events"))


def notes_of(live: LiveRun) -> Notes:
    """Say what a run waits for."""
    waits = [*_retries(live)]
    if not live.execution.ended:  # else nobody takes what the code has left behind
        waits += [*_timers(live), *_signals(live), *_others(live)]
    waits.sort(key=lambda wait: (wait.due_at is None, wait.due_at or 0, wait.op))
    undone, to_undo = live.execution.undone
    line = live.execution.line
    return Notes(tuple(waits[:_MOST]), undone, to_undo, "" if line.startswith(_REACTING) else line)


def warn_of_excess(live: LiveRun, took: float, limits: Limits) -> None:
    """Say so when a turn of workflow code took ``took`` seconds, too many, or a journal grows long."""
    execution = live.execution
    if took > limits.turn_seconds:
        log.warning(
            "run %s: workflow code computed for %.0f ms without waiting, up to %s; "
            "all runs of this worker stood still: put it in a step",
            live.run.id,
            took * 1000,
            execution.line,
        )
    if execution.made >= limits.ops_warned and not live.warned:
        live.warned = True
        log.warning("run %s has made %d operations of %d", live.run.id, execution.made, limits.ops)


def long_attempts(live: LiveRun, before: int) -> Iterator[LongAttempt]:
    """Attempts of a run that began before a moment and have not ended."""
    for number, under_way in live.attempts.items():
        op, began = under_way.op, under_way.began_at
        if began < before:
            yield LongAttempt(live.number, number, op.name, op.attempts + 1, most_attempts(op), began)


def most_attempts(op: Op) -> int:
    """How many attempts a step may make; 0 is without limit."""
    call = op.request
    assert isinstance(call, StepCall)
    retry = call.step.options.retry
    return 1 if retry is None else retry.attempts or 0


def _timers(live: LiveRun) -> Iterator[Wait]:
    for op, alarm in live.execution.alarms.items():
        yield Wait("timer", "timer", op, alarm.made_us, live.due.get(op, alarm.when_us))


def _retries(live: LiveRun) -> Iterator[Wait]:
    for number, op in live.waiting.items():
        due = live.retries.get(number)
        if op.kind is Kind.EMIT:
            yield Wait("pressure", op.name, number, op.made_time, due)
            continue
        yield Wait(
            "retry", op.name, number, op.made_time, due, op.attempts + 1, most_attempts(op), op.last_error
        )


def _signals(live: LiveRun) -> Iterator[Wait]:
    for op in live.execution.receivers:
        yield Wait("signal", op.name, op.number, op.made_time)


def _others(live: LiveRun) -> Iterator[Wait]:
    for op in live.execution.ops.values():
        if op.kind is Kind.CHILD and op.begun and isinstance(op.request, ChildCall):
            yield Wait("child", op.name, op.number, op.made_time, detail=op.request.child_id)
        elif op.kind is Kind.HOLD:
            yield Wait("person", op.name, op.number, op.made_time)
