"""Events collected for a handler that takes many of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from dalsegno.core.clock import SECOND

C = TypeVar("C")


class Batches(Generic[C]):
    """One batch after the other, each of up to ``most`` calls, none waiting longer than ``linger`` for others."""

    def __init__(self, most: int, linger: int, begin: Callable[[list[C]], None]) -> None:
        self._most = most
        self._linger = linger / SECOND
        self._begin = begin
        self._calls: list[C] = []
        self._under_way: list[C] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: C) -> None:
        """Put a call into the next batch."""
        self._calls.append(call)
        self._go_on()

    def ended(self, calls: list[C]) -> None:
        """Hear that a batch has ended."""
        if calls is self._under_way:  # else it was forgotten
            self._under_way = []
            self._go_on()

    def forget(self, over: Callable[[C], bool]) -> None:
        """Forget the calls that are over, and that may never tell of their end."""
        self._calls = [call for call in self._calls if not over(call)]
        if any(map(over, self._under_way)):
            self._under_way = []
        self._go_on()

    def _go_on(self) -> None:
        if self._under_way or not self._calls:
            return
        if len(self._calls) >= self._most:
            self._go()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self._go)

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._under_way and self._calls:
            self._under_way, self._calls = self._calls[: self._most], self._calls[self._most :]
            self._begin(self._under_way)
