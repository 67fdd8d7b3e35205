"""Takes over from the dead: fences sessions that ended without a goodbye, and hands on their runs.

Fencing is one row in one transaction, judged by the store's clock; handing on follows in others, in
bounded batches. Any worker may do it, and all of them at once: each statement has one winner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Done, EndSession, Release, Session
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store
from dalsegno.worker.vitals import Vitals, provably_gone

log = logging.getLogger("dalsegno.worker")

_BATCH = 500


class Sweeper:
    """Looks at the other sessions a few times per lease."""

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        me: Vitals,
        lease: int,
        *,
        max_crashes: int,
        released: Callable[[], None],
    ) -> None:
        self._store = store
        self._commits = commits
        self._me = me
        self._interval = min(lease // 4, SECOND // 2)
        self._max_crashes = max_crashes
        self._released = released
        self._stopped = asyncio.Event()
        self._last = store.lease_now()
        self.session = 0

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    async def run(self) -> None:
        """Sweep until stopped."""
        while not self._stopped.is_set():
            try:
                await self.sweep()
            except StoreError as error:
                log.warning("taking over waits: %s", error.what)
            except Exception:  # nobody may be there to take over but this worker
                log.exception("taking over failed; it is tried again")
            self._last = self._store.lease_now()
            try:
                await asyncio.wait_for(self._stopped.wait(), self._interval / SECOND)
            except TimeoutError:
                continue

    async def sweep(self) -> None:
        """Fence whoever is gone, then hand on what fenced sessions left."""
        # One that just woke, or waited for the lock itself, first lets the others renew.
        late = self._store.lease_now() - self._last > 4 * self._interval
        for session in await self._store.sessions():
            if session.number != self.session:
                await self._judge(session, late=late)
        while await self._store.anything_to_release():
            verdict = await self._commits.submit(Release(_BATCH, self._max_crashes))
            released = verdict.count if isinstance(verdict, Done) else 0
            if released:
                runs = "1 run" if released == 1 else f"{released} runs"
                log.warning("took over %s of workers that are gone", runs)
                self._released()
            if released < _BATCH:
                return

    async def _judge(self, session: Session, *, late: bool) -> None:
        gone = provably_gone(session, self._me)
        expired = session.lease_until < self._store.lease_now() and not late
        if gone or expired:
            verdict = await self._commits.submit(EndSession(session.number, expired_only=not gone))
            if isinstance(verdict, Done) and verdict.count:
                why = "its process is gone" if gone else "its lease ran out"
                log.warning("fenced the worker of process %d: %s", session.pid, why)
