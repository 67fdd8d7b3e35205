"""A worker: one session in the store, and the services that live and end with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from dataclasses import dataclass
from typing import Protocol

from dalsegno.core.agens import Watch
from dalsegno.core.clock import SECOND, Clock, nap
from dalsegno.core.commit import EndSession, OpenSession, Refused, Rest
from dalsegno.core.ids import Numbers
from dalsegno.core.limits import Limits
from dalsegno.core.loop import RunLoop
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import Run
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.engine import Engine
from dalsegno.engine.guard import refuse_side_effects
from dalsegno.engine.registry import Registry
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store
from dalsegno.worker.claimer import Claimer
from dalsegno.worker.heart import Heart
from dalsegno.worker.sweeper import Sweeper
from dalsegno.worker.vitals import own_vitals

log = logging.getLogger("dalsegno.worker")

_GC_THRESHOLD = 50_000
_AGAIN = 0.5  # seconds until a session that could not be opened is tried again


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works: ``slots`` runs at once, a ``lease`` in microseconds, ``grace`` to end in."""

    queue: str = "default"
    slots: int = 1_000
    lease: int = 10 * SECOND
    grace: int = 10 * SECOND
    program: str = ""
    threaded: bool = True


class Companion(Protocol):
    """What else lives and ends with a session: services that react to events."""

    @property
    def busy(self) -> bool:
        """Whether anything has begun that is not written."""
        ...

    def begin(self, session: int) -> None:
        """Begin to work in a new session."""
        ...

    def drop(self) -> None:
        """Let go of everything: the session is over."""
        ...

    def stop(self) -> None:
        """Begin nothing more."""
        ...

    def long_attempts(self) -> tuple[LongAttempt, ...]:
        """Tell what takes its time, for the heartbeat to report."""
        ...


class Worker:
    """Runs the registry's workflows from a store until it is stopped.

    A worker that was fenced lets go of everything, opens a new session and goes on.
    """

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        engine: Engine,
        registry: Registry,
        clock: Clock,
        numbers: Numbers,
        *,
        options: WorkerOptions,
        limits: Limits,
        companion: Companion,
    ) -> None:
        self._companion = companion
        self._store = store
        self._commits = commits
        self._engine = engine
        self._registry = registry
        self._clock = clock
        self._numbers = numbers
        self._options = options
        self._me = own_vitals(clock)
        self._heart: Heart | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._thresholds = gc.get_threshold()
        self._agens = Watch(RunLoop)
        self._reopening: asyncio.Task[None] | None = None
        self.claimer = Claimer(
            store, commits, engine, queue=options.queue, slots=options.slots, suspect_after=limits.suspect
        )
        self.sweeper = Sweeper(
            store,
            commits,
            self._me,
            options.lease,
            max_crashes=limits.crashes,
            released=self.claimer.nudge,
        )

    async def start(self) -> None:
        """Open a session and begin to claim."""
        refuse_side_effects()
        self._agens.__enter__()
        self._thresholds = gc.get_threshold()
        if self._thresholds[0] < _GC_THRESHOLD:
            # Thousands of live runs are many objects: the default would walk over them all the time.
            gc.set_threshold(_GC_THRESHOLD, *self._thresholds[1:])
        await self._open_session()
        self._commits.on_fenced = self._fenced
        self._engine.on_cleared = self.claimer.nudge
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self.claimer.run(), name="dalsegno-claimer"),
            loop.create_task(self.sweeper.run(), name="dalsegno-sweeper"),
        ]

    async def stop(self) -> None:
        """End in order: claim no more, let steps under way end within the grace, hand back the rest."""
        self._stopping = True
        self.claimer.stop()
        self.sweeper.stop()
        self._engine.draining = True
        self._companion.stop()
        await self._drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._engine.drop_all()
        self._companion.drop()
        gc.set_threshold(*self._thresholds)
        self._agens.__exit__()
        session, self._engine.session = self._engine.session, 0
        if self._heart is not None:
            self._heart.stop()
        if session:
            try:
                await self._commits.submit(EndSession(session, goodbye=True))
            except StoreError as error:
                log.warning("the goodbye was not written; another worker takes over: %s", error.what)

    def rested(self, run: Run, rest: Rest) -> None:
        """Hear from the engine that a run came to rest."""
        self.claimer.rested(run, rest)

    async def _drain(self) -> None:
        ends = self._clock.monotonic() + self._options.grace / SECOND
        while (self._engine.busy or self._companion.busy) and self._clock.monotonic() < ends:
            await nap(0.02)

    async def _open_session(self) -> None:
        options = self._options
        number = self._numbers.take()[0]
        while await self._commits.submit(self._session(number)) is Refused.NUMBER_TAKEN:
            self._numbers.renew()
            number = self._numbers.take()[0]
        self._commits.begin_session(number, options.lease)
        self._engine.session = self.sweeper.session = number
        if self._heart is not None:
            self._heart.stop()
        self._heart = Heart(
            self._store,
            self._commits,
            self._clock,
            number,
            options.lease,
            attempts=self._long_attempts,
            fenced=self._fenced,
        )
        self._heart.start(threaded=options.threaded)
        self._companion.begin(number)
        self.claimer.nudge()

    def _long_attempts(self) -> tuple[LongAttempt, ...]:
        return self._engine.long_attempts() + self._companion.long_attempts()

    def _session(self, number: int) -> OpenSession:
        return OpenSession(
            number,
            self._options.lease,
            *self._me,
            python=sys.version.split()[0],
            program=self._options.program,
            abilities=tuple(sorted(self._registry.workflows)),
        )

    def _fenced(self) -> None:
        if self._stopping or self._engine.session == 0:
            return
        log.warning("this worker was judged dead; it lets go of its runs and begins a new session")
        self._engine.session = 0
        self._commits.begin_session(0, 0)
        self._engine.drop_all()
        self._companion.drop()
        self._reopening = asyncio.get_running_loop().create_task(self._reopen())

    async def _reopen(self) -> None:
        while not self._stopping and self._engine.session == 0:
            try:
                await self._open_session()
            except StoreError as error:
                log.warning("a new session waits: %s", error.what)
                await nap(_AGAIN)
            except Exception:  # nobody else would: without a session this worker stands still for good
                log.exception("a new session could not be opened; it is tried again")
                await nap(_AGAIN)
