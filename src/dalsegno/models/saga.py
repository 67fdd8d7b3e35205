"""``@saga``: a workflow that undoes itself.

Each step that the code begins is registered here before it runs. When the code fails within
``rollback_on``, or is cancelled, whatever is still under way is cancelled and awaited, then every
step that completed, or whose outcome is unknown, is compensated in reverse order. A compensation
that exhausts its own retry policy does not keep the others from running; the run is then parked for
a person to retry. Cancelling does not interrupt any of this.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Token
from typing import Any, NamedTuple, TypeVar, overload

from dalsegno.core.entries import Outcome
from dalsegno.core.execution import Execution, current
from dalsegno.core.ops import Op
from dalsegno.core.runs import COMPENSATED, COMPENSATING, COMPENSATION_FAILED
from dalsegno.engine.calls import Scope, StepCall, open_step
from dalsegno.engine.decorators import WorkflowDecorator
from dalsegno.engine.definitions import (
    AsyncWorkflow,
    StepDefinition,
    SyncWorkflow,
    Workflow,
    make_workflow,
)
from dalsegno.engine.verbs import hold, scope
from dalsegno.errors import DefinitionError

log = logging.getLogger("dalsegno.saga")

T = TypeVar("T")
I = TypeVar("I")
O = TypeVar("O")

Errors = type[BaseException] | tuple[type[BaseException], ...]


class Registered(NamedTuple):
    """A step that the saga has begun."""

    op: Op
    call: StepCall


class Saga:
    """One saga under way in one run: the steps it has begun, and how it undoes them."""

    def __init__(self, name: str, execution: Execution, rollback_on: Errors, *, strict: bool) -> None:
        self._name = name
        self._execution = execution
        self._rollback_on = rollback_on
        self._strict = strict
        self._registered: list[Registered] = []
        self._token: Token[Scope | None] | None = None
        self._outer: Scope | None = None

    # -- the code begins and ends

    def enter(self) -> None:
        """Watch the steps of the code from here on."""
        self._outer = scope.get()
        self._token = scope.set(self)

    def leave(self) -> None:
        """Watch no more."""
        if self._token is not None:
            # Code that is dropped without being evicted is closed wherever the collector finds it.
            with contextlib.suppress(ValueError):
                scope.reset(self._token)

    def joins(self, op: Op, call: StepCall) -> None:
        """Register a step before it runs."""
        if self._strict and call.step.options.compensate is None:
            raise _unsettled(self._name, [call.step])
        self._registered.append(Registered(op, call))

    def completed(self) -> None:
        """Hand the steps to the saga around this one, which may yet undo them."""
        for registered in self._registered:
            if self._outer is not None:
                self._outer.joins(registered.op, registered.call)

    async def failed(self, error: BaseException) -> None:
        """Undo everything, or say what is left standing when ``error`` is none to roll back on."""
        if self._rolls_back(error):
            await self._undo()
        else:
            standing = [r.call.step.name for r in self._registered if r.op.settled and _owed(r.op)]
            if standing:
                error.add_note(f"left standing by saga {self._name}: {', '.join(standing)}")

    def _rolls_back(self, error: BaseException) -> bool:
        if isinstance(error, asyncio.CancelledError):
            return True
        if isinstance(error, BaseExceptionGroup):
            return error.subgroup(self._rollback_on) is not None
        return isinstance(error, self._rollback_on)

    # -- undoing

    async def _undo(self) -> None:
        execution = self._execution
        execution.shielded += 1
        execution.reason = COMPENSATING
        await self._settle()
        left = [r for r in reversed(self._registered) if _owed(r.op) and _undo_of(r) is not None]
        execution.undone = (0, len(left))
        while left := await self._compensate(left):
            names = ", ".join(registered.call.step.name for registered in left)
            log.error("run %s: not compensated: %s", execution.run_id, names)
            await hold(names, COMPENSATION_FAILED)
            execution.reason = COMPENSATING
        execution.reason = COMPENSATED
        execution.shielded -= 1

    async def _settle(self) -> None:
        """Cancel what is under way and wait until the journal says how each step ended."""
        for op, _ in self._registered:
            op.cancel()
        for op, _ in self._registered:
            await op.settles()

    async def _compensate(self, steps: Sequence[Registered]) -> list[Registered]:
        """Undo steps one after the other; return those whose compensation failed."""
        failed = []
        for registered in steps:
            undo = _undo_of(registered)
            assert undo is not None
            try:
                await open_step(self._execution, _undoing(registered, undo))
            except Exception as error:
                log.warning("run %s: %s failed: %r", self._execution.run_id, undo.name, error)
                failed.append(registered)
            else:
                done, total = self._execution.undone
                self._execution.undone = (done + 1, total)
        return failed


def _undo_of(registered: Registered) -> StepDefinition | None:
    undo = registered.call.step.options.compensate
    return undo if isinstance(undo, StepDefinition) else None


def _owed(op: Op) -> bool:
    """Whether a step's effect happened, or may have: then it must be undone."""
    if op.settled is None:
        return False
    return op.unknown or op.settled.outcome is Outcome.VALUE


