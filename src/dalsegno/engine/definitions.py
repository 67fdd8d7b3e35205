"""What decorators make: steps and workflows, declared and not yet doing anything.

Called outside a run, each is the plain function that it decorates. Inside one, a call is journaled;
a call keeps the function's own colour: it returns the value in ``def`` code and is awaited where the
function is ``async def``.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from dalsegno.core.codec import Shape, digest, encode_args, shape_of
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.failure import Visible
from dalsegno.core.promise import Promise
from dalsegno.core.retry import Retry
from dalsegno.core.transact import LONGEST
from dalsegno.engine import verbs
from dalsegno.engine.remedies import Escalate, OnFailure, Skip
from dalsegno.errors import DefinitionError

P = ParamSpec("P")
T = TypeVar("T")
I = TypeVar("I")
O = TypeVar("O")


class Nothing:
    """The type of ``NOTHING``: this step has nothing to undo, on purpose."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = Nothing()

REACTION = "reaction"
"""The model of a run as which the reaction of a plain function goes on."""


class StepGate(Protocol):
    """Says when attempts of a step may begin, and hears how they ended."""

    def held(self, attempt: object) -> float:
        """Return for how many seconds an attempt is not to begin; 0 lets it begin now, and counts it."""
        ...

    def heard(self, attempt: object, *, failed: bool | None) -> None:
        """Hear that an attempt has ended; ``None`` is where nothing is known of how."""
        ...


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What ``@step(…)`` was told."""

    retry: Retry | None = None
    timeout: int | None = None
    total_timeout: int | None = None
    on_failure: OnFailure = "raise"
    at_most_once: bool = False
    compensate: StepDefinition | Nothing | None = None
    transaction: bool = False
    gate: StepGate | None = None


class Definition:
    """A function under one of our decorators: its name, its colour, the types it declares."""

    def __init__(self, function: Callable[..., Any], name: str | None) -> None:
        if not callable(function) or inspect.isclass(function):
            raise DefinitionError(
                f"{function!r} is no function.",
                "Steps and workflows are declared above functions.",
                "Put the decorator above a def.",
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise DefinitionError(
                f"{_place(function)} is a generator.",
                "A workflow or step returns one value.",
                "Return a list, or make a step of each item.",
            )
        self.function = function
        self.name = name or function.__qualname__
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = inspect.signature(function)
        functools.update_wrapper(cast("Callable[..., Any]", self), function)

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return _place(self.function)

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """The function's annotations, resolved; nothing for those that cannot be."""
        try:
            return typing.get_type_hints(self.function, include_extras=True)
        except (NameError, TypeError):
            return {}

    @functools.cached_property
    def output(self) -> Shape[Any]:
        """How its result is written down and read back."""
        return shape_of(self.hints.get("return", Any))

    @functools.cached_property
    def visible(self) -> Visible:
        """The exception classes that its code can see: the only ones a stored failure can become."""
        return Visible((self.function.__globals__,))

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name} at {self.place}>"


class StepDefinition(Definition):
    """One side effect, done and recorded; what ``Step`` and ``AsyncStep`` share."""

    def __init__(self, function: Callable[..., Any], name: str | None, options: StepOptions) -> None:
        super().__init__(function, name)
        self.options = options
        self.arguments_label = f"arguments of step {self.name}"
        self.result_label = f"result of step {self.name}"
        if options.at_most_once and options.retry is not None:
            raise DefinitionError(
                f"Step {self.name} ({self.place}) has both at_most_once=True and retry=.",
                "A step that may never run twice cannot be tried again.",
                "Leave out one of them.",
            )
        if options.transaction:
            self.signature = _without_tx(self)
        if isinstance(options.compensate, StepDefinition):
            _check_accepts(options.compensate, self, "compensation", optional="result")
        if isinstance(options.on_failure, Escalate):
            _check_accepts(options.on_failure.step, self, "escalation", optional="error")


