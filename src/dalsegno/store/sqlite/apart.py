"""A thread for code of users that may never come back; whoever waits for it stops waiting in time."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger("dalsegno.store")

T = TypeVar("T")


class GivenUp(Exception):  # says what happened
    """A job did not come back in time; its thread is left to itself."""


class Apart:
    """One thread, made when it is first needed; without threads jobs are done in place."""

    def __init__(self, name: str, *, threaded: bool) -> None:
        self._name = name
        self._threaded = threaded
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] | None = None

    def run(self, job: Callable[[], T], seconds: float) -> T:
        """Do a job there and return what it returns. Raises what it raises, and GivenUp."""
        if not self._threaded:
            return job()
        if self._jobs is None:
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True).start()
        done = threading.Event()
        answer: list[Any] = []

        def work() -> None:
            try:
                answer[:] = [True, contextvars.copy_context().run(job)]
            except BaseException as error:
                answer[:] = [False, error]
            done.set()

        self._jobs.put(work)
        if not done.wait(seconds):
            self.close()  # the next job gets a thread of its own
            raise GivenUp
        returned, value = answer
        if not returned:
            raise value
        result: T = value
        return result

    def close(self) -> None:
        """Let the thread end, once it has nothing to do."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None


def _work(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
