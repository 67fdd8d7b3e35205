"""What workflow code may say: steps, child runs, signals, timers, and values that replay alike.

Each verb makes one op of the running execution, or does without; none of them does anything itself.
"""

from __future__ import annotations

import asyncio
import random as _random
import uuid as _uuid
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from dalsegno.core.clock import to_datetime
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.entries import Kind
from dalsegno.core.execution import Execution, current
from dalsegno.core.ids import check_id
from dalsegno.core.promise import Promise
from dalsegno.engine.calls import (
    ChildCall,
    HoldCall,
    ReceiveCall,
    Scope,
    StepCall,
    check_size,
    open_step,
    receivable,
)
from dalsegno.errors import NotInRun, TooDeep, WrongColour

if TYPE_CHECKING:
    from dalsegno.engine.definitions import StepDefinition, Workflow

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


scope: ContextVar[Scope | None] = ContextVar("dalsegno_scope", default=None)


def in_run(verb: str) -> Execution:
    """Return the running execution; raise ``NotInRun`` naming the verb outside of one."""
    execution = current()
    if execution is None:
        raise NotInRun(
            f"{verb} was called outside a run.",
            "It has a meaning only in workflow code, where the journal can answer it.",
            "Call it in a function under @workflow or @saga that a worker runs; start one with client.start(…).",
        )
    return execution


# -- steps


