"""The blocking client: each verb waits for its operation, and that is all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dalsegno.client.aio import AsyncClient, AsyncRun
from dalsegno.client.blocking import Cases, DeadLetters, Events, Schemas, Services
from dalsegno.client.case import Case
from dalsegno.client.portal import Portal
from dalsegno.client.projections import ProjectionHandle
from dalsegno.client.run_views import RunInfo
from dalsegno.client.transactions import Transaction, wrapped
from dalsegno.core.durations import Duration
from dalsegno.core.retry import Retry
from dalsegno.core.transact import Tx
from dalsegno.engine.definitions import Workflow
from dalsegno.events.aggregate import Aggregate
from dalsegno.events.commands import AggregateHandle
from dalsegno.events.projection import Projection

if TYPE_CHECKING:
    from datetime import datetime

    from dalsegno.client.whereabouts import Explanation, Where

A = TypeVar("A", bound=Aggregate)
I = TypeVar("I")
O = TypeVar("O")
S = TypeVar("S")


class Run(Generic[O]):
    """One run, seen from outside, in ``def`` code."""

    def __init__(self, run: AsyncRun[O], portal: Portal) -> None:
        self.id = run.id
        self._run = run
        self._portal = portal

    def result(self, timeout: Duration | None = None) -> O:
        """Wait for the result; raise ``RunFailed``, ``RunCancelled`` or ``ResultTimeout``."""
        return self._portal.call(self._run.result(timeout))

    def status(self) -> str:
        """Return the run's status now."""
        return self._portal.call(self._run.status())

    def info(self) -> RunInfo:
        """Return what a list shows of the run."""
        return self._portal.call(self._run.info())

    def signal(
        self, payload: Any, *, name: str | None = None, id: str | None = None, sender: str = ""
    ) -> bool:
        """Send it a signal; False when one of this id had been accepted before."""
        return self._portal.call(self._run.signal(payload, name=name, id=id, sender=sender))

    def cancel(self, *, sender: str = "") -> bool:
        """Ask for it to be cancelled; False when it has ended, or was asked before."""
        return self._portal.call(self._run.cancel(sender=sender))

    def retry(self, *, sender: str = "") -> bool:
        """Try it again where it is parked; False when it is not."""
        return self._portal.call(self._run.retry(sender=sender))

    def __repr__(self) -> str:
        return f"<Run {self.id}>"


