"""Handlers whose bodies have points, as those of steps have: the same handlers, with functions that come to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from dalsegno.core.clock import nap
from dalsegno.engine.context import StepInfo, step_context, step_info
from dalsegno.events.handlers import Handler
from dalsegno.events.known import Known
from dalsegno.events.service import Service
from dalsegno.testing.deeds import Doing, WatchedInfo
from dalsegno.testing.services import Gone
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.watched import off_the_loop

if TYPE_CHECKING:
    from dalsegno.testing.stage import Stage

_PARTITIONS = 4  # as good as many where there are a few keys, and each costs a look after every write
_FAILS = 3  # times that a handler fails whose attempts have no end


def watched(known: Known, stage: Stage) -> Known:
    """Return what a process on a stage knows: the same, but for its handlers' functions."""
    twin = copy(known)
    twin.services = {name: _service(service, stage) for name, service in known.services.items()}
    return twin


def _service(service: Service, stage: Stage) -> Service:
    twin = copy(service)
    twin.partitions = min(service.partitions, _PARTITIONS)
    twin._handlers = {name: _handler(handler, stage) for name, handler in service.handlers.items()}
    return twin


def _handler(handler: Handler, stage: Stage) -> Handler:
    if handler.workflow is not None:  # a run, whose steps have points
        return handler
    twin = copy(handler)
    # A circuit goes by a clock that does not jump: a wait of seconds would take hundreds of tries here.
    twin.options = replace(handler.options, circuit=None)
    twin.function = (_awaited if handler.is_async else _called)(handler, stage)
    return twin


def _called(handler: Handler, stage: Stage) -> Callable[..., Any]:
    function = handler.function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        doing, number = _come_to(handler, stage)
        stage.enter_body(doing)
        with off_the_loop():
            answer = function(*args, **kwargs)
        late = stage.leave_body(doing, number, (args, kwargs, answer))
        stage.threads[str(doing.host)].takes(round(late * SECOND))
        return answer

    return called


def _awaited(handler: Handler, stage: Stage) -> Callable[..., Any]:
    function = handler.function

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        doing, number = _come_to(handler, stage)
        try:
            await nap(0)  # one that stands still goes on from here when it wakes
            stage.enter_body(doing)
            answer = await function(*args, **kwargs)
            late = stage.leave_body(doing, number, (args, kwargs, answer))
        except Gone:
            await stage.loop.create_future()  # nobody goes on here
            raise
        if late:
            await nap(late)
        return answer

    return awaited


def _come_to(handler: Handler, stage: Stage) -> tuple[Doing, int]:
    """Come to the point before a handler's body."""
    info = _see()
    doing = Doing(
        info.idempotency_key,
        info.run_id,
        handler.name,
        info.attempt,
        stage.loop.here,
        kind="handler",
        fails=_FAILS if handler.options.retry.attempts is None else None,
    )
    return doing, stage.before_handler(doing, handler.title)


def _see() -> StepInfo:
    """Have it noted when a handler's body asks for its key; return what that knows of itself."""
    info = step_info()
    seen = WatchedInfo(
        info.run_id,
        info.workflow,
        info.step,
        info.attempt,
        info.idempotency_key,
        info.case_id,
        info.batch,
    )
    info.share(seen)
    step_context.set(seen)  # in the call's own context, as whoever calls it does
    return info