def call_step(step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do a step in the colour of its function."""
    execution = current()
    if execution is None:
        if step.options.transaction:
            raise _no_transaction(step)
        return step.function(*args, **kwargs)
    if step.is_async:
        if execution.loop.fiber is not None:
            _wrong_colour(f"The async def step {step.name}", f"{step.name}.start(…).result()", "def")
        return _awaited(execution, step, args, kwargs)
    if execution.loop.fiber is None:
        _wrong_colour(f"The def step {step.name}", f"await {step.name}.start(…)", "async def")
    return open_step(execution, StepCall(step, args, kwargs, None, scope.get())).result()


def _no_transaction(step: StepDefinition) -> NotInRun:
    return NotInRun(
        f"Step {step.name} was called outside a run, and has transaction=True.",
        "Only a worker can give it a transaction, which has the step's entry as well as its rows.",
        f"Call it in a workflow; where you have a tx yourself: {step.name}.function(tx, …).",
    )


async def _awaited(
    execution: Execution, step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return await open_step(execution, StepCall(step, args, kwargs, None, scope.get()))


def start_step(step: StepDefinition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Promise[Any]:
    """Begin a step."""
    execution = in_run(f"{step.name}.start()")
    return open_step(execution, StepCall(step, args, kwargs, None, scope.get()))


# -- child runs


def call_workflow(workflow: Workflow[Any, Any], input: tuple[Any, ...]) -> Any:
    """Run a workflow inline, in the caller's own journal."""
    execution = current()
    if execution is None:
        return workflow.function(*input)
    in_fiber = execution.loop.fiber is not None
    if workflow.is_async == in_fiber:
        colour = "async def" if workflow.is_async else "def"
        mend = f"{workflow.name}.start(…).result()" if in_fiber else f"await {workflow.name}.start(…)"
        _wrong_colour(f"The {colour} workflow {workflow.name}", mend, "def" if in_fiber else "async def")
    return workflow.body(*input)


def start_child(workflow: Workflow[Any, Any], input: Any, id: str | None, *, detached: bool) -> Promise[Any]:
    """Start a child run with its own journal."""
    execution = in_run(f"{workflow.name}.start()")
    data, input_digest = workflow.encode_input(input)
    check_size(execution, data, f"input of workflow {workflow.name}")
    if not detached and execution.depth >= execution.limits.depth:
        raise _too_deep(execution, workflow)
    if id is not None:
        check_id(id)
    call = ChildCall(workflow, (data, input_digest), id, detached, execution.run_id)
    op = execution.open(Kind.CHILD, workflow.name, input_digest, call)
    call.name(op)
    if detached:
        op.waited_for = True
    return op


# -- signals and people


@overload
def receive(type_: type[A], /, *, name: str | None = None, key: str | None = None) -> Promise[A]: ...
@overload
def receive(a: type[A], b: type[B], /) -> Promise[A | B]: ...
@overload
def receive(a: type[A], b: type[B], c: type[C], /) -> Promise[A | B | C]: ...
@overload
def receive(a: type[A], b: type[B], c: type[C], d: type[D], /) -> Promise[A | B | C | D]: ...
def receive(*types: Any, name: str | None = None, key: str | None = None) -> Promise[Any]:
    """Promise the next signal of a type, or the next event of a class: the first of several, where several are given.

    A signal is named for its type unless ``name`` says otherwise. An event is one of the run's own case,
    or with ``key`` one that has it. What came before anybody asked is waiting; a wait that is cancelled
    takes none. ``promise.sender`` tells who sent or emitted it.
    """
    execution = in_run("receive()")
    if not types or ((name is not None or key is not None) and len(types) > 1):
        raise TypeError("receive() takes one type, with or without name= or key=, or several types")
    for type_ in types:
        event = receivable(type_)
        if event is not None and not execution.loop.dead:
            execution.post().subscribe(event.subscription(execution, key))
    wanted = {name or signal_name(type_): type_ for type_ in types}
    title = " | ".join(wanted)
    return execution.open(Kind.SIGNAL, title, b"", ReceiveCall(wanted, execution.versions), tuple(wanted))


def signal_name(type_: Any) -> str:
    """Return the name under which a type is signalled."""
    event = receivable(type_)
    if event is not None:
        return event.signal
    return getattr(type_, "__qualname__", None) or str(type_)


def hold(name: str, reason: str) -> Promise[bytes | None]:
    """Park the run, with a reason that a person sees, until somebody retries it and may say something."""
    execution = in_run("hold()")
    execution.reason = reason
    return execution.open(Kind.HOLD, name, b"", HoldCall())


# -- time and chance


def sleep(duration: Duration) -> None:
    """Wait, durably, in ``def`` code. In ``async def`` code use ``asyncio.sleep``, durable as well."""
    execution = in_run("sleep()")
    seconds = microseconds(duration, what="sleep") / 1_000_000
    fiber = execution.loop.fiber
    if execution.loop.dead and fiber is not None:
        fiber.suspend()
    if fiber is None:
        _wrong_colour("sleep()", f"await asyncio.sleep({seconds:g})", "async def")
    if seconds > 0:
        over = execution.loop.create_future()
        alarm = execution.loop.call_later(seconds, _finish, over)
        try:
            fiber.wait(over)
            over.result()
        finally:
            alarm.cancel()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def now() -> datetime:
    """Return the run's time: that of its last journal entry, the same at each replay."""
    return to_datetime(in_run("now()").loop.time_us)


def uuid() -> _uuid.UUID:
    """Return a new UUID that is the same at each replay."""
    return _uuid.UUID(int=in_run("uuid()").rng.getrandbits(128), version=4)


def random() -> _random.Random:
    """Return the run's own random generator, which draws the same at each replay."""
    return in_run("random()").rng


def _too_deep(execution: Execution, workflow: Workflow[Any, Any]) -> TooDeep:
    return TooDeep(
        f"Run {execution.run_id} is a child {execution.depth} levels down and wants to start {workflow.name}.",
        f"Runs may nest {execution.limits.depth} levels deep; this looks like a recursion without end.",
        "End the recursion, call the workflow inline, or start it with detached=True.",
        run_id=execution.run_id,
        depth=execution.depth,
    )


def _wrong_colour(what: str, mend: str, colour: str) -> NoReturn:
    raise WrongColour(
        f"{what} was called bare in {colour} code.",
        "It would have to block the run's loop, or nobody could await it.",
        f"Write `{mend}`.",
    )
