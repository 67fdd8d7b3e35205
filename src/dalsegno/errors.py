"""Every public exception, and how they are related.

::

    DalsegnoError
    ├── DefinitionError          a decorator was given something that cannot work
    ├── InvalidInput             a value that cannot be accepted (also a ValueError)
    │   ├── InvalidDuration
    │   ├── InvalidId
    │   ├── NotEncodable
    │   ├── NotDecodable
    │   │   └── NoConverter      an event of a version that the code cannot read
    │   └── EventRefused         no CloudEvent, or a malformed one
    ├── SchemaRefused            a version of an event that does not fit those in the store
    ├── UndeclaredEvent          a handler returned or emitted what it does not declare
    ├── JoinIncomplete           what a handler joins did not come together in time (also a TimeoutError)
    ├── HopLimit                 too many events led to one, one after the other
    ├── RetentionPassed          events were removed before a service had read them
    ├── VersionConflict          an aggregate was changed by others meanwhile
    ├── HistoryForgotten         what is to be folded is not on the log any more
    ├── ProjectionNotFound
    ├── Overloaded               a service is too far behind for more events
    ├── LimitReached             a bound was met, before anything was written
    │   ├── PayloadTooLarge
    │   ├── StampTooLarge        events would carry too much of their case's state
    │   ├── JournalFull
    │   └── TooDeep
    ├── MisusedInRun             workflow code did what a workflow cannot do
    │   ├── NotInRun
    │   ├── WrongColour
    │   ├── SideEffectInWorkflow
    │   └── PromiseNeverAwaited
    ├── RunError                 about one run, seen from outside
    │   ├── RunNotFound
    │   ├── RunConflict
    │   ├── RunEnded
    │   ├── RunFailed
    │   ├── RunCancelled
    │   ├── ResultTimeout        (also a TimeoutError)
    │   └── Discarded            a person gave up a dead letter
    ├── EventNotFound            about the log, its services and its dead letters, seen from outside
    ├── ServiceNotFound
    ├── DeadLetterNotFound
    ├── CaseNotFound
    ├── RedriveRefused
    ├── StepFailed               a step's failure, seen by the workflow
    │   ├── StepTimeout          (also a TimeoutError)
    │   ├── StepInterrupted
    │   ├── ChildFailed
    │   └── ChildCancelled
    ├── Diverged                 the journal and the code disagree
    ├── TransactionError         user code in a transaction of ours cannot go on
    │   ├── StatementFailed      the database refuses a statement
    │   ├── StatementBarred      it touches tables of dalsegno's, or the transaction itself
    │   ├── TransactionTooLong   it took longer than it may (also a TimeoutError)
    │   ├── TransactionOver      it is used after its end
    │   ├── TransactionInDoubt   whether it was committed cannot be told
    │   ├── NestedTransaction    another write was begun inside one
    │   └── NoTransactions       the store has none for user code
    ├── SessionFenced            this worker was judged dead; another owns its runs
    └── StoreError               the store cannot do what it must
        ├── StoreUnreachable
        ├── StoreBusy
        ├── StoreFull
        ├── StoreReadOnly
        ├── StoreDamaged
        ├── StoreVanished
        ├── StoreVersion         schema newer than this program, or not ours
        └── StoreShared          somebody else's SQLite library, or a fork, holds our file

A message says what happened, what it means and what to do; its last line names the section of
``docs/reference/errors.md`` that says more. Whatever a message names is an attribute too; those that
are declared below are always there, others only where they are known.
"""

from __future__ import annotations

from typing import Any

_PAGE = "docs/reference/errors.md"


class DalsegnoError(Exception):
    """Something that dalsegno refuses or reports.

    ``what`` is one sentence with the ids and the values; ``meaning`` and ``mend`` say what follows
    and what to do. Keyword arguments become attributes.
    """

    def __init__(self, what: str, meaning: str = "", mend: str = "", **fields: Any) -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.mend = mend
        self.fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def anchor(cls) -> str:
        """The address of this exception's section in the reference."""
        return f"{_PAGE}#{cls.__name__.lower()}"

    def __str__(self) -> str:
        lines = [self.what, self.meaning, self.mend, f"See {self.anchor()}"]
        return "\n".join(line for line in lines if line)