def _undoing(registered: Registered, undo: StepDefinition) -> StepCall:
    """Call the compensation with the step's own arguments, and its result where it asks for it."""
    op, call = registered
    kwargs = dict(call.kwargs)
    if "result" in undo.signature.parameters and "result" not in call.step.signature.parameters:
        settled = op.settled
        done = settled is not None and settled.outcome is Outcome.VALUE
        kwargs["result"] = call.value(settled) if done and settled is not None else None
    # Named for the step it undoes: a retry by a person is a new op, but the same undo to its service.
    key = f"{op.execution.key_of(op.number)}/undo"
    return StepCall(undo, call.args, kwargs, key, undoes=op.number)


# -- the decorator


@overload
def saga(function: Callable[[], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[None, O]: ...
@overload
def saga(function: Callable[[I], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[I, O]: ...
@overload
def saga(function: Callable[[], O], /) -> SyncWorkflow[None, O]: ...
@overload
def saga(function: Callable[[I], O], /) -> SyncWorkflow[I, O]: ...
@overload
def saga(
    *,
    name: str | None = None,
    version: str | int = "1",
    rollback_on: Errors = Exception,
    strict: bool = False,
) -> WorkflowDecorator: ...
def saga(function: Any = None, /, **options: Any) -> Any:
    """Declare a workflow that undoes itself when it fails or is cancelled.

    ``rollback_on`` are the errors that undo it; another one fails the run and leaves the steps
    standing, by name. A step with neither a compensation nor ``compensate=NOTHING`` is a warning when
    the App starts, and an error with ``strict=True``.
    """
    if function is not None:
        return _make(function, **options)
    return lambda function: _make(function, **options)


def _make(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    version: str | int = "1",
    rollback_on: Errors = Exception,
    strict: bool = False,
) -> Workflow[Any, Any]:
    title = name or function.__qualname__

    def begin() -> Saga:
        execution = current()
        assert execution is not None
        return Saga(title, execution, rollback_on, strict=strict)

    def check(workflow: Workflow[Any, Any]) -> None:
        unsettled = [step for step in workflow.named_steps() if step.options.compensate is None]
        if unsettled and strict:
            raise _unsettled(title, unsettled)
        if unsettled:
            log.warning("%s", _unsettled(title, unsettled).what)

    body = _async_body if asyncio.iscoroutinefunction(function) else _sync_body
    return make_workflow(
        function, name=name, version=version, body=body(function, begin), model="saga", check=check
    )


def _async_body(function: Callable[..., Any], begin: Callable[[], Saga]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def body(*input: Any) -> Any:
        saga = begin()
        saga.enter()
        try:
            value = await function(*input)
        except (Exception, asyncio.CancelledError) as error:
            await saga.failed(error)
            raise
        finally:
            saga.leave()
        saga.completed()
        return value

    return body


def _sync_body(function: Callable[..., Any], begin: Callable[[], Saga]) -> Callable[..., Any]:
    @functools.wraps(function)
    def body(*input: Any) -> Any:
        saga = begin()
        saga.enter()
        try:
            value = function(*input)
        except (Exception, asyncio.CancelledError) as error:
            _wait_for(saga.failed(error))
            raise
        finally:
            saga.leave()
        saga.completed()
        return value

    return body


def _wait_for(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in ``def`` workflow code: on the run's loop, while the fiber stands still."""
    execution = current()
    assert execution is not None and execution.loop.fiber is not None
    task = execution.loop.create_task(coroutine)
    execution.loop.fiber.wait(task)
    task.result()


def _unsettled(name: str, steps: Sequence[StepDefinition]) -> DefinitionError:
    names = ", ".join(step.name for step in steps)
    return DefinitionError(
        f"Saga {name}: {names} {'has' if len(steps) == 1 else 'have'} no compensation.",
        "When the saga undoes itself, what these steps did stays.",
        "Give each @step(compensate=…), or say so on purpose: compensate=NOTHING.",
    )
