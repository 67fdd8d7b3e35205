"""``def`` workflow code on the run's loop: a greenlet that waits where a coroutine would await.

No thread is held while it waits. A fiber is cancelled like a task: the wait it stands at raises
``CancelledError``; one that has not begun sees it at its first wait.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from types import FrameType
from typing import Any

import greenlet

from dalsegno.core.loop import RunFuture, RunLoop


class Fiber(RunFuture[Any]):
    """The future of a ``def`` function's outcome, and the greenlet that computes it."""

    def __init__(self, function: Callable[[], Any], *, loop: RunLoop) -> None:
        super().__init__(loop=loop)
        self._function = function
        self._greenlet = greenlet.greenlet(self._body)
        self._greenlet.gr_context = contextvars.copy_context()
        self._waiting: asyncio.Future[Any] | None = None
        self._cancels = 0
        self._must_cancel = False
        loop.call_soon(self._switch)

    # -- from outside

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self._cancels += 1
        if self._waiting is None or not self._waiting.cancel(msg):
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        """How often cancellation was asked for, as ``asyncio.Task.cancelling``."""
        return self._cancels

    def unwind(self, tries: int = 100) -> bool:
        """End the greenlet by raising ``GreenletExit`` where it stands; tell whether it ended.

        A ``finally:`` that waits stands still again at that wait, so it takes one try for each.
        """
        for _ in range(tries):
            if self._greenlet.dead or not self._greenlet:
                return True
            self._enter(throw=True)
        return self._greenlet.dead

    def frame(self) -> FrameType | None:
        """Return the frame of user code where the greenlet stands still."""
        frame: FrameType | None = self._greenlet.gr_frame
        while frame is not None and frame.f_globals.get("__name__", "").startswith("dalsegno."):
            frame = frame.f_back
        return frame

    # -- from inside

    def wait(self, future: asyncio.Future[Any]) -> None:
        """Stand still until ``future`` is done, or this fiber is cancelled."""
        if self._must_cancel and not self.run_loop.dead:
            self._must_cancel = False
            raise asyncio.CancelledError
        if not self.run_loop.dead:
            future.add_done_callback(self._switch)
        self._waiting = future
        try:
            self._hub.switch()
        finally:
            self._waiting = None
        if self._must_cancel and not self.run_loop.dead:  # cancelled between the answer and this turn
            self._must_cancel = False
            raise asyncio.CancelledError

    def suspend(self) -> None:
        """Stand still for ever: what a verb does in a dead execution."""
        while True:
            self._hub.switch()

    # -- the greenlet

    def _switch(self, _: object = None) -> None:
        self._enter(throw=False)

    def _enter(self, *, throw: bool) -> None:
        self._hub = greenlet.getcurrent()
        self._greenlet.parent = self._hub
        outer, self.run_loop.fiber = self.run_loop.fiber, self
        try:
            if throw:
                self._greenlet.throw(greenlet.GreenletExit)
            else:
                self._greenlet.switch()
        finally:
            self.run_loop.fiber = outer

    def _body(self) -> None:
        try:
            value = self._function()
        except asyncio.CancelledError:
            super().cancel()
        except greenlet.GreenletExit:
            raise
        except BaseException as error:
            self._fail(error)
        else:
            self.set_result(value)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):  # a future refuses to hold one
            wrapped = RuntimeError("a workflow raised StopIteration")
            wrapped.__cause__ = error
            error = wrapped
        self.set_exception(error)
