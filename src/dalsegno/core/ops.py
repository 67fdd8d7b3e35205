"""The operations of a run: what workflow code asked for and the journal answers.

An op is numbered in the order of its making, which is the same at each replay. It is the promise that
the code holds, with what the engine must know to keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.loop import RunFuture
from dalsegno.core.promise import Promise

if TYPE_CHECKING:
    from dalsegno.core.execution import Execution

_VALUE = Outcome.VALUE
_IN_DOUBT = (Outcome.UNKNOWN, Outcome.CANCELLED)


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


class Op(Promise[Any]):
    """One operation of one execution; users know it as a ``Promise``.

    ``begun`` is true once the op outlived the turn that made it: only then may its effect have
    happened. ``attempts`` failed attempts are in the journal; ``intent`` is the attempt that an
    at_most_once step was about to make; ``unknown`` tells that some attempt's outcome is not known.
    ``tried_at`` is when it was first tried, as far as this process knows.
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
        loop = execution.loop
        Promise.__init__(self, loop=loop)
        self.execution = execution
        self.number = number
        self.kind = kind
        self.name = name
        self.digest = digest
        self.request = request
        self.names = names
        self.made_at = execution.position
        self.made_time = loop.time_us
        self.begun = False
        self.attempts = 0
        self.last_error = ""
        self.tried_at = 0
        self.intent = 0
        self.unknown = False
        self.settled: Entry | None = None
        self.settlement: RunFuture[None] | None = None
        self.successor: Op | None = None  # who took over after a failure

    @property
    def label(self) -> str:
        return f"{self.kind.name.lower()} {self.name!r} (#{self.number})"

    def __repr__(self) -> str:
        return f"<Promise of {self.label}>"

    @property
    def outlived(self) -> bool:
        """Whether it has outlived the turn that made it: the same in a replay, where nothing is begun."""
        return self.begun or self.made_at != self.execution.position

    def _withdrawn(self) -> None:
        if self.successor is not None:
            self.successor.cancel()
        self.begun = self.outlived
        self.execution.note_cancelled(self)

    def settle(self, entry: Entry) -> None:
        """Take the entry that answers this op; a promise that is done by then drops it."""
        outcome = entry.outcome
        self.sender = entry.source
        if outcome in _IN_DOUBT:
            self.unknown = True
        if not self.done():
            if outcome is _VALUE:
                self.set_result(self.request.value(entry))
            elif not self.request.recover(self, entry):
                self.fail(self.request.error(entry))
        self.settled = entry
        if not self.waited_for:
            self.execution.unheard.append(self)
        if self.settlement is not None and not self.settlement.done():
            self.settlement.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Give the promise an error; the journal has it, so nobody need retrieve it."""
        self.set_exception(error)
        self._log_traceback = False

    def hand_over(self, successor: Op) -> None:
        """Let another op's outcome be this promise's."""
        self.successor = successor

        def follow(other: Any) -> None:
            if self.done():
                return
            if other.cancelled():
                self.cancel()
            elif other.exception() is not None:
                self.fail(other.exception())
            else:
                self.set_result(other.result())

        successor.add_done_callback(follow)

    async def settles(self) -> None:
        """Wait until the journal says how the op ended, even when its promise was cancelled."""
        if self.settled is None and self.begun:
            self.settlement = RunFuture(loop=self.execution.loop)
            await self.settlement
