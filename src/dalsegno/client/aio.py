"""The awaited client: each verb awaits its operation, and that is all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from dalsegno.client.aggregates import FromOutside
from dalsegno.client.case import AsyncCase
from dalsegno.client.cases import AsyncCases
from dalsegno.client.dead_letters import AsyncDeadLetters
from dalsegno.client.events import AsyncEvents
from dalsegno.client.operations import Operations
from dalsegno.client.projections import AsyncProjectionHandle
from dalsegno.client.run_views import RunInfo
from dalsegno.client.schemas import AsyncSchemas
from dalsegno.client.services import AsyncServices
from dalsegno.client.transactions import AsyncTransaction, AsyncTx
from dalsegno.core.durations import Duration
from dalsegno.core.retry import Retry
from dalsegno.engine.definitions import Workflow
from dalsegno.events.aggregate import Aggregate
from dalsegno.events.commands import AsyncAggregateHandle
from dalsegno.events.projection import Projection
from dalsegno.store.protocol import RunQuery

if TYPE_CHECKING:
    from datetime import datetime

    from dalsegno.client.whereabouts import Explanation, Where

A = TypeVar("A", bound=Aggregate)
I = TypeVar("I")
O = TypeVar("O")
S = TypeVar("S")


class AsyncRun(Generic[O]):
    """One run, seen from outside, in ``async def`` code."""

    def __init__(self, id: str, operations: Operations, workflow: Workflow[Any, O] | None = None) -> None:
        self.id = id
        self._operations = operations
        self._workflow = workflow

    async def result(self, timeout: Duration | None = None) -> O:
        """Wait for the result; raise ``RunFailed``, ``RunCancelled`` or ``ResultTimeout``."""
        value: O = await self._operations.result(self.id, self._workflow, timeout)
        return value

    async def status(self) -> str:
        """Return the run's status now."""
        return (await self._operations.info(self.id)).status

    async def info(self) -> RunInfo:
        """Return what a list shows of the run."""
        return await self._operations.info(self.id)

    async def signal(
        self, payload: Any, *, name: str | None = None, id: str | None = None, sender: str = ""
    ) -> bool:
        """Send it a signal; False when one of this id had been accepted before."""
        return await self._operations.signal(self.id, payload, name, id, sender)

    async def cancel(self, *, sender: str = "") -> bool:
        """Ask for it to be cancelled; False when it has ended, or was asked before."""
        return await self._operations.cancel(self.id, sender)

    async def retry(self, *, sender: str = "") -> bool:
        """Try it again where it is parked; False when it is not."""
        return await self._operations.retry(self.id, sender)

    def __repr__(self) -> str:
        return f"<AsyncRun {self.id}>"