class DefinitionError(DalsegnoError):
    """A workflow, step, saga or app was declared in a way that cannot work."""


class InvalidInput(DalsegnoError, ValueError):
    """A value that cannot be accepted; nothing was written."""


class InvalidDuration(InvalidInput):
    """Not a length of time that a timer can have."""


class InvalidId(InvalidInput):
    """Not text that can serve as an id."""


class NotEncodable(InvalidInput):
    """A value that cannot be written to the journal and read back as it was."""


class NotDecodable(InvalidInput):
    """A stored value that does not have the shape that the code now declares."""


class NoConverter(NotDecodable):
    """An event is stored in one version, wanted in another, and nothing leads from one to the other."""

    type: str
    stored: int
    wanted: int
    versions: tuple[int, ...]  # those that are known


class EventRefused(InvalidInput):
    """No CloudEvent, or a malformed one; ``attribute`` names the part, ``reason`` says what is wrong with it."""

    attribute: str
    reason: str


class SchemaRefused(DalsegnoError):
    """Versions of events do not fit those that are registered in the store; nothing was registered.

    ``types`` are those that do not, as (name, version). ``findings`` tell of each by its ``admission``
    what does not fit (field and rule), and by its ``breakages`` who breaks.
    """

    types: tuple[tuple[str, int], ...] = ()
    findings: tuple[Any, ...] = ()


class JoinIncomplete(DalsegnoError, TimeoutError):
    """A handler that joins events did not get all of them in time; ``lacking`` names those that did not come."""

    lacking: tuple[str, ...] = ()


class Overloaded(DalsegnoError):
    """A service is too far behind for more events; ``retry_after`` tells in how many seconds to try again."""

    service: str = ""
    lag: int = 0
    retry_after: float = 1.0


class RetentionPassed(DalsegnoError):
    """Retention has removed events that somebody wants to read.

    A service that had not read them stands still until a person lets it skip them.
    """

    service: str = ""
    first_lost: int = 0
    last_lost: int = 0


class VersionConflict(DalsegnoError):
    """An aggregate has later events than those by which a command was decided; nothing was written.

    ``expected`` and ``actual`` are versions, numbers of events on the log: of the last one that was
    folded, and of the later one that is there.
    """

    aggregate: str = ""
    key: str = ""
    expected: int = 0
    actual: int = 0


class HistoryForgotten(DalsegnoError):
    """A fold needs events that retention has removed; ``first`` is the oldest one that is still there."""

    first: int = 0


class ProjectionNotFound(DalsegnoError):
    """No worker has begun to build this read model in this store."""


class HopLimit(DalsegnoError):
    """Too many events have led to one, one after the other: services answer each other in a circle."""


class UndeclaredEvent(DalsegnoError):
    """A handler returned or emitted what it does not declare."""


class LimitReached(DalsegnoError):
    """A bound was met; the journal holds nothing of what was too much."""


class StampTooLarge(LimitReached):
    """What the events of a case are to carry of its state is more than ``Limits(stamp=…)`` allows."""

    size: int
    limit: int


class PayloadTooLarge(LimitReached):
    """An input, result, signal or error is larger than the store accepts."""

    run_id: str
    size: int
    limit: int


class JournalFull(LimitReached):
    """A run has asked for as many operations as one run may."""

    run_id: str
    limit: int


class TooDeep(LimitReached):
    """Children of children of children, deeper than a run may nest."""

    run_id: str
    depth: int


class MisusedInRun(DalsegnoError):
    """Workflow code did what workflow code cannot do."""


class NotInRun(MisusedInRun):
    """A verb of workflow code was called outside a run."""


class WrongColour(MisusedInRun):
    """A blocking call in ``async def`` code, or an awaitable nobody can await in ``def`` code."""


class SideEffectInWorkflow(MisusedInRun):
    """A workflow body reached for the outside world; only a step may."""


class PromiseNeverAwaited(MisusedInRun):
    """A run ended while a promise that it made had never been waited for."""


