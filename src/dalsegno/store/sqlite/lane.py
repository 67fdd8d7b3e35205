"""A thread with one connection of its own, and the jobs that wait for it.

Jobs run one after the other. Without a thread (a simulation, a single-shot command) they run at once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import apsw

T = TypeVar("T")


class Lane:
    """One connection and the thread that alone uses it."""

    def __init__(self, name: str, connect: Callable[[], apsw.Connection], *, threaded: bool) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    async def run(self, job: Callable[[apsw.Connection], T]) -> T:
        """Run ``job`` with the connection, and return what it returns.

        Once given it is run to its end even if the caller is cancelled: a commit is not half given.
        """
        if self._thread is None:
            return job(self._open())
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                value = job(self._open())
            except BaseException as error:
                _tell(loop, answer, None, error)
            else:
                _tell(loop, answer, value, None)

        self._jobs.put(work)
        return await answer

    def close(self) -> None:
        """Finish the jobs that were given, then close the connection."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        elif self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._connection is not None:
            self._connection.close()


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

    if not loop.is_closed():
        loop.call_soon_threadsafe(tell)
