"""The services of one worker: made known, given their partitions, and kept at work while a session lasts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from dalsegno.core.clock import Clock, from_datetime, nap
from dalsegno.core.commit import Refused
from dalsegno.core.ids import Numbers
from dalsegno.core.limits import Limits
from dalsegno.core.notes import LongAttempt
from dalsegno.core.reactions import (
    Declared,
    GivePartitions,
    Register,
    Registered,
    ServiceRow,
    Taken,
    TakePartitions,
)
from dalsegno.core.reactions import Service as Known
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.runner import Spawner
from dalsegno.errors import StoreError
from dalsegno.events.calls import Calls
from dalsegno.events.careful import Care
from dalsegno.events.keeping import Keeping
from dalsegno.events.long_calls import LongCalls
from dalsegno.events.one_call import Tracing
from dalsegno.events.plan import Plan
from dalsegno.events.readable import Readable
from dalsegno.events.reader import Reader
from dalsegno.events.registry import Types
from dalsegno.events.retention import Pruner, Retention
from dalsegno.events.service import Service
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.events")

_LIMITS = Limits()

_ROUND = 0.5  # seconds between looks at who else is there, and at what people ask of a service
_PRUNE = 60.0  # seconds between looks at what retention may remove


class Reacting:
    """All services that one worker's code has; ``on_written`` hears of new events, and of reactions that are runs."""

    def __init__(
        self,
        services: Iterable[Service],
        types: Types,
        store: Store,
        commits: CommitQueue,
        clock: Clock,
        numbers: Numbers,
        threads: Spawner,
        *,
        namespace: str,
        queue: str,
        window: int = 1_024,
        limits: Limits = _LIMITS,
        retention: Retention | None = None,
    ) -> None:
        self._services = {service.name: service for service in services}
        keeping = {
            name: Keeping(service) for name, service in self._services.items() if service.state is not None
        }
        self._readable = Readable(types, store, namespace)
        self._plans = {
            name: [
                Plan(handler, types, self._readable, keeping.get(name))
                for handler in service.handlers.values()
            ]
            for name, service in self._services.items()
        }
        for plan in (plan for plans in self._plans.values() for plan in plans):
            plan.calling.stamp_limit = limits.stamp
        self._store = store
        self._commits = commits
        self._numbers = numbers
        self._calls = Calls(threads, clock)
        self._namespace = namespace
        self._queue = queue
        self._window = window
        self._hops = limits.hops
        self._care = Care(limits)
        self.on_written: Callable[[], None] = self.nudge
        self._pruner = Pruner(retention or Retention(), store, commits, namespace)
        self._prunes = retention is not None and retention.removes
        self._session = 0
        self._long = LongCalls()
        self._readers: dict[str, Reader] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._nudged = asyncio.Event()
        self._stopping = False

    @property
    def workflows(self) -> list[Workflow[object, object]]:
        """The workflows that reactions become: the engine has to know them."""
        return [each for plans in self._plans.values() for plan in plans for each in plan.workflows]

    def trace(self, tracing: Tracing) -> None:
        """Have followed what handlers do."""
        self._calls.tracing = tracing

    def give(self, within: object) -> None:
        """Give handlers what they may reach of the store."""
        self._calls.within = within

    # -- what the worker tells it

    def begin(self, session: int) -> None:
        """Begin to react in a new session."""
        self._session = session
        if self._prunes:
            self._tasks.append(
                asyncio.get_running_loop().create_task(self._prune(session), name="dalsegno-pruner")
            )
        if self._services:
            loop = asyncio.get_running_loop()
            self._tasks.append(loop.create_task(self._run(session), name="dalsegno-services"))

    def drop(self) -> None:
        """Let go of everything: the session is over, others go on."""
        self._session = 0
        for reader in self._readers.values():
            reader.drop()
        self._readers = {}
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def stop(self) -> None:
        """Begin nothing more; what has begun may end."""
        self._stopping = True
        for reader in self._readers.values():
            reader.stop()

    @property
    def busy(self) -> bool:
        """Whether a handler is under way, or what it did is not written."""
        return any(reader.busy for reader in self._readers.values())

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Tell which calls of handlers take their time, for the heartbeat to report; a bounded number."""
        called = [each for reader in self._readers.values() for each in reader.called]
        return self._long.of(called, self._store.now())

    def nudge(self) -> None:
        """Hear that there are new events."""
        for reader in self._readers.values():
            reader.nudge()

    # -- at work

    async def _run(self, session: int) -> None:
        while not self._stopping and self._session == session:
            try:
                if not self._readers:
                    await self._register(session)
                await self._look(session)
            except StoreError as error:
                log.warning("services wait: %s", error.what)
            await nap(_ROUND)

    async def _prune(self, session: int) -> None:
        while not self._stopping and self._session == session:
            try:
                await self._pruner.prune()
            except StoreError as error:
                log.warning("retention waits: %s", error.what)
            await nap(_PRUNE)

    async def _register(self, session: int) -> None:
        known = await self._commits.submit(
            Register(self._namespace, tuple(map(_known, self._services.values())))
        )
        assert isinstance(known, Registered)
        for row in known.services:
            numbers = {
                handler.name: handler.number for handler in known.handlers if handler.service == row.number
            }
            for plan in self._plans[row.name]:
                if plan.keeping is not None:
                    plan.keeping.number = row.number
                plan.calling.load = partial(self._store.kept, row.number)
                plan.calling.service, plan.calling.number = row.number, numbers[plan.handler.name]
            self._read(row, session)

    def _read(self, row: ServiceRow, session: int) -> None:
        reader = Reader(
            row,
            self._plans[row.name],
            self._store,
            self._commits,
            self._calls,
            self._numbers,
            self._readable,
            session=session,
            namespace=self._namespace,
            queue=self._queue,
            window=self._window,
            hops=self._hops,
            care=self._care,
            written=self.on_written,
        )
        self._readers[row.name] = reader
        self._tasks.append(asyncio.get_running_loop().create_task(reader.run(), name=f"dalsegno-{row.name}"))

    async def _look(self, session: int) -> None:
        """See what people asked of the services, and who shares them."""
        rows = {row.name: row for row in await self._store.services(self._namespace)}
        abilities = await self._store.abilities()
        for name, reader in list(self._readers.items()):
            row = rows[name]
            if row.generation != reader.generation or reader.stale or await self._skipped(reader):
                reader.drop()
                self._read(row, session)
                continue
            reader.pause(row.paused_at is not None)
            workflow = self._plans[name][0].workflow
            sharing = {who for what, version, who in abilities if (what, version) == workflow.key}
            await self._balance(reader, session, -(-row.partitions // max(1, len(sharing | {session}))))

    async def _skipped(self, reader: Reader) -> bool:
        """Whether a person has let a service that stands still go on behind what is lost."""
        if reader.lost is None:
            return False
        partitions = await self._store.partitions(reader.row.number)
        return min(partition.position for partition in partitions) >= reader.lost.last_lost

    async def _balance(self, reader: Reader, session: int, share: int) -> None:
        """Take partitions up to a fair share, or give back what is beyond it and at rest."""
        spare = len(reader.owned) - share
        if reader.unsure or spare < 0:
            # A new reader may own some already: those of the one before it in this session.
            wanted = TakePartitions(session, reader.row.number, max(0, -spare), recall=reader.unsure)
            reader.unsure = True  # until it has begun with what it is given
            taken = await self._commits.submit(wanted, patient=True)
            if not isinstance(taken, Taken):
                assert taken is Refused.FENCED
                return
            await reader.own(
                [self._care.progress(p) for p in taken.partitions if p.partition not in reader.owned]
            )
            reader.unsure = False
        elif spare > 0:
            given = reader.let_go(spare)
            if given:
                reader.unsure = True  # until they are given
                await self._commits.submit(GivePartitions(session, reader.row.number, tuple(given)))
                reader.unsure = False


def _known(service: Service) -> Known:
    start: int | None = 0
    start_at = None
    if service.start == "now":
        start = None
    elif not isinstance(service.start, str):
        start, start_at = None, from_datetime(service.start)
    handlers = tuple(
        Declared(handler.name, json.dumps(handler.declaration()).encode())
        for handler in service.handlers.values()
    )
    data: Mapping[str, object] = service.declaration()
    return Known(service.name, handlers, service.partitions, start, start_at, json.dumps(data).encode())
