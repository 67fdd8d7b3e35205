"""The composition root: an App knows the definitions, names the store, and wires the rest together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalsegno.client import AsyncClient, Client, Operations
from dalsegno.client.portal import Portal
from dalsegno.core.clock import Clock, SystemClock
from dalsegno.core.commit import Rest, Session
from dalsegno.core.durations import Duration, microseconds
from dalsegno.core.ids import Numbers
from dalsegno.core.limits import Limits
from dalsegno.core.runs import Run
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.engine import Engine
from dalsegno.engine.logs import RunRecords
from dalsegno.engine.registry import Registry
from dalsegno.engine.runner import StepRunner
from dalsegno.engine.threads import Threads
from dalsegno.errors import DefinitionError
from dalsegno.events.known import Known
from dalsegno.events.loading import Loading
from dalsegno.events.pressure import Pressure
from dalsegno.events.projecting import Projecting
from dalsegno.events.reacting import Reacting
from dalsegno.events.registering import Registering
from dalsegno.events.retention import Retention
from dalsegno.events.together import Together
from dalsegno.events.within import Within
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.store.sqlite import SqliteLook, SqliteStore
from dalsegno.worker.vitals import own_vitals, provably_gone
from dalsegno.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from dalsegno.insight.alerts.rules import Alert
    from dalsegno.insight.instruments import Instruments

SECOND = 1_000_000


def open_store(address: str, clock: Clock, *, looking: bool = False) -> Store:
    """Make the store that an address names: ``sqlite:///orders.db``, ``sqlite:////abs/path``, ``memory:``.

    One for ``looking`` needs no right to write, and cannot.
    """
    if address == "memory:":
        return MemoryStore(clock)
    if address.startswith("sqlite:///"):
        kind = SqliteLook if looking else SqliteStore
        return kind(address.removeprefix("sqlite:///"), clock)
    raise DefinitionError(
        f"{address!r} names no store that dalsegno has.",
        "A store is a SQLite file, or memory.",
        "Write sqlite:///orders.db, sqlite:////var/lib/orders.db (an absolute path), or memory: (for tests).",
    )


@dataclass(frozen=True, slots=True)
class AppOptions:
    """How an App's worker and client behave; see ``App``."""

    namespace: str = "default"
    threads: int = 32
    patience: float = 5.0
    cache: int = 1_000
    limits: Limits = Limits()
    retention: Retention | None = None
    metrics: str | None = None
    traces: bool | None = None
    alerts: tuple[Alert, ...] = ()
    name: str = "dalsegno"
    worker: WorkerOptions = WorkerOptions()