class Step(StepDefinition, Generic[P, T]):
    """A step whose function is ``def``; made by ``@step``."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """In a run: do the step, or take its result from the journal. Elsewhere: call the function."""
        result: T = verbs.call_step(self, args, kwargs)
        return result

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Begin the step and return the promise of its result; only in a run."""
        return verbs.start_step(self, args, kwargs)


class AsyncStep(StepDefinition, Generic[P, T]):
    """A step whose function is ``async def``: its call is awaited; made by ``@step``."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """In a run: do the step, or take its result from the journal. Elsewhere: call the function."""
        coroutine: Coroutine[Any, Any, T] = verbs.call_step(self, args, kwargs)
        return coroutine

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Promise[T]:
        """Begin the step and return the promise of its result; only in a run."""
        return verbs.start_step(self, args, kwargs)


class Workflow(Definition, Generic[I, O]):
    """A named, versioned definition of a run; made by ``@workflow`` or ``@saga``."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        version: str,
        *,
        body: Callable[..., Any] | None = None,
        model: str = "workflow",
        check: Callable[[Workflow[Any, Any]], None] | None = None,
    ) -> None:
        super().__init__(function, name)
        self._check = check
        self.version = version
        self.model = model
        self.body = body or function
        self.inputs = list(self.signature.parameters.values())
        if len(self.inputs) > 1 or any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in self.inputs):
            raise DefinitionError(
                f"Workflow {self.name} ({self.place}) takes {len(self.inputs)} parameters.",
                "A workflow has at most one input, so that it can be started, shown and replayed by one value.",
                "Put them into a dataclass or a dict.",
            )

    @property
    def key(self) -> tuple[str, str]:
        """Name and version: what a claim asks for."""
        return self.name, self.version

    @functools.cached_property
    def input(self) -> Shape[Any]:
        """How its input is written down and read back."""
        return shape_of(self.hints.get(self.inputs[0].name, Any) if self.inputs else Any)

    def encode_input(self, value: Any) -> tuple[bytes, bytes]:
        """Write an input down; return its bytes and its digest, which is the same in every process."""
        what = f"input of workflow {self.name}"
        arguments = (value,) if self.inputs else ()
        return self.input.encode(value, what), digest(encode_args(arguments, {}, what))

    def check(self) -> None:
        """Let its model look it over, once all that it names is defined."""
        if self._check is not None:
            self._check(self)

    def named_steps(self) -> list[StepDefinition]:
        """Return the steps that its code names, as far as they are globals of its module."""
        names = self.function.__code__.co_names
        found = [self.function.__globals__.get(name) for name in names]
        return [thing for thing in found if isinstance(thing, StepDefinition)]

    def bind(self, data: bytes | None) -> Callable[[], Any]:
        """Return the body with its stored input bound."""
        if not self.inputs:
            return self.body
        value = self.input.decode(data or b"null", f"input of workflow {self.name}")
        return functools.partial(self.body, value)

    @overload
    def start(
        self: Workflow[None, O], *, id: str | None = None, detached: Literal[False] = False
    ) -> Promise[O]: ...
    @overload
    def start(self: Workflow[None, O], *, id: str | None = None, detached: Literal[True]) -> Promise[str]: ...
    @overload
    def start(self, input: I, *, id: str | None = None, detached: Literal[False] = False) -> Promise[O]: ...
    @overload
    def start(self, input: I, *, id: str | None = None, detached: Literal[True]) -> Promise[str]: ...
    def start(self, input: Any = None, *, id: str | None = None, detached: bool = False) -> Promise[Any]:
        """Start a child run of this run and return the promise of its result.

        ``detached`` lets it live on: the promise is then of its id, known at once.
        """
        return verbs.start_child(self, input, id, detached=detached)


class SyncWorkflow(Workflow[I, O]):
    """A workflow whose function is ``def``."""

    def __call__(self, *input: I) -> O:
        """Run it inline, in this run's journal; outside a run, call the function."""
        value: O = verbs.call_workflow(self, input)
        return value