class Client:
    """What a program asks of its runs, in ``def`` code; of the log, services and dead letters in rooms."""

    def __init__(self, client: AsyncClient, portal: Portal) -> None:
        self._client = client
        self._portal = portal
        self.events = Events(client.events, portal)
        self.services = Services(client.services, portal)
        self.cases = Cases(client.cases, portal)
        self.dead_letters = DeadLetters(client.dead_letters, portal)
        self.schemas = Schemas(client.schemas, portal)

    @overload
    def start(
        self,
        workflow: Workflow[None, O],
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: Tx | None = None,
    ) -> Run[O]: ...
    @overload
    def start(
        self,
        workflow: Workflow[I, O],
        input: I,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: Tx | None = None,
    ) -> Run[O]: ...
    @overload
    def start(
        self,
        workflow: str,
        input: Any = None,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: Tx | None = None,
    ) -> Run[Any]: ...
    def start(
        self,
        workflow: Any,
        input: Any = None,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: Tx | None = None,
    ) -> Run[Any]:
        """Start a run and return its handle; idempotent by ``id``.

        When this returns, the start survives a crash. The same id with the same input gives the same
        run; with another input or workflow it raises ``RunConflict`` and changes nothing. With ``tx=``
        it joins a transaction, and is there when that is.
        """
        return Run(
            self._portal.call(self._client.start(workflow, input, id=id, case_id=case_id, tx=wrapped(tx))),
            self._portal,
        )

    def emit(
        self, *events: Any, id: str | None = None, case_id: str | None = None, tx: Tx | None = None
    ) -> list[int]:
        """Put events on the log, in this order and after those of earlier calls; return their numbers there.

        When this returns, they survive a crash. ``id`` makes it idempotent: an event of that id is
        written once, and its number is that of the first. A foreign event, read as an ``Envelope``, is
        known by its own source and id. Raises NotEncodable, PayloadTooLarge, InvalidInput, and Overloaded
        where a service that takes it is further behind than it may be. With ``tx=`` they join a
        transaction: they get their numbers at its end, and the list is empty.
        """
        return self._portal.call(self._client.emit(*events, id=id, case_id=case_id, tx=wrapped(tx)))

    def cancel_case(self, event: Any, /, *, sender: str = "") -> int:
        """Cancel a case: put its process's ``cancel=`` event on the log, and tell the case's runs with it.

        Handlers that undo go on, and whatever follows the event; nothing else of the case is reacted to
        any more. It is one transaction, and twice is once. Returns the event's number. Raises InvalidInput
        for an event that cancels no case.
        """
        return self._portal.call(self._client.cancel_case(event, sender=sender))

    def case(self, id: str) -> Case:
        """Return the handle of a case; nothing is read yet."""
        return Case(self._client.case(id), self._portal)

    def aggregate(self, cls: type[A], id: str, *, retry: Retry | None = None) -> AggregateHandle[A]:
        """Return the handle of an aggregate; nothing is read yet.

        With ``retry`` a command that others were quicker than is decided again, by what they have left.
        """
        return AggregateHandle(self._client.aggregate(cls, id, retry=retry), self._portal.call)

    def compact(self, cls: type[Aggregate]) -> int:
        """Write a snapshot of each aggregate of a class that has later events; return how many those were.

        Retention removes no event that an aggregate is folded from before a snapshot has it.
        """
        return self._portal.call(self._client.compact(cls))

    def projection(self, projection: Projection[S], /) -> ProjectionHandle[S]:
        """Return the handle of a read model; nothing is read yet."""
        return ProjectionHandle(self._client.projection(projection), self._portal.call)

    def transaction(self, *, timeout: Duration = "1s") -> Transaction:
        """Open a transaction on the store's own database: ``with client.transaction() as tx``.

        Your rows (``tx.execute(…)``) and what is started, signalled and emitted with ``tx=tx`` are
        committed together at the end of the block, or not at all if it raises. Nobody else can write
        to the store meanwhile: after ``timeout``, at most 5 s, it is rolled back. Raises
        TransactionTooLong, NestedTransaction, NoTransactions and StoreError.
        """
        return Transaction(self._client.transaction(timeout=timeout), self._portal)

    def run(self, id: str) -> Run[Any]:
        """Return the handle of a run; nothing is read yet."""
        return Run(self._client.run(id), self._portal)

    def signal(
        self,
        run_id: str,
        payload: Any,
        *,
        name: str | None = None,
        id: str | None = None,
        sender: str = "",
        tx: Tx | None = None,
    ) -> bool:
        """Send a signal to a run; False when one of this id had been accepted before.

        With ``tx=`` it joins a transaction, and is sent when that is committed.
        """
        return self._portal.call(
            self._client.signal(run_id, payload, name=name, id=id, sender=sender, tx=wrapped(tx))
        )

    def cancel(self, run_id: str, *, sender: str = "") -> bool:
        """Ask for a run to be cancelled; False when it has ended, or was asked before."""
        return self._portal.call(self._client.cancel(run_id, sender=sender))

    def retry(self, run_id: str, *, sender: str = "") -> bool:
        """Try a parked run again; False when it is not parked."""
        return self._portal.call(self._client.retry(run_id, sender=sender))

    def runs(
        self, *statuses: str, workflow: str | None = None, id_prefix: str | None = None, limit: int = 50
    ) -> list[RunInfo]:
        """List runs, newest first."""
        return self._portal.call(
            self._client.runs(*statuses, workflow=workflow, id_prefix=id_prefix, limit=limit)
        )

    def where(self, id: str, *, at: datetime | None = None) -> Where:
        """Tell where a case or a run stands: what is done, what is owed, by whom, and why it does not move.

        ``id`` is the name of a case, one of its keys, a run's id or how one begins, or an event (its number, or
        ``source#id``). ``at`` asks for a case as it was then. Raises RunNotFound, with ``candidates`` where it
        means several, and InvalidInput for a time that has not come.
        """
        return self._portal.call(self._client.where(id, at=at))

    def explain(self, id: str) -> Explanation:
        """Tell why a case, a run or an event does not move: all reasons, the one that binds first.

        ``id`` as for ``where``; an event that is named by its number is asked about itself.
        """
        return self._portal.call(self._client.explain(id))
