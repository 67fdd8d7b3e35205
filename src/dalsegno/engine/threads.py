"""Threads for ``def`` steps: as many as work at once, never more than a bound.

Daemon threads on purpose: a step that hangs must not keep the program from ending. A thread whose
step was given up on (timed out, cancelled) is replaced, until too many hang.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger("dalsegno.engine")

_AGAIN = 1.0  # seconds until a thread that the system refused is asked for again


class Threads:
    """A pool of daemon threads; ``submit`` never blocks."""

    def __init__(self, size: int, *, spare: int = 64, name: str = "dalsegno-step") -> None:
        self.size = size
        self._spare = spare
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0  # jobs that have not ended
        self._alive = 0  # threads that were not told to end
        self._hung = 0
        self._closed = False
        self._later: asyncio.TimerHandle | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job`` on a thread as soon as one is free."""
        with self._lock:
            self._jobs.put(job)
            self._open += 1
            self._grow()

    def given_up(self, change: int) -> None:
        """Count a job that nobody waits for any more (+1), or one of those that came back (-1)."""
        with self._lock:
            self._hung += change
            self._grow()  # what waited behind a job that hangs gets a thread of its own
            if self._alive > max(self._open, self._most) and not self._closed:
                self._alive -= 1
                self._jobs.put(None)  # the one that came back is not needed any more

    def _grow(self) -> None:
        """Start a thread if there are more jobs than threads, and there may be one more."""
        if self._alive < min(self._open, self._most) and not self._closed:
            name = f"{self._name}-{self._alive + 1}"
            try:
                threading.Thread(target=self._work, name=name, daemon=True).start()
            except (RuntimeError, MemoryError) as error:
                # Too little memory, or too many threads of this user.
                self._grow_later(error)
            else:
                self._alive += 1

    def _grow_later(self, error: Exception) -> None:
        if self._later is None:
            log.warning("no thread can be started for a step, which waits for one: %s", error)
            self._later = asyncio.get_running_loop().call_later(_AGAIN, self._grow_again)

    def _grow_again(self) -> None:
        with self._lock:
            self._later = None
            self._grow()

    @property
    def _most(self) -> int:
        return self.size + min(self._hung, self._spare)

    @property
    def hung(self) -> int:
        """How many threads run something that nobody waits for any more."""
        return self._hung

    def close(self) -> None:
        """Let idle threads end; those at work end when they have finished."""
        with self._lock:
            self._closed = True
            for _ in range(self._alive):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # an idle thread keeps nothing of what it did last
            with self._lock:
                self._open -= 1
                if self._alive > self._most:
                    self._alive -= 1
                    return
