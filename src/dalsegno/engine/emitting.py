"""Emission from inside: in workflow code an op of its own, in a step's body part of the step's entry."""

from __future__ import annotations

from typing import Any

from dalsegno.core.codec import digest
from dalsegno.core.commit import Kept
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.event import NewEvent
from dalsegno.core.execution import Execution
from dalsegno.core.ops import Op, Request
from dalsegno.core.sourcing import Expect
from dalsegno.core.stamps import Added
from dalsegno.engine.calls import check_size
from dalsegno.engine.context import StepInfo


class EmitCall(Request):
    """An event to put on the log; nothing answers it but that it is there."""

    __slots__ = ("event",)

    def __init__(self, event: NewEvent) -> None:
        self.event = event

    def value(self, entry: Entry) -> None:
        return None

    def error(self, entry: Entry) -> BaseException:
        return RuntimeError(f"the emission of {entry.name} carries an error")  # nobody can make one

    def recover(self, op: Op, entry: Entry) -> bool:
        return False


def emit_in_run(execution: Execution, event: NewEvent) -> None:
    """Emit from workflow code: the event is on the log once the run's next commit is durable."""
    data = event.data or b""
    check_size(execution, data, f"event {event.type}")
    op = execution.open(Kind.EMIT, event.type, digest(data + (event.key or "").encode()), EmitCall(event))
    op.waited_for = True


def emit_in_step(info: StepInfo, what: NewEvent | Kept | Expect | Added) -> None:
    """Emit from a step's body: with the step's entry, if this attempt comes to be it."""
    info.emit(what)


def emission(execution: Execution, op: Op) -> Entry:
    """Answer an emission: its event goes with the entry."""
    call: Any = op.request
    execution.post().emitted[op.number] = (call.event,)
    return Entry(0, Kind.EMIT, op.number, op.name, op.digest)