class AsyncClient:
    """What a program asks of its runs, in ``async def`` code; of the log, services and dead letters in rooms."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self.events = AsyncEvents(operations.desk)
        self.services = AsyncServices(operations.desk)
        self.cases = AsyncCases(operations.desk, lambda: operations.sight)
        self.dead_letters = AsyncDeadLetters(operations.desk)
        self.schemas = AsyncSchemas(operations.registering)

    @overload
    async def start(
        self,
        workflow: Workflow[None, O],
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: AsyncTx | None = None,
    ) -> AsyncRun[O]: ...
    @overload
    async def start(
        self,
        workflow: Workflow[I, O],
        input: I,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: AsyncTx | None = None,
    ) -> AsyncRun[O]: ...
    @overload
    async def start(
        self,
        workflow: str,
        input: Any = None,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: AsyncTx | None = None,
    ) -> AsyncRun[Any]: ...
    async def start(
        self,
        workflow: Any,
        input: Any = None,
        /,
        *,
        id: str | None = None,
        case_id: str | None = None,
        tx: AsyncTx | None = None,
    ) -> AsyncRun[Any]:
        """Start a run and return its handle; idempotent by ``id``.

        When this returns, the start survives a crash. The same id with the same input gives the same
        run; with another input or workflow it raises ``RunConflict`` and changes nothing. With ``tx=``
        it joins a transaction, and is there when that is.
        """
        run_id, row = await self._operations.start(workflow, input, id, case_id, tx)
        return AsyncRun(
            run_id, self._operations, self._operations.registry.workflows.get((row.workflow, row.version))
        )

    async def emit(
        self, *events: Any, id: str | None = None, case_id: str | None = None, tx: AsyncTx | None = None
    ) -> list[int]:
        """Put events on the log, in this order and after those of earlier calls; return their numbers there.

        When this returns, they survive a crash. ``id`` makes it idempotent: an event of that id is
        written once, and its number is that of the first. A foreign event, read as an ``Envelope``, is
        known by its own source and id. Raises NotEncodable, PayloadTooLarge, InvalidInput, and Overloaded
        where a service that takes it is further behind than it may be. With ``tx=`` they join a
        transaction: they get their numbers at its end, and the list is empty.
        """
        return await self._operations.emissions.emit(events, id, case_id, tx)

    async def cancel_case(self, event: Any, /, *, sender: str = "") -> int:
        """Cancel a case: put its process's ``cancel=`` event on the log, and tell the case's runs with it.

        Handlers that undo go on, and whatever follows the event; nothing else of the case is reacted to
        any more. It is one transaction, and twice is once. Returns the event's number. Raises InvalidInput
        for an event that cancels no case.
        """
        return await self._operations.cancel_case(event, sender)

    def case(self, id: str) -> AsyncCase:
        """Return the handle of a case; nothing is read yet."""
        return AsyncCase(id, self.events)

    def aggregate(self, cls: type[A], id: str, *, retry: Retry | None = None) -> AsyncAggregateHandle[A]:
        """Return the handle of an aggregate; nothing is read yet.

        With ``retry`` a command that others were quicker than is decided again, by what they have left.
        """
        work = FromOutside(
            cls, id, self._operations.loading, self._operations.emissions.emit_expecting, retry
        )
        return AsyncAggregateHandle(cls, id, work)

    async def compact(self, cls: type[Aggregate]) -> int:
        """Write a snapshot of each aggregate of a class that has later events; return how many those were.

        Retention removes no event that an aggregate is folded from before a snapshot has it.
        """
        return await self._operations.loading.compact(cls)

    def projection(self, projection: Projection[S], /) -> AsyncProjectionHandle[S]:
        """Return the handle of a read model; nothing is read yet."""
        return AsyncProjectionHandle(projection, self._operations.desk)

    def transaction(self, *, timeout: Duration = "1s") -> AsyncTransaction:
        """Open a transaction on the store's own database: ``async with client.transaction() as tx``.

        Your rows (``await tx.execute(…)``) and what is started, signalled and emitted with ``tx=tx`` are
        committed together at the end of the block, or not at all if it raises. Nobody else can write
        to the store meanwhile: after ``timeout``, at most 5 s, it is rolled back. Raises
        TransactionTooLong, NestedTransaction, NoTransactions and StoreError.
        """
        return AsyncTransaction(self._operations.commits, timeout)

    def run(self, id: str) -> AsyncRun[Any]:
        """Return the handle of a run; nothing is read yet."""
        return AsyncRun(id, self._operations)

    async def signal(
        self,
        run_id: str,
        payload: Any,
        *,
        name: str | None = None,
        id: str | None = None,
        sender: str = "",
        tx: AsyncTx | None = None,
    ) -> bool:
        """Send a signal to a run; False when one of this id had been accepted before.

        With ``tx=`` it joins a transaction, and is sent when that is committed.
        """
        return await self._operations.signal(run_id, payload, name, id, sender, tx)

    async def cancel(self, run_id: str, *, sender: str = "") -> bool:
        """Ask for a run to be cancelled; False when it has ended, or was asked before."""
        return await self._operations.cancel(run_id, sender)

    async def retry(self, run_id: str, *, sender: str = "") -> bool:
        """Try a parked run again; False when it is not parked."""
        return await self._operations.retry(run_id, sender)

    async def runs(
        self, *statuses: str, workflow: str | None = None, id_prefix: str | None = None, limit: int = 50
    ) -> list[RunInfo]:
        """List runs, newest first."""
        return await self._operations.runs(
            RunQuery(
                namespace=self._operations.namespace,
                statuses=statuses,
                workflow=workflow,
                id_prefix=id_prefix,
                limit=limit,
            )
        )

    async def where(self, id: str, *, at: datetime | None = None) -> Where:
        """Tell where a case or a run stands: what is done, what is owed, by whom, and why it does not move.

        ``id`` is the name of a case, one of its keys, a run's id or how one begins, or an event (its number, or
        ``source#id``). ``at`` asks for a case as it was then. Raises RunNotFound, with ``candidates`` where it
        means several, and InvalidInput for a time that has not come.
        """
        return await self._operations.sight.where(id, at)

    async def explain(self, id: str) -> Explanation:
        """Tell why a case, a run or an event does not move: all reasons, the one that binds first.

        ``id`` as for ``where``; an event that is named by its number is asked about itself.
        """
        return await self._operations.sight.explain(id)
