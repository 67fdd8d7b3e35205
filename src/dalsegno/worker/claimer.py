"""Claims due runs as slots are free, and sleeps until there may be some.

What may bring some: a start or a signal in this process (a nudge), a timer (the earliest due time),
or another process's write (the store's change mark, looked at a few times a second).
"""

from __future__ import annotations

import asyncio
import logging

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Claim, Claimed, Rest
from dalsegno.core.runs import Run
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.engine import Engine
from dalsegno.engine.live import LiveRun
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.worker")

_BATCH = 256
_LOOK = 0.05  # seconds between looks at the change mark
_POLL = 1.0  # seconds after which to claim in any case


class Claimer:
    """Keeps the engine supplied with due runs."""

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        engine: Engine,
        *,
        queue: str,
        slots: int,
        suspect_after: int,
    ) -> None:
        self._store = store
        self._commits = commits
        self._engine = engine
        self._queue = queue
        self._slots = slots
        self._suspect_after = suspect_after
        self._nudged = asyncio.Event()
        self._stopping = False
        self._mark = -1
        self._looked_at = 0
        self._due: int | None = None
        self._behind = True  # runs may be due that the last claim did not take
        self._taken = 0  # slots given to starts that have no answer yet
        self._unsure = False  # whether the session may own runs that nobody has told of

    def nudge(self) -> None:
        """Hear that something may be due now."""
        self._nudged.set()

    def free_session(self) -> int | None:
        """Return the session that can take one more run at once.

        Only while no run was left waiting at the last claim: who came first is served first.
        """
        free = self._slots - len(self._engine.live) - self._taken
        if self._behind or free <= 0 or self._stopping or not self._engine.session:
            return None
        self._taken += 1
        return self._engine.session

    def give_back_slot(self, *, sure: bool) -> None:
        """Hear that a start that was given a slot has its answer, if not a ``sure`` one."""
        self._taken -= 1
        if not sure:
            self._unsure = True
            self.nudge()

    def started(self, run: Run) -> None:
        """Take over a run that was started for this session; else see whether it is due here."""
        if run.session is not None and run.session == self._engine.session:
            self._engine.adopt_new(run)
        else:
            self.nudge()

    def rested(self, run: Run, rest: Rest) -> None:
        """Hear that a run came to rest: its slot is free, and it may be due again."""
        if rest.due_at is not None and (self._due is None or rest.due_at < self._due):
            self._due = rest.due_at
        self._nudged.set()

    def stop(self) -> None:
        """Claim no more."""
        self._stopping = True
        self._nudged.set()

    async def run(self) -> None:
        """Claim until stopped."""
        while not self._stopping:
            self._nudged.clear()
            if not self._engine.session:  # a new one is on its way, and will nudge
                await self._nap(_POLL)
                continue
            try:
                self._mark = self._store.change_mark()
                if not await self._claim_what_is_due():
                    # What was due by then and not claimed is for workers with other code, or a slot.
                    self._due = await self._store.next_due(self._queue, self._looked_at)
                    await self._wait()
            except StoreError as error:
                log.warning("claiming waits: %s", error.what)
                await self._nap(_POLL)
            except Exception:  # ended in silence, this would stop all runs while the lease is renewed
                log.exception("claiming failed; it is tried again")
                await self._nap(_POLL)

    async def _claim_what_is_due(self) -> int:
        """Claim if there is anything; return how many runs it brought."""
        self._looked_at = self._store.now()
        if not self._unsure and not await self._store.anything_due(self._engine.session, self._queue):
            self._behind = False
            return 0
        claimed = await self._claim()
        self._mark = self._store.change_mark()  # the claim's own write wakes nobody
        return claimed

    async def _claim(self) -> int:
        free = max(0, min(self._slots - len(self._engine.live) - self._taken, _BATCH))
        suspects = 1 if free and not self._engine.suspects else 0
        recall, self._unsure = self._unsure, False
        claim = Claim(self._engine.session, self._queue, free, suspects, self._suspect_after, recall)
        taken: list[LiveRun] = []

        def heard(verdict: Verdict) -> None:
            if isinstance(verdict, Claimed):
                taken.extend(self._engine.take(verdict.runs))

        # However long the store does not answer: what it has given us meanwhile, nobody else goes on with.
        verdict = await self._commits.submit(claim, heard, patient=True)
        if not isinstance(verdict, Claimed):
            return 0
        self._behind = len(verdict.runs) >= free
        try:
            await self._engine.wake(taken)
        except Exception:
            self._engine.let_go_of_unbegun(taken)
            self._unsure = True  # the next claim tells of them again
            raise
        await self._engine.refresh([number for number, _ in verdict.news])
        return len(verdict.runs)

    async def _wait(self) -> None:
        """Sleep until nudged, until something is due, or until somebody else has written."""
        waited = 0.0
        while not self._nudged.is_set() and waited < _POLL and self._mark == self._store.change_mark():
            nap = _LOOK
            if self._due is not None:
                nap = min(nap, (self._due - self._store.now()) / SECOND)
                if nap <= 0:
                    return
            waited += nap
            await self._nap(nap)

    async def _nap(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._nudged.wait(), seconds)
        except TimeoutError:
            return
