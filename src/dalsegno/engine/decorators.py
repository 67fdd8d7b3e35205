"""``@step`` and ``@workflow``, with the types that checkers see; with and without parentheses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from dalsegno.core.durations import Duration
from dalsegno.core.retry import Retry
from dalsegno.core.transact import Tx
from dalsegno.engine.definitions import (
    AsyncStep,
    AsyncWorkflow,
    Nothing,
    Step,
    SyncWorkflow,
    make_step,
    make_workflow,
)
from dalsegno.engine.remedies import OnFailure

P = ParamSpec("P")
T = TypeVar("T")
I = TypeVar("I")
O = TypeVar("O")


class StepDecorator(Protocol):
    """What ``step(…)`` with options returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]], /) -> AsyncStep[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Step[P, T]: ...


class TransactionalStepDecorator(Protocol):
    """What ``step(transaction=True, …)`` returns: who calls the step does not pass ``tx``."""

    def __call__(self, function: Callable[Concatenate[Tx, P], T], /) -> Step[P, T]: ...


class WorkflowDecorator(Protocol):
    """What ``workflow(…)`` or ``saga(…)`` with options returns."""

    @overload
    def __call__(self, function: Callable[[], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[None, O]: ...
    @overload
    def __call__(self, function: Callable[[I], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[I, O]: ...
    @overload
    def __call__(self, function: Callable[[], O], /) -> SyncWorkflow[None, O]: ...
    @overload
    def __call__(self, function: Callable[[I], O], /) -> SyncWorkflow[I, O]: ...


@overload
def step(function: Callable[P, Coroutine[Any, Any, T]], /) -> AsyncStep[P, T]: ...
@overload
def step(function: Callable[P, T], /) -> Step[P, T]: ...
@overload
def step(
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    total_timeout: Duration | None = None,
    on_failure: OnFailure = "raise",
    at_most_once: bool = False,
    compensate: Callable[..., Any] | Nothing | None = None,
    transaction: Literal[False] = False,
) -> StepDecorator: ...
@overload
def step(
    *,
    transaction: Literal[True],
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    total_timeout: Duration | None = None,
    on_failure: OnFailure = "raise",
    compensate: Callable[..., Any] | Nothing | None = None,
) -> TransactionalStepDecorator: ...
def step(function: Any = None, /, **options: Any) -> Any:
    """Declare a function as a step: one side effect, done and recorded.

    Once its entry is committed it never runs again; a step in flight at a crash runs again with the
    same idempotency key (``step_info().idempotency_key``). Without ``retry=`` an exception is final.
    ``timeout`` bounds each attempt, ``total_timeout`` all of them with their delays. ``on_failure`` is
    "raise", ``Skip(default)`` or ``Escalate(other_step)``. ``at_most_once`` never runs it twice: after
    a crash in flight the run gets ``StepInterrupted``. ``compensate`` names the step that undoes it in
    a saga, or ``NOTHING``. ``transaction=True`` gives the function, a ``def``, an open transaction on
    the store's own database as its first argument: its rows and the step's entry are one commit,
    bounded by ``timeout`` (1 s, at most 5 s).
    """
    if function is not None:
        return make_step(function, **options)
    return lambda function: make_step(function, **options)


@overload
def workflow(function: Callable[[], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[None, O]: ...
@overload
def workflow(function: Callable[[I], Coroutine[Any, Any, O]], /) -> AsyncWorkflow[I, O]: ...
@overload
def workflow(function: Callable[[], O], /) -> SyncWorkflow[None, O]: ...
@overload
def workflow(function: Callable[[I], O], /) -> SyncWorkflow[I, O]: ...
@overload
def workflow(*, name: str | None = None, version: str | int = "1") -> WorkflowDecorator: ...
def workflow(function: Any = None, /, **options: Any) -> Any:
    """Declare a function as a workflow: durable when started through a client, plain when called.

    It takes at most one input. Its code is replayed from the journal after a crash, so whatever
    touches the world belongs into steps. ``version`` decides which workers may run it.
    """
    if function is not None:
        return make_workflow(function, **options)
    return lambda function: make_workflow(function, **options)
