"""``emit`` and ``keep``: what workflow code, a step's body or a handler's may say to the log."""

from __future__ import annotations

from typing import Any

from dalsegno.core.codec import shape_of
from dalsegno.core.commit import Kept
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


def keep(state: Any) -> None:
    """Make this the service's state of the event's key, in the commit of the reaction; None forgets it.

    A handler gets it as its parameter ``state``. An attempt that fails keeps nothing. Raises NotInRun
    outside a handler.
    """
    info = step_context.get()
    if info is None or current() is not None:
        raise NotInRun(
            "keep() was called outside a handler.",
            "A state is kept with the reaction to an event.",
            "Call it in the body of a function under service.on().",
        )
    shape = shape_of(type(state))
    data = None if state is None else shape.encode(state, "state")
    emit_in_step(info, Kept(0, "", 0, data))


def new_event(event: Any, **fields: Any) -> NewEvent:
    """Make of an instance of an event class what is to be written."""
    kind = event_type(event)
    return NewEvent(
        type=kind.name,
        version=kind.version,
        key=kind.key_of(event),
        data=kind.encode(event),
        cancels=kind.cancels,
        **fields,
    )
