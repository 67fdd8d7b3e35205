"""The handle of something that is not there yet: ``await p``, or ``p.result()`` in ``def`` code."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, TypeVar

from dalsegno.core.durations import microseconds
from dalsegno.core.loop import RunFuture, RunLoop
from dalsegno.errors import WrongColour

T = TypeVar("T")


class Promise(RunFuture[T]):
    """What a step, a child run or a signal will give; made by ``.start(…)`` and ``receive(…)``.

    It is an ``asyncio.Future``, so ``gather``, ``wait`` and ``timeout`` take it. Cancelling it
    cancels what it stands for. ``sender`` is known once a signal has come.
    """

    __slots__ = ("sender", "waited_for")

    def __init__(self, *, loop: RunLoop) -> None:
        RunFuture.__init__(self, loop=loop)
        self.sender = ""
        self.waited_for = False  # whether anybody waits, or has asked for the outcome

    def result(self, timeout: str | float | None = None) -> T:
        """Return what was promised, waiting for it in ``def`` code.

        ``timeout`` ("30s", or seconds) is a durable timer; when it fires first, ``TimeoutError`` is
        raised and the promise stays as it was. In ``async def`` code this is ``Future.result``:
        write ``await promise`` to wait.
        """
        self.waited_for = True
        fiber = self.run_loop.fiber
        if not self.done():
            if fiber is None:
                raise WrongColour(
                    f"result() of {self.label} was called in async def code before it was there.",
                    "Blocking here would stop the run's loop for ever.",
                    "Write `await promise`.",
                )
            if timeout is None:
                fiber.wait(self)
            else:
                self._wait_at_most(timeout)
        return super().result()

    def _wait_at_most(self, timeout: str | float) -> None:
        loop = self.run_loop
        late: RunFuture[None] = RunFuture(loop=loop)
        first: RunFuture[None] = RunFuture(loop=loop)
        seconds = microseconds(timeout, what="timeout") / 1_000_000
        alarm = loop.call_later(seconds, _finish, late)
        for future in (self, late):
            future.add_done_callback(lambda _: _finish(first))
        assert loop.fiber is not None
        loop.fiber.wait(first)
        first.result()
        alarm.cancel()
        if not self.done():
            raise TimeoutError(f"{self.label} was not there after {timeout}")

    def cancel(self, msg: Any | None = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled:
            self._withdrawn()
        return cancelled

    # Whoever awaits, or hooks a callback, has waited: a promise that nobody waited for is an error.

    def __await__(self) -> Generator[Any, None, T]:
        self.waited_for = True
        return super().__await__()

    __iter__ = __await__

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        self.waited_for = True
        super().add_done_callback(fn, context=context)

    def exception(self) -> BaseException | None:
        self.waited_for = True
        return super().exception()

    # -- what it stands for hears of it

    @property
    def label(self) -> str:
        """What is promised, for messages."""
        return "a promise"

    def _withdrawn(self) -> None:
        """Hear that the code does not want it any more."""


def _finish(future: RunFuture[None]) -> None:
    if not future.done():
        future.set_result(None)