class App:
    """An application of durable workflows.

    ``with App("orders") as client:`` runs a worker in this process and gives a blocking client,
    ``async with`` an awaited one. Without ``include`` it knows the workflows among the globals of the
    module that makes it, when it starts, imported ones too. The store is ``store=``, else the
    environment's ``DALSEGNO_STORE``, else the file ``<name>.db`` beside that module. ``retention`` says
    how long its worker keeps events: for ever, unless told otherwise. ``metrics`` is where its worker
    serves what it counts, as in ``"127.0.0.1:9464"``: nowhere, unless told otherwise. ``traces`` says whether spans of
    OpenTelemetry are made: where the program, or its environment, has set up its SDK, unless told otherwise.
    ``alerts`` are rules that its worker looks after, as in ``[Alert.stalled("10m", to="https://…")]``.
    """

    def __init__(
        self,
        name: str = "app",
        *,
        include: Iterable[object] | None = None,
        store: str | None = None,
        namespace: str = "default",
        queue: str = "default",
        slots: int = 1_000,
        threads: int = 32,
        lease: Duration = "10s",
        grace: Duration = "10s",
        limits: Limits | None = None,
        retention: Retention | None = None,
        metrics: str | None = None,
        traces: bool | None = None,
        alerts: Iterable[Alert] = (),
    ) -> None:
        caller = sys._getframe(1)
        self.name = name
        self._include = None if include is None else list(include)
        self._globals = caller.f_globals
        self._file = Path(caller.f_code.co_filename)
        self._store = store
        self.options = AppOptions(
            namespace=namespace,
            threads=threads,
            limits=limits or Limits(),
            retention=retention,
            metrics=metrics,
            traces=traces,
            alerts=_checked(alerts),
            name=name,
            worker=WorkerOptions(
                queue=queue,
                slots=slots,
                lease=max(microseconds(lease, what="lease"), SECOND // 5),
                grace=microseconds(grace, what="grace"),
                program=f"{name} ({self._file.name})",
            ),
        )
        self._portal: Portal | None = None
        self._runtime: Runtime | None = None

    @property
    def address(self) -> str:
        """The address of the store."""
        if self._store is not None:
            return self._store
        if os.environ.get("DALSEGNO_STORE"):
            return os.environ["DALSEGNO_STORE"]
        folder = self._file.parent if self._file.exists() else Path.cwd()
        return f"sqlite:///{(folder / f'{self.name}.db').resolve()}"

    def registry(self) -> Registry:
        """Collect the workflows and steps as they are now."""
        registry = Registry()
        if self._include is None:
            registry.add_found(self._globals)
        else:
            registry.add(Known().add(self._include))
        registry.check()
        return registry

    def known(self, known: Known | None = None) -> Known:
        """Collect the events, services and processes as they are now, beside those that are known already."""
        known = known or Known()
        if self._include is None:
            known.add_found(self._globals)
        else:
            known.add(self._include)
        known.check()
        return known

    def runtime(self, *, worker: bool = True, store: str | None = None) -> Runtime:
        """Wire an App's parts together; nothing is opened yet. With no slots there is no worker."""
        worker = worker and self.options.worker.slots > 0
        return Runtime(
            open_store(store or self.address, SystemClock()),
            self.registry(),
            self.options,
            known=self.known(),
            worker=worker,
        )

    def __enter__(self) -> Client:
        self._portal = Portal()
        self._runtime = self.runtime()
        try:
            return Client(self._portal.call(self._runtime.open()), self._portal)
        except BaseException:
            self._portal.close()
            raise

    def __exit__(self, *_: object) -> None:
        assert self._portal is not None and self._runtime is not None
        try:
            self._portal.call(self._runtime.close())
        finally:
            self._portal.close()

    async def __aenter__(self) -> AsyncClient:
        self._runtime = self.runtime()
        return await self._runtime.open()

    async def __aexit__(self, *_: object) -> None:
        assert self._runtime is not None
        await self._runtime.close()


def _checked(rules: Iterable[Alert]) -> tuple[Alert, ...]:
    if not (given := tuple(rules)):
        return ()
    from dalsegno.insight.alerts.rules import check_rules

    return check_rules(given)


class Runtime:
    """One App at work in one event loop: store, commit queue, engine, and a worker if wanted."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        options: AppOptions,
        *,
        known: Known | None = None,
        worker: bool = True,
        clock: Clock | None = None,
        spawner: Any = None,
        runner: StepRunner | None = None,
        numbers: Numbers | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.options = options
        self.known = known or Known()
        self._clock = clock or SystemClock()
        self._numbers = numbers or Numbers()
        self._threads = spawner or Threads(options.threads)
        self._records = RunRecords()
        self._pressure = Pressure(store, self._clock, options.namespace)
        self.commits = CommitQueue(store, self._clock, patience=options.patience)
        self.instruments = self._make_instruments(worker=worker)
        self.engine = self._make_engine(runner or self.instruments.runner(self._threads))
        self.registering = Registering(self.known, store, self.commits, options.namespace)
        self.reacting = self._make_reacting()
        self.projecting = Projecting(
            self.known.projections.values(),
            self.known.types,
            store,
            self.commits,
            namespace=options.namespace,
        )
        self._workflows = [*registry.workflows.values()]
        registry.add(self.reacting.workflows)
        self._within = Within(Loading(store, self.commits, self.known.types, options.namespace))
        self.engine.give(self._within)
        self.engine.versions = self.known.types
        self.reacting.give(self._within)
        self.engine.hold_back = self._pressure.hold
        self.engine.on_emitted = self.reacting.on_written = self._emitted
        self.worker = self._make_worker() if worker else None
        self.operations = self._make_operations()
        self._give_sight()
        self.instruments.watch(self.commits, self.engine, self.reacting, self.operations)

    def _give_sight(self) -> None:
        from dalsegno.insight.sight import Sight

        self.operations.looking = Sight(self.store, self.options.namespace, self._is_gone)

    def _make_instruments(self, *, worker: bool) -> Instruments:
        from dalsegno.insight.instruments import Instruments

        options = self.options
        return Instruments(
            self.store,
            self._clock,
            name=options.name,
            namespace=options.namespace,
            metrics=options.metrics if worker else None,
            traces=options.traces,
            slots=options.worker.slots,
            alerts=options.alerts if worker else (),
            commits=self.commits,
        )

    def _make_engine(self, runner: StepRunner) -> Engine:
        options = self.options
        return Engine(
            self.store,
            self.commits,
            self.registry,
            runner,
            self._clock,
            self._numbers,
            limits=options.limits,
            lease=options.worker.lease / SECOND,
            cache=options.cache,
            queue=options.worker.queue,
        )

    def _make_reacting(self) -> Reacting:
        options = self.options
        return Reacting(
            self.known.services.values(),
            self.known.types,
            self.store,
            self.commits,
            self._clock,
            self._numbers,
            self._threads,
            namespace=options.namespace,
            queue=options.worker.queue,
            limits=options.limits,
            retention=options.retention,
        )

    def _make_worker(self) -> Worker:
        return Worker(
            self.store,
            self.commits,
            self.engine,
            self.registry,
            self._clock,
            self._numbers,
            options=self.options.worker,
            limits=self.options.limits,
            companion=Together(self.reacting, self.projecting, *self.instruments.companions),
        )

    def _make_operations(self) -> Operations:
        return Operations(
            self.store,
            self.commits,
            self.registry,
            self._clock,
            self._numbers,
            self.options.limits,
            namespace=self.options.namespace,
            queue=self.options.worker.queue,
            local=self.worker.claimer if self.worker is not None else None,
            known=self.known,
            emitted=self._emitted,
            pressure=self._pressure,
            registering=self.registering,
        )

    async def open(self) -> AsyncClient:
        """Open the store and start the worker; return the client.

        Raises SchemaRefused, and starts no worker, where its events do not fit those of the store.
        """
        await self.store.open()
        self.commits.open()
        if self.worker is not None:
            await self._register()
        self._within.open()
        self.engine.on_rest = self._rested
        if self.worker is not None:
            await self._watch()
            self._records.install()
            await self.worker.start()
        return AsyncClient(self.operations)

    async def _watch(self) -> None:
        try:
            self.instruments.open()
        except BaseException:
            await self._shut()
            raise

    async def _register(self) -> None:
        try:
            await self.registering.register(self._workflows)
        except BaseException:
            await self._shut()
            raise

    async def close(self) -> None:
        """Stop the worker in order, write what is left, close the store."""
        if self.worker is not None:
            await self.worker.stop()
            self._records.remove()
        await self._shut()

    async def _shut(self) -> None:
        await self.instruments.close()
        await self.commits.close()
        await self.store.close()
        if isinstance(self._threads, Threads):
            self._threads.close()

    def _is_gone(self, session: Session) -> bool:
        """Tell of another worker of this machine whether its process surely lives no more."""
        return provably_gone(session, own_vitals(self._clock))

    def _emitted(self) -> None:
        """Hear of new events, and of reactions that are runs: services and the claimer look at once."""
        self.reacting.nudge()
        self.projecting.nudge()
        if self.worker is not None:
            self.worker.claimer.nudge()

    def _rested(self, run: Run, rest: Rest) -> None:
        self.instruments.rested(run, rest)
        if self.worker is not None:
            self.worker.rested(run, rest)
        self.operations.rested(run, rest)
