"""A thread that does one job after the other, for a loop that must not block.

Without a thread (a simulation, a single-shot command) jobs are done in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Lane:
    """One thread and the jobs that wait for it, in the order in which they were given."""

    def __init__(self, name: str, *, threaded: bool) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    async def run(self, job: Callable[[], T]) -> T:
        """Do ``job`` there, and return what it returns.

        Once given it is done to its end even if the caller is cancelled: a commit is not half given.
        """
        if self._thread is None:
            return job()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                value = job()
            except BaseException as error:
                _tell(loop, answer, None, error)
            else:
                _tell(loop, answer, value, None)

        self._jobs.put(work)
        return await answer

    def close(self) -> None:
        """Do the jobs that were given, then end."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _tell(
    loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], value: Any, error: BaseException | None
) -> None:
    def tell() -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(tell)