class AsyncWorkflow(Workflow[I, O]):
    """A workflow whose function is ``async def``."""

    def __call__(self, *input: I) -> Coroutine[Any, Any, O]:
        """Run it inline, in this run's journal; outside a run, call the function."""
        coroutine: Coroutine[Any, Any, O] = verbs.call_workflow(self, input)
        return coroutine


def make_step(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    total_timeout: Duration | None = None,
    on_failure: OnFailure = "raise",
    at_most_once: bool = False,
    compensate: StepDefinition | Callable[..., Any] | Nothing | None = None,
    transaction: bool = False,
) -> StepDefinition:
    """Declare a step; ``dalsegno.step`` is this with types."""
    undo = compensate
    if undo is not None and not isinstance(undo, StepDefinition | Nothing):
        undo = make_step(undo)
    if on_failure != "raise" and not isinstance(on_failure, Skip | Escalate):
        raise DefinitionError(
            f"on_failure={on_failure!r} is none of the three.",
            "It says what a final failure of the step becomes.",
            'Write "raise", Skip(default) or Escalate(step).',
        )
    options = StepOptions(
        retry=retry,
        timeout=None if timeout is None else microseconds(timeout, what="timeout"),
        total_timeout=None if total_timeout is None else microseconds(total_timeout, what="total_timeout"),
        on_failure=on_failure,
        at_most_once=at_most_once,
        compensate=undo,
        transaction=transaction,
    )
    kind: type[StepDefinition] = AsyncStep if inspect.iscoroutinefunction(function) else Step
    return kind(function, name, options)


def make_workflow(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    version: str | int = "1",
    body: Callable[..., Any] | None = None,
    model: str = "workflow",
    check: Callable[[Workflow[Any, Any]], None] | None = None,
) -> Workflow[Any, Any]:
    """Declare a workflow; ``body`` is what runs, where a model wraps the function."""
    kind: type[Workflow[Any, Any]] = AsyncWorkflow if inspect.iscoroutinefunction(function) else SyncWorkflow
    return kind(function, name, str(version), body=body, model=model, check=check)


def _check_accepts(other: StepDefinition, step: StepDefinition, role: str, *, optional: str) -> None:
    """Refuse an undo, or an escalation, that cannot take its step's own arguments."""
    theirs = [p for p in other.signature.parameters.values() if p.name != optional or p.name in _names(step)]
    ours = list(step.signature.parameters.values())
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in theirs):
        return
    names: Sequence[str] = [p.name for p in theirs if p.kind is p.KEYWORD_ONLY]
    wanted = [p.name for p in ours if p.kind is p.KEYWORD_ONLY]
    if len(theirs) - len(names) != len(ours) - len(wanted) or set(names) != set(wanted):
        raise DefinitionError(
            f"{other.name}{other.signature} cannot be the {role} of {step.name}{step.signature} ({step.place}).",
            f"It is called with the step's own arguments, and with {optional}= if it has a parameter of that name.",
            f"Give {other.name} the parameters of {step.name}.",
        )


def _without_tx(step: StepDefinition) -> inspect.Signature:
    """Return what callers of a step in a transaction pass; refuse what such a step cannot be."""
    options, parameters = step.options, list(step.signature.parameters.values())
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for wrong, why, mend in (
        (step.is_async, "is async def", "A transaction is held by one thread, and blocks it. Write def."),
        (options.at_most_once, "is at_most_once=True", "Its rows and its entry are written exactly once already."),
        (not parameters or parameters[0].kind not in by_place, "takes no transaction",
         "Write a first parameter for it: def f(tx: Tx, order)."),
        ((options.timeout or 0) > LONGEST, "has a timeout over 5 s",
         "Nobody else can write to the store meanwhile. Do less in it, and the rest in other steps."),
    ):  # fmt: skip
        if wrong:
            raise DefinitionError(
                f"Step {step.name} ({step.place}) has transaction=True and {why}.", "", mend
            )
    return step.signature.replace(parameters=parameters[1:])


def _names(step: StepDefinition) -> set[str]:
    return set(step.signature.parameters)


def _place(function: Any) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)
