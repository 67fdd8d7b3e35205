"""One call of a handler: what it is given, how it is followed, and what it has said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import msgspec

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Kept
from dalsegno.core.durations import text
from dalsegno.core.event import Event, NewEvent
from dalsegno.core.reactions import KeptRow
from dalsegno.core.sourcing import Expect
from dalsegno.core.transact import OpenTx, inside
from dalsegno.engine.context import StepInfo, step_context
from dalsegno.errors import StepTimeout
from dalsegno.events.plan import Plan
from dalsegno.events.reaction import key_of, run_id_of
from dalsegno.events.sequence import Turn


class Ended(msgspec.Struct, gc=False):
    """How a call has ended; ``took`` is in microseconds."""

    error: BaseException | None = None
    among: bool = False  # it failed among others, and is yet to be tried alone
    filtered: bool = False
    stale: bool = False
    early: bool = False  # one is missing before it
    events: list[NewEvent] = []
    kept: list[Kept] = []
    expects: tuple[Expect, ...] = ()
    took: int = 0
    written: bool = False  # its reaction is, in its own transaction


class Caller(Protocol):
    """Who hears how a call has ended: the reader of a service."""

    @property
    def generation(self) -> int:
        """Which replay of the log this is."""
        ...

    async def kept(self, key: str) -> KeptRow | None:
        """Read the service's state of a key."""
        ...

    def ended(self, work: Any, plan: Plan, how: Ended) -> None:
        """Hear it, on the loop."""
        ...

    def transact(
        self, work: Any, plan: Plan, body: Callable[[OpenTx], Ended], told: Callable[[Ended], None]
    ) -> None:
        """Call a handler in a transaction that has its reaction as well; ``told`` hears how that ended."""
        ...


class Tracing(Protocol):
    """Who follows what handlers do."""

    def reacting(
        self, plan: Plan, event: Event, others: Sequence[Event] = ()
    ) -> AbstractContextManager[Event]:
        """Follow the call of a handler; what it yields is the event that others come of."""
        ...


class Call(NamedTuple):
    """One handler to be called for one event."""

    caller: Caller
    work: Any
    plan: Plan
    event: Event
    row: KeptRow | None = None  # the service's state of its key
    next: KeptRow | None = None  # which one of its key is next
    tracing: Tracing | None = None


def called(call: Call, info: StepInfo, tx: OpenTx | None = None) -> Ended:
    """Call a handler where it may block, in a context of its own."""
    step_context.set(info)
    if tx is not None:
        inside.set(tx)
    plan = call.plan
    value = plan.calling.read(call.event)
    passed_over = admit(call, value)
    if passed_over is not None:
        return passed_over
    arguments = _given(call, value, tx)
    if call.tracing is None:
        return said(call, info, value, plan.handler.function(*arguments))
    with followed(call) as traced:
        return said(traced, info, value, plan.handler.function(*arguments))


def _given(call: Call, value: Any, tx: OpenTx | None = None) -> list[Any]:
    """Collect what a handler is called with."""
    calling = call.plan.calling
    return calling.arguments([value], calling.state(call.row), tx, calling.stamp((call.event,)))


async def ask(call: Call, info: StepInfo, value: Any) -> Ended:
    """Call an ``async def`` handler."""
    plan = call.plan
    arguments = _given(call, value)
    return said(call, info, value, await in_time(plan, info, plan.handler.function(*arguments)))


async def ask_followed(call: Call, info: StepInfo, value: Any) -> Ended:
    """Call an ``async def`` handler, and have the call followed."""
    with followed(call) as traced:
        return await ask(traced, info, value)


@contextlib.contextmanager
def followed(call: Call, others: Sequence[Event] = ()) -> Iterator[Call]:
    """Have a call followed, if anybody does that."""
    if call.tracing is None:
        yield call
    else:
        with call.tracing.reacting(call.plan, call.event, others) as event:
            yield call._replace(event=event)


def info_of(plan: Plan, event: Event, generation: int, within: object) -> StepInfo:
    """Say what a handler can know about its call."""
    return StepInfo(
        run_id_of(plan.title, event.number, generation),
        plan.title,
        plan.handler.name,
        1,
        key_of(plan.title, event.number),
        event.case_id,
        _within=within,
    )


def admit(call: Call, value: Any) -> Ended | None:
    """Return how a call ends at once: the handler does not want the event, or it is not its turn."""
    calling = call.plan.calling
    if not calling.wants([value]):
        return Ended(filtered=True)
    if calling.sequence is None or call.event.key is None:
        return None
    turn = calling.sequence.turn(calling.sequence.place(value), call.next)
    if turn is Turn.NOW:
        return None
    return Ended(stale=True) if turn is Turn.LATE else Ended(early=True)


def said(call: Call, info: StepInfo, value: Any, result: Any) -> Ended:
    """Collect what a call has said: its return value, and what its body emitted and keeps."""
    plan, event = call.plan, call.event
    returned = plan.calling.returned(result)
    emitted = info.emitted
    sequence = plan.calling.sequence
    if not returned and not emitted and sequence is None:
        return Ended()
    events = [one for one in emitted if isinstance(one, NewEvent)] + returned
    kept, stale = plan.calling.settle(info, call.row, event, value)
    if sequence is not None and event.key is not None:
        passed = sequence.passed(plan.calling.service, event.key, event.number, sequence.place(value))
        kept = [*kept, passed]
    expects = tuple(one for one in emitted if isinstance(one, Expect))
    extra = None if event.extra is None else plan.calling.beside((event,), emitted)
    return Ended(
        events=[_after(event, one, plan, extra) for one in events], kept=kept, stale=stale, expects=expects
    )


def _after(cause: Event, event: NewEvent, plan: Plan, extra: bytes | None) -> NewEvent:
    """Say of an event what it followed, who emitted it, and what is kept beside it."""
    return NewEvent(
        type=event.type,
        namespace=cause.namespace,
        version=event.version,
        source=plan.title,
        key=event.key,
        case_id=event.case_id or cause.case_id,
        cause=cause.number,
        hops=cause.hops + 1,
        traceparent=cause.traceparent,
        data=event.data,
        extra=extra,
        cancels=event.cancels,
    )


async def in_time(plan: Plan, info: StepInfo, call: Coroutine[Any, Any, Any]) -> Any:
    """Await a call, for as long as it may take."""
    limit = plan.handler.options.timeout
    if limit is None:
        return await call
    timer = asyncio.timeout(limit / SECOND)
    try:
        async with timer:
            return await call
    except TimeoutError:
        if timer.expired():
            raise StepTimeout(
                f"Handler {plan.title} took longer than {text(limit)} for {info.run_id}.",
                "Whether its effect happened is not known.",
                "Let the service tell by the idempotency key; raise timeout= if it is merely slow.",
                run_id=info.run_id,
                step=plan.title,
                attempt=1,
            ) from None
        raise


def is_called_off() -> bool:
    """Tell whether it is this task that was cancelled, and not something that its handler awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
