"""The operations of a run: what workflow code asked for and the journal answers.

An op is numbered in the order of its making, which is the same at each replay. It keeps the promise
that the code holds, and a request that only the engine understands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.loop import RunFuture
from dalsegno.core.promise import Promise

if TYPE_CHECKING:
    from dalsegno.core.execution import Execution


class Request(Protocol):
    """What an op asks for, and how its answer becomes a value or an exception of the code's own."""

    def value(self, entry: Entry) -> Any:
        """Read the value that an entry holds."""
        ...

    def error(self, entry: Entry) -> BaseException:
        """Make the exception of the failure that an entry holds."""
        ...

    def recover(self, op: Op, entry: Entry) -> bool:
        """Give the promise another outcome than the failure in ``entry``; tell whether it did, or will."""
        ...


class Parted:
    """What a promise has for an op when it is done and was waited for, or its run was dropped."""

    label = "an operation"

    def waited(self) -> None:
        """Hear it again."""

    def cancelled(self) -> None:
        """Hear that code on its way out cancelled the promise."""


PARTED = Parted()


class Op:
    """One operation of one execution.

    ``begun`` is true once the op outlived the turn that made it: only then may its effect have
    happened. ``attempts`` failed attempts are in the journal; ``intent`` is the attempt that an
    at_most_once step was about to make; ``unknown`` tells that some attempt's outcome is not known.
    """

    __slots__ = (
        "attempts",
        "begun",
        "digest",
        "execution",
        "intent",
        "kind",
        "last_error",
        "made_at",
        "made_time",
        "name",
        "names",
        "number",
        "promise",
        "request",
        "settled",
        "settlement",
        "successor",
        "tried_at",
        "unknown",
    )

    def __init__(
        self,
        execution: Execution,
        number: int,
        kind: Kind,
        name: str,
        digest: bytes,
        request: Request,
        names: tuple[str, ...] = (),
    ) -> None:
        self.execution = execution
        self.number = number
        self.kind = kind
        self.name = name
        self.digest = digest
        self.request = request
        self.names = names
        self.made_at = execution.position
        self.made_time = execution.loop.time_us
        self.begun = False
        self.attempts = 0
        self.last_error = ""
        self.tried_at = 0  # when its first attempt had failed
        self.intent = 0
        self.unknown = False
        self.settled: Entry | None = None
        self.settlement: RunFuture[None] | None = None
        self.successor: Op | None = None  # who took over after a failure
        self.promise: Promise[Any] = Promise(self, loop=execution.loop)

    @property
    def label(self) -> str:
        """What it is, for messages."""
        return f"{self.kind.name.lower()} {self.name!r} (#{self.number})"

    @property
    def outlived(self) -> bool:
        """Whether it has outlived the turn that made it: the same in a replay, where nothing is begun."""
        return self.begun or self.made_at != self.execution.position

    def waited(self) -> None:
        """Note that somebody waits for the promise, or has asked for its outcome."""
        self.execution.unwaited.pop(self.number, None)
        if self.promise.done():
            self.part()

    def part(self) -> None:
        """Let the promise know this op no more: what holds nothing in a circle is freed at once."""
        self.promise.op = PARTED

    def cancelled(self) -> None:
        """Hear that the code cancelled the promise."""
        self.waited()
        if self.successor is not None:
            self.successor.promise.cancel()
        self.begun = self.outlived
        self.execution.note_cancelled(self)
        self.part()

    def settle(self, entry: Entry) -> None:
        """Take the entry that answers this op; a promise that is done by then drops it."""
        promise = self.promise
        promise.sender = entry.source
        self.unknown = self.unknown or entry.outcome in (Outcome.UNKNOWN, Outcome.CANCELLED)
        if not promise.done():
            if entry.outcome is Outcome.VALUE:
                promise.set_result(self.request.value(entry))
            elif not self.request.recover(self, entry):
                promise.set_exception(self.request.error(entry))
                promise._log_traceback = False  # the journal has it; nobody need retrieve it
        self.settled = entry
        if promise.done() and self.number not in self.execution.unwaited:
            self.part()
        if self.settlement is not None and not self.settlement.done():
            self.settlement.set_result(None)

    def hand_over(self, successor: Op) -> None:
        """Let another op's outcome be this promise's."""
        self.successor = successor
        promise = self.promise

        def follow(other: Any) -> None:
            if promise.done():
                return
            if other.cancelled():
                promise.cancel()
            elif other.exception() is not None:
                promise.set_exception(other.exception())
                promise._log_traceback = False
            else:
                promise.set_result(other.result())

        successor.promise.add_done_callback(follow)

    async def settles(self) -> None:
        """Wait until the journal says how the op ended, even when its promise was cancelled."""
        if self.settled is None and self.begun:
            self.settlement = RunFuture(loop=self.execution.loop)
            await self.settlement
