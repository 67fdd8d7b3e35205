"""The client's logic, once: start, look up, signal, cancel, retry, list, wait for a result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from dalsegno.client.desk import Desk
from dalsegno.client.emissions import Emissions
from dalsegno.client.endings import Endings
from dalsegno.client.run_views import RunInfo, run_info
from dalsegno.client.sending import Sending
from dalsegno.core import failure
from dalsegno.core.clock import SECOND, Clock
from dalsegno.core.codec import shape_of
from dalsegno.core.commit import Refused, Rest, Retry, Send, Sent, SentHow, Started
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.entries import Kind
from dalsegno.core.execution import current
from dalsegno.core.failure import Failure
from dalsegno.core.ids import Numbers, check_id, new_id
from dalsegno.core.limits import Limits
from dalsegno.core.runs import Ending, Status
from dalsegno.core.runs import Run as Row
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.calls import too_large
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.registry import Registry, start_of
from dalsegno.engine.verbs import signal_name
from dalsegno.errors import (
    InvalidInput,
    MisusedInRun,
    ResultTimeout,
    RunCancelled,
    RunConflict,
    RunEnded,
    RunFailed,
    RunNotFound,
)
from dalsegno.events.known import Known
from dalsegno.events.loading import Loading
from dalsegno.events.pressure import Pressure
from dalsegno.events.registering import Registering
from dalsegno.events.types import event_type
from dalsegno.store.protocol import RunQuery, Store

if TYPE_CHECKING:
    from dalsegno.client.whereabouts import Looking


class LocalWorker(Protocol):
    """The worker of this process, as far as its client knows it."""

    def nudge(self) -> None:
        """Hear that a write may have made a run due."""

    def free_session(self) -> int | None:
        """Return the session that can take one more run at once, if there is a slot."""

    def give_back_slot(self, *, sure: bool) -> None:
        """Hear that a start that was given a slot has its answer, if not a ``sure`` one."""

    def started(self, run: Row) -> None:
        """Hear of a run that was just started, by its session or for anybody."""


class NoWorker:
    """In a process without a worker, others see for themselves what is due."""

    def nudge(self) -> None:
        return None

    def free_session(self) -> int | None:
        return None

    def give_back_slot(self, *, sure: bool) -> None:
        return None

    def started(self, run: Row) -> None:
        return None


class Operations:
    """Everything a client can do, awaited; the two faces add nothing but their colour.

    ``queue`` is where what it starts waits for a worker. ``local`` is this process's worker, if it has
    one: it hears of what it may do at once.
    """

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        registry: Registry,
        clock: Clock,
        numbers: Numbers,
        limits: Limits,
        *,
        namespace: str,
        queue: str = "default",
        local: LocalWorker | None = None,
        known: Known | None = None,
        emitted: Callable[[], None] | None = None,
        pressure: Pressure | None = None,
        registering: Registering | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.namespace = namespace
        self._commits = commits
        self._clock = clock
        self._numbers = numbers
        self._limits = limits
        self._queue = queue
        self._local = local or NoWorker()
        self._endings = Endings(store)
        self._declared = known or Known()
        self._emitted = emitted
        self.sending = Sending(commits, store.address)
        self.registering = registering or Registering(self._declared, store, commits, namespace)
        self.loading = Loading(store, commits, self._declared.types, namespace)
        self.emissions = Emissions(
            store,
            self.sending,
            self._declared,
            limits,
            namespace,
            emitted=emitted,
            pressure=pressure,
            registering=self.registering,
        )
        self.looking: Looking | None = None
        self.desk = Desk(store, namespace, commits, self._declared, limits, self._written, pressure)

    @property
    def sight(self) -> Looking:
        """Who can tell where things stand."""
        assert self.looking is not None  # the App gives it
        return self.looking

    @property
    def commits(self) -> CommitQueue:
        """The queue to its store."""
        return self._commits

    def _written(self) -> None:
        """Have this process's worker look at once."""
        self._local.nudge()
        if self._emitted is not None:
            self._emitted()

    async def _submit(self, item: Write, tx: Any, heard: Callable[[Verdict], None]) -> Verdict:
        return await self.sending.submit(item, tx, heard)

    # -- cases

    async def cancel_case(self, event: Any, sender: str) -> int:
        """Cancel a case by its declared event, which calls its runs off; return the event's number."""
        kind = event_type(event)
        case_id = self._declared.case_of(kind.name, kind.key_of(event))
        if not kind.cancels or case_id is None:
            raise InvalidInput(
                f"{kind.title} cancels no case.",
                "No process here declares it as its cancel= event, or it has no key.",
                "Write Process(…, cancel=…), and give the event the key of the case.",
            )
        _check_sender(sender)
        (number,) = await self.emissions.emit([event], f"cancel {case_id}", case_id, sender=sender)
        self._local.nudge()
        return number

    # -- start

    async def start(
        self,
        workflow: Workflow[Any, Any] | str,
        input: Any,
        run_id: str | None,
        case_id: str | None,
        tx: Any = None,
    ) -> tuple[str, Row]:
        """Start a run, or find the one that this id already has; return its id and row."""
        if isinstance(workflow, str):
            workflow = self.registry.latest(workflow)
        if not isinstance(workflow, Workflow):
            raise TypeError(f"start() takes a function under @workflow or @saga, not {workflow!r}")
        run_id = new_id() if run_id is None else check_id(run_id)
        data, input_digest = workflow.encode_input(input)
        self._check_size(data, f"input of workflow {workflow.name}", run_id)
        if case_id is not None:
            await self.registering.declare(lambda item, heard: self._submit(item, tx, heard))
        row = start_of(
            workflow,
            (data, input_digest),
            number=self._numbers.take()[0],
            run_id=run_id,
            namespace=self.namespace,
            case_id=check_id(case_id, "case id") if case_id is not None else None,
            queue=self._queue,
            session=self._local.free_session() if tx is None and self._here(workflow) else None,
        )
        verdict = await self._submit(row, tx, partial(self._started, row.session))
        while verdict is Refused.NUMBER_TAKEN:  # two processes drew one number: draw another
            self._numbers.renew()
            row = replace(row, number=self._numbers.take()[0], session=None)
            verdict = await self._submit(row, tx, partial(self._started, None))
        assert isinstance(verdict, Started)
        if not verdict.created:
            _refuse_conflict(workflow, input_digest, verdict.run)
        return run_id, verdict.run

    def _started(self, session: int | None, verdict: Verdict) -> None:
        """Hear of a start as soon as it is durable, even if its caller has gone away by then."""
        if session is not None:
            self._local.give_back_slot(sure=isinstance(verdict, Started))
        if isinstance(verdict, Started) and verdict.created:
            self._endings.recall(verdict.run.id)  # what had this id before was pruned
        # One that was not created may be one whose creation was not heard of; the worker knows what it has.
        if isinstance(verdict, Started) and (verdict.created or verdict.run.session is not None):
            self._local.started(verdict.run)

    def _here(self, workflow: Workflow[Any, Any]) -> bool:
        """Whether this process's worker has the code."""
        return workflow.key in self.registry.workflows

    # -- messages to a run

    async def signal(
        self,
        run_id: str,
        payload: Any,
        name: str | None,
        signal_id: str | None,
        sender: str,
        tx: Any = None,
    ) -> bool:
        """Send a signal; False when one of this id had been accepted before."""
        name = check_id(signal_name(type(payload)) if name is None else name, "signal name")
        what = f"signal {name}"
        data = shape_of(type(payload)).encode(payload, what)
        self._check_size(data, what, run_id)
        if signal_id is not None:
            check_id(signal_id, "signal id")
        # Without an id of the caller's it gets one of this call's: should the store's reply be lost, it is sent
        # again, and must not come twice.
        known_as = f"call:{self._numbers.take()[0]}" if signal_id is None else f"signal:{signal_id}"
        send = Send(
            Kind.SIGNAL,
            namespace=self.namespace,
            run_id=run_id,
            name=name,
            id=known_as,
            source=sender,
            data=data,
        )
        sent = await self._send(send, tx)
        if sent.how is SentHow.ENDED:
            raise RunEnded(
                f"Run {run_id} has ended ({sent.status}), so signal {name} was not accepted.",
                "Nobody will ask for it any more.",
                "Look at the run: `dalsegno runs show`.",
                run_id=run_id,
            )
        return signal_id is None or sent.how is SentHow.ACCEPTED

    async def cancel(self, run_id: str, sender: str) -> bool:
        """Ask for a run to be cancelled; False when it has ended, or was asked before."""
        sent = await self._send(
            Send(
                Kind.CANCEL,
                namespace=self.namespace,
                run_id=run_id,
                id="cancel",
                source=sender,
                release=True,
            )
        )
        return sent.how is SentHow.ACCEPTED

    async def retry(self, run_id: str, sender: str) -> bool:
        """Try a parked run again; False when it is not parked."""
        check_id(run_id)
        _check_sender(sender)
        sent = self._known(run_id, await self._commits.submit(Retry(self.namespace, run_id, sender)))
        self._local.nudge()
        return sent.how is SentHow.ACCEPTED

    async def _send(self, send: Send, tx: Any = None) -> Sent:
        check_id(send.run_id)
        _check_sender(send.source)
        return self._known(
            send.run_id,
            await self._submit(send, tx, lambda _: self._local.nudge()),
        )

    def _known(self, run_id: str, verdict: object) -> Sent:
        assert isinstance(verdict, Sent)
        if verdict.how is SentHow.UNKNOWN:
            raise self._not_found(run_id)
        return verdict

    # -- look

    async def row(self, run_id: str) -> Row:
        """Read a run; raise ``RunNotFound``."""
        row = await self.store.find(self.namespace, check_id(run_id))
        if row is None:
            raise self._not_found(run_id)
        return row

    async def runs(self, query: RunQuery) -> list[RunInfo]:
        """List runs, newest first."""
        return [run_info(row) for row in await self.store.runs(query)]

    async def info(self, run_id: str) -> RunInfo:
        """Read a run as a list shows it."""
        return run_info(await self.row(run_id))

    # -- results

    async def result(self, run_id: str, workflow: Workflow[Any, Any] | None, timeout: Duration | None) -> Any:
        """Wait until a run has ended; return its result or raise what it ended with."""
        if current() is not None:
            raise MisusedInRun(
                f"run.result() of run {run_id} was called inside a run.",
                "The wait would not be in the journal, and would block the loop that it waits for.",
                "Start it as a child: `await workflow.start(…)`.",
                run_id=run_id,
            )
        ending = self._endings.recall(check_id(run_id)) or await self._ending(run_id)
        if not ending.status.ended:
            ending = await self._ended(run_id, ending.number, timeout)
        return self._outcome(run_id, ending, workflow)

    async def _ending(self, run_id: str) -> Ending:
        ending = await self.store.ending(self.namespace, run_id)
        if ending is None:
            raise self._not_found(run_id)
        return ending

    async def _ended(self, run_id: str, number: int, timeout: Duration | None) -> Ending:
        limit = None if timeout is None else microseconds(timeout, what="timeout") / SECOND
        try:
            async with asyncio.timeout(limit):
                return await self._endings.wait(number)
        except TimeoutError:
            raise ResultTimeout(
                f"Run {run_id} had no result after {timeout}.",
                "The run goes on; only this wait has ended.",
                f"`dalsegno where {run_id}` tells what it waits for.",
                run_id=run_id,
            ) from None

    def rested(self, run: Row, rest: Rest) -> None:
        """Hear from this process's worker that a run came to rest."""
        if rest.status.ended:
            row = (run.number, run.workflow, run.version, rest.status, rest.reason, rest.output, rest.error)
            ending = Ending(*row)
            if run.namespace == self.namespace:
                self._endings.keep(run.id, ending)
            self._endings.tell(ending)

    def _outcome(self, run_id: str, ending: Ending, workflow: Workflow[Any, Any] | None) -> Any:
        if ending.status is Status.COMPLETED:
            workflow = workflow or self.registry.workflows.get((ending.workflow, ending.version))
            shape = workflow.output if workflow is not None else shape_of(Any)
            return shape.decode(ending.output or b"null", f"result of run {run_id}")
        told = failure.decode(ending.error) if ending.error else None
        note = f" ({ending.reason})" if ending.reason else ""
        if ending.status is Status.CANCELLED:
            raise RunCancelled(f"Run {run_id} was cancelled{note}.", run_id=run_id)
        raise _failed(run_id, told, note)

    def _check_size(self, data: bytes, what: str, run_id: str) -> None:
        if len(data) > self._limits.payload:
            raise too_large(what, len(data), self._limits.payload, run_id)

    def _not_found(self, run_id: str) -> RunNotFound:
        return RunNotFound(
            f"There is no run {run_id!r} in {self.store.address}.",
            "It was never started there, or this is another store than the one it is in.",
            "`dalsegno runs list` shows what there is; look at the id and the store.",
            run_id=run_id,
            store=self.store.address,
        )


def _check_sender(sender: str) -> None:
    if sender:
        check_id(sender, "sender")


def _failed(run_id: str, told: Failure | None, note: str) -> RunFailed:
    what = told.title if told is not None else "without an error"
    return RunFailed(
        f"Run {run_id} failed{note}: {what}",
        mend=f"`dalsegno runs show {run_id}` shows its journal.",
        run_id=run_id,
        error=told,
    )


def _refuse_conflict(workflow: Workflow[Any, Any], input_digest: bytes, row: Row) -> None:
    if row.workflow != workflow.name:
        what = f"is a run of workflow {row.workflow!r}, not of {workflow.name!r}"
    elif row.input_digest != input_digest:
        digests = f"digest {row.input_digest.hex()} there, {input_digest.hex()} here"
        what = f"was started with another input: {digests}"
    else:
        return
    raise RunConflict(
        f"Run {row.id!r} {what}.",
        "One id is one run: the first one was left as it is, and nothing was started.",
        "Use another id, or ask for the first one's result.",
        run_id=row.id,
    )
