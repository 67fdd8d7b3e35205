"""An event loop in a thread of its own, and a way for blocking code to ask it things."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from dalsegno.core.execution import current
from dalsegno.errors import MisusedInRun

T = TypeVar("T")


def new_loop() -> asyncio.AbstractEventLoop:
    """Make the loop that a worker has to itself: uvloop's where that extra is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class Portal:
    """Runs coroutines on its loop and blocks until they have ended."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._turn, name="dalsegno-loop", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its value.

        A ``KeyboardInterrupt`` here cancels it there.
        """
        if threading.current_thread() is self._thread or current() is not None:
            coroutine.close()
            raise MisusedInRun(
                "The blocking client was called on the worker's own loop.",
                "It would wait for a loop that waits for it.",
                "Use it in a def step; in async code open the App with `async with`.",
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _turn(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()