class RunError(DalsegnoError):
    """About one run, seen from outside."""

    run_id: str


class RunNotFound(RunError):
    """No run of that id."""


class RunConflict(RunError):
    """The id belongs to a run of another workflow or with another input."""


class RunEnded(RunError):
    """The run has ended, so it takes no more signals and cannot be cancelled."""


class RunFailed(RunError):
    """The run failed; ``error`` is the failure as data (type, message, traceback)."""

    error: Any  # its ``type``, ``message``, ``traceback``, ``attributes``, ``notes``


class RunCancelled(RunError):
    """The run was cancelled."""


class Discarded(RunError):
    """A person gave up a dead letter; the reaction to that event has ended without it."""


class ResultTimeout(RunError, TimeoutError):
    """The result did not come in the time given; the run goes on."""


class EventNotFound(DalsegnoError):
    """No event of that number or id."""


class ServiceNotFound(DalsegnoError):
    """No service of that name, or no handler of it."""


class DeadLetterNotFound(DalsegnoError):
    """No dead letter of that number."""


class CaseNotFound(DalsegnoError):
    """No case of that name or key, or several of that key."""

    case_id: str = ""


class RedriveRefused(DalsegnoError):
    """This answer to a dead letter is not accepted, and nothing was changed."""


class StepFailed(DalsegnoError):
    """A step failed for good; ``type``, ``message`` and ``traceback`` tell how, as text."""

    type: str = ""
    message: str = ""
    traceback: str = ""


class StepTimeout(StepFailed, TimeoutError):
    """A step took longer than its timeout; whether its effect happened is unknown."""

    run_id: str
    step: str
    attempt: int


class StepInterrupted(StepFailed):
    """An ``at_most_once`` step was in flight when its worker died; it will not run again."""

    run_id: str
    step: str


class ChildFailed(StepFailed):
    """A child run failed; ``run_id`` names it."""

    run_id: str


class ChildCancelled(StepFailed):
    """A child run was cancelled from outside; ``run_id`` names it."""

    run_id: str


class Diverged(DalsegnoError):
    """The journal holds one thing where the code now asks for another."""

    run_id: str
    entry: int
    expected: str
    found: str


class SessionFenced(DalsegnoError):
    """This worker's session was ended by another worker; it can commit nothing any more."""


class TransactionError(DalsegnoError):
    """User code in a transaction of ours did what it cannot, or cannot go on; nothing of it was written."""


class StatementFailed(TransactionError):
    """The database refuses a statement; ``constraint`` tells whether a rule of the table does."""

    sql: str = ""
    constraint: bool = False


class StatementBarred(TransactionError):
    """A statement touches tables of dalsegno's, or the transaction that it runs in."""

    sql: str = ""


class TransactionTooLong(TransactionError, TimeoutError):
    """A transaction with user code in it took longer than it may, and was rolled back."""

    seconds: float = 0.0


class TransactionOver(TransactionError):
    """A transaction was used after its end, or after it was rolled back."""


class TransactionInDoubt(TransactionError):
    """The store's reply was lost, and nothing in it tells whether the transaction was committed."""


class NestedTransaction(TransactionError):
    """Another write was begun inside a transaction, and would wait for it."""


class NoTransactions(TransactionError):
    """The store has no transactions that a program could hold open."""


class StoreError(DalsegnoError):
    """The store cannot do what it must; no acknowledged write is lost."""


class StoreUnreachable(StoreError):
    """The store cannot be opened, or does not answer."""


class StoreBusy(StoreError):
    """Another process held the store's write lock for longer than we wait."""


class StoreFull(StoreError):
    """No space is left where the store lives."""


class StoreReadOnly(StoreError):
    """The store, or its folder, cannot be written."""


class StoreDamaged(StoreError):
    """The store's file is corrupt, or is no store of ours."""


class StoreVanished(StoreError):
    """The store's file was deleted or replaced while it was open."""


class StoreVersion(StoreError):
    """The store's schema is not one that this program can use."""


class StoreShared(StoreError):
    """The store's file was about to be, or was, opened behind our back in this process."""
