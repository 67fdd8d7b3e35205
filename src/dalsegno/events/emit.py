"""``emit`` and ``keep``: what workflow code, a step's body or a handler's may say to the log."""

from __future__ import annotations

from typing import Any

from dalsegno.core.event import NewEvent
from dalsegno.core.execution import current
from dalsegno.engine.context import step_context
from dalsegno.engine.emitting import emit_in_run, emit_in_step
from dalsegno.errors import NotInRun
from dalsegno.events.types import event_type


def emit(event: Any) -> None:
    """Put an event on the log, in the commit of whatever emits it.

    In workflow code that is the run's next commit, in a step or a handler the one that records it: a
    crash before loses both, one after loses neither, and an attempt that fails emits nothing. From
    outside use ``client.emit``. Raises NotInRun there, NotEncodable, PayloadTooLarge.
    """
    execution = current()
    if execution is not None:
        emit_in_run(execution, new_event(event))
        return
    info = step_context.get()
    if info is None:
        raise NotInRun(
            "emit() was called outside a run.",
            "An event is written with what emits it: a run, a step of it, or a handler.",
            "From outside, write client.emit(event).",
        )
    emit_in_step(info, new_event(event))


def new_event(event: Any, **fields: Any) -> NewEvent:
    """Make of an instance of an event class what is to be written."""
    kind = event_type(event)
    return NewEvent(
        type=kind.name,
        version=kind.version,
        key=kind.key_of(event),
        data=kind.encode(event),
        **fields,
    )
