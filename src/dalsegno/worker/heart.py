"""The heartbeat: renews the lease beside the commits, off the main loop.

It writes only when no commit did for a third of the lease, and carries the main loop's last turn: a
loop that workflow code or a blocking step has wedged is a fact that others can see.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable

from dalsegno.core.clock import SECOND, Clock, nap
from dalsegno.core.commit import Beat, Refused
from dalsegno.core.notes import LongAttempt
from dalsegno.engine.commits import HOPELESS, CommitQueue
from dalsegno.errors import StoreError
from dalsegno.store.protocol import Store

log = logging.getLogger("dalsegno.worker")

_WEDGED = 1 * SECOND
_TURN = 0.2  # seconds between two notes that the main loop turns


class Heart:
    """Beats for one session until stopped; ``fenced`` is called on the main loop when it is too late."""

    def __init__(
        self,
        store: Store,
        commits: CommitQueue,
        clock: Clock,
        session: int,
        lease: int,
        *,
        attempts: Callable[[], tuple[LongAttempt, ...]],
        fenced: Callable[[], None],
    ) -> None:
        self._store = store
        self._commits = commits
        self._clock = clock
        self._session = session
        self._lease = lease
        self._turned_at = store.lease_now()
        self._attempts = attempts
        self._long: tuple[LongAttempt, ...] = ()
        self._reported: tuple[LongAttempt, ...] = ()
        self._fenced = fenced
        self._main = asyncio.get_running_loop()
        self._main_thread = threading.get_ident()
        self._stop = threading.Event()
        self._warned = False
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, *, threaded: bool) -> None:
        """Beat in a thread of its own, or (in a simulation) as a task of this loop."""
        self._turn()
        if threaded:
            thread = threading.Thread(target=self._beat_apart, name="dalsegno-heart", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                # Too little memory, or too many threads of this user.
                log.warning("the heart beats on the worker's loop, since it got no thread: %s", error)
            else:
                self._thread = thread
        if self._thread is None:
            self._task = self._main.create_task(self.run())

    def stop(self) -> None:
        """Beat no more; the lease runs out by itself."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()

    def _turn(self) -> None:
        """Note that the main loop turns, again and again."""
        self._turned_at = self._store.lease_now()
        self._long = self._attempts()
        if not self._stop.is_set():
            self._main.call_later(_TURN, self._turn)

    def _beat_apart(self) -> None:
        asyncio.run(self.run())

    async def run(self) -> None:
        """Beat until stopped or fenced."""
        interval = self._lease / SECOND / 6
        while not self._stop.is_set():
            await nap(interval)
            if self._stop.is_set():
                return
            self._watch_loop()
            due = self._commits.unrenewed >= 2 * interval or self._long != self._reported
            if due and not await self._beat():
                return

    async def _beat(self) -> bool:
        """Renew the lease; False when the session is fenced."""
        began = self._clock.monotonic()
        attempts = self._long
        try:
            beat = Beat(self._session, self._lease, self._turned_at, attempts)
            (verdict,) = await self._store.write([beat])
        except HOPELESS as error:
            self._main.call_soon_threadsafe(self._commits.despair, error)
            return False
        except StoreError as error:
            log.warning("the heartbeat waits: %s", error.what)
            return True
        if verdict is Refused.FENCED:
            if not self._stop.is_set():
                self._main.call_soon_threadsafe(self._fenced)
            return False
        self._reported = attempts
        self._commits.renewed(began)
        return True

    def _watch_loop(self) -> None:
        """Say once where the main loop stands when it has not turned for a second."""
        stands = self._store.lease_now() - self._turned_at > _WEDGED
        if stands and not self._warned and self._thread is not None:
            frame = sys._current_frames().get(self._main_thread)
            where = "".join(traceback.format_stack(frame)[-2:]) if frame is not None else "unknown\n"
            log.warning(
                "the worker's loop has not turned for a second; all its runs stand still at\n%s", where
            )
        self._warned = stands
