"""The requests behind ops: what the engine is to do, and how the answer reads in the code's own types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dalsegno.core import failure
from dalsegno.core.codec import Shape, digest, encode_args, shape_of
from dalsegno.core.commit import Subscription
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.execution import Execution
from dalsegno.core.ops import Op, Request
from dalsegno.engine.remedies import Skip
from dalsegno.errors import ChildCancelled, ChildFailed, NotDecodable, PayloadTooLarge

if TYPE_CHECKING:
    from dalsegno.engine.definitions import StepDefinition, Workflow

_STEP = Kind.STEP


class Scope(Protocol):
    """Who is told of each step before it runs: a saga, which will undo it."""

    def joins(self, op: Op, call: StepCall) -> None:
        """Hear of a step before it runs."""
        ...


class StepCall(msgspec.Struct):
    """A step with its arguments. ``key`` is given where the run's own numbering must not name it.

    ``undoes`` is, for a compensation, the number of the op that it undoes.
    """

    step: StepDefinition
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: str | None = None
    scope: Scope | None = None
    undoes: int = 0
    run_id: str = ""

    def value(self, entry: Entry) -> Any:
        return self.step.output.decode(entry.data or b"null", self.step.result_label)

    def error(self, entry: Entry) -> BaseException:
        label = f"step {self.step.name}, run {self.run_id}"
        return failure.rebuild(failure.decode(entry.data or b""), self.step.visible, label)

    def recover(self, op: Op, entry: Entry) -> bool:
        remedy = self.step.options.on_failure
        if isinstance(remedy, str):
            return False
        if isinstance(remedy, Skip):
            op.set_result(remedy.default)
            return True
        told = failure.decode(entry.data or b"")
        kwargs = dict(self.kwargs)
        if "error" in remedy.step.signature.parameters and "error" not in self.step.signature.parameters:
            kwargs["error"] = told.title
        op.hand_over(open_step(op.execution, StepCall(remedy.step, self.args, kwargs, None, self.scope)))
        return True


def open_step(execution: Execution, call: StepCall) -> Op:
    """Make the op of a step call; whoever watches the code is told before the step runs."""
    step = call.step
    data = encode_args(call.args, call.kwargs, step.arguments_label)
    # A compensation may get the step's arguments and its result, which together are more.
    if len(data) > execution.limits.payload and not call.undoes:
        check_size(execution, data, step.arguments_label)
    op = execution.open(_STEP, step.name, digest(data), call)
    call.run_id = execution.run_id
    if call.scope is not None and not execution.loop.dead:
        call.scope.joins(op, call)
    return op


def check_size(execution: Execution, data: bytes, what: str) -> None:
    """Raise ``PayloadTooLarge`` for what the journal will not hold."""
    limit = execution.limits.payload
    if len(data) > limit:
        raise too_large(what, len(data), limit, execution.run_id)


def too_large(what: str, size: int, limit: int, run_id: str) -> PayloadTooLarge:
    """Make the error of a payload over the limit."""
    return PayloadTooLarge(
        f"The {what} of run {run_id} has {size:,} bytes; {limit:,} are allowed.",
        "It would be copied into the journal and read again at each replay. Nothing of it was written.",
        "Keep large data where it belongs (a file, an object store) and pass its address.",
        run_id=run_id,
        size=size,
        limit=limit,
    )


class ChildCall(Request):
    """A child run to start: its id is the parent's with the op's number, unless one was given."""

    __slots__ = ("child_id", "detached", "input", "run_id", "workflow")

    def __init__(
        self,
        workflow: Workflow[Any, Any],
        input: tuple[bytes, bytes],
        child_id: str | None,
        detached: bool,
        run_id: str,
    ) -> None:
        self.workflow = workflow
        self.input = input
        self.child_id = child_id or ""
        self.detached = detached
        self.run_id = run_id

    def name(self, op: Op) -> None:
        """Derive the id, the same at each replay."""
        self.child_id = self.child_id or f"{self.run_id}.{op.number}"

    def value(self, entry: Entry) -> Any:
        if self.detached:
            return self.child_id
        return self.workflow.output.decode(entry.data or b"null", f"result of child run {self.child_id}")

    def error(self, entry: Entry) -> BaseException:
        if entry.outcome is Outcome.CANCELLED:
            return ChildCancelled(
                f"Child run {self.child_id} ({self.workflow.name}) was cancelled.", run_id=self.child_id
            )
        told = failure.decode(entry.data or b"")
        error = ChildFailed(
            f"Child run {self.child_id} ({self.workflow.name}) failed: {told.title}",
            mend=f"`dalsegno runs show {self.child_id}` shows its journal.",
            run_id=self.child_id,
            type=told.type,
            message=told.message,
            traceback=told.traceback,
        )
        error.__cause__ = failure.rebuild(told, self.workflow.visible, f"run {self.child_id}")
        return error

    def recover(self, op: Op, entry: Entry) -> bool:
        return False


class Receivable(Protocol):
    """A type that is received otherwise than by its own name: an event, which comes from the log."""

    @property
    def signal(self) -> str:
        """The name of the delivery that it comes as."""
        ...

    def read(self, data: bytes, versions: object) -> Any:
        """Read such a delivery, by what the App knows of its versions. Raises NotDecodable."""
        ...

    def subscription(self, execution: Execution, key: str | None) -> Subscription:
        """Say which events the run waits for: those of its case, or with a key."""
        ...


class ReceiveCall(Request):
    """A wait for a signal: which names, and the type of each."""

    __slots__ = ("versions", "wanted")

    def __init__(self, wanted: dict[str, Any], versions: object) -> None:
        self.wanted = wanted
        self.versions = versions

    def value(self, entry: Entry) -> Any:
        event = receivable(self.wanted[entry.name])
        if event is not None:
            return event.read(entry.data or b"null", self.versions)
        shape: Shape[Any] = shape_of(self.wanted[entry.name])
        return shape.decode(entry.data or b"null", f"signal {entry.name}")

    def error(self, entry: Entry) -> BaseException:
        try:
            self.value(entry)
        except NotDecodable as error:
            return error
        return NotDecodable(
            f"Signal {entry.name} could not be read when it was taken.",
            "What the code heard then is what it hears at each replay.",
            "Ask the sender to send it again.",
            hint=self.wanted[entry.name],
        )

    def reads(self, entry: Entry) -> bool:
        """Whether a signal has the type that is waited for."""
        try:
            self.value(entry)
        except NotDecodable:
            return False
        return True

    def recover(self, op: Op, entry: Entry) -> bool:
        return False


def receivable(type_: Any) -> Receivable | None:
    """Return how a type is received, where that is not as a signal of its name."""
    found: Receivable | None = vars(type_).get("__dalsegno_event__") if isinstance(type_, type) else None
    return found


class HoldCall(Request):
    """A wait for a person, who may say something."""

    __slots__ = ()

    def value(self, entry: Entry) -> bytes | None:
        return entry.data

    def error(self, entry: Entry) -> BaseException:
        return RuntimeError(f"hold {entry.name} carries an error")  # nobody can make one

    def recover(self, op: Op, entry: Entry) -> bool:
        return False
