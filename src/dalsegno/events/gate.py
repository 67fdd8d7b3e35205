"""How many calls of a handler run at once, and when it is left alone because whatever it needs is down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from dalsegno.core.clock import SECOND, Clock
from dalsegno.events.options import Circuit

Begin = Callable[[], None]


class Gate:
    """Lets calls of one handler begin: ``most`` at once, and while its circuit is open only a probe.

    ``told`` hears when the circuit opens, with the seconds until it is tried again, and with None when
    it has closed.
    """

    def __init__(self, clock: Clock, most: int | None, circuit: Circuit | None) -> None:
        self.told: Callable[[float | None], None] | None = None
        self._clock = clock
        self._most = most
        self._circuit = circuit
        self._waiting: deque[Begin] = deque()
        self._running = 0
        self._failures = 0
        self._open_until: float | None = None

    def enter(self, begin: Begin) -> None:
        """Begin a call as soon as it may."""
        self._waiting.append(begin)
        self._let_in()

    def left(self, *, failed: bool) -> None:
        """Hear that a call has ended."""
        self._running -= 1
        if failed:
            self._failures += 1
            if self._circuit is not None and (
                self._failures >= self._circuit.failures or self._open_until is not None
            ):
                self._open()
        else:
            self._failures = 0
            if self._open_until is not None:
                self._open_until = None
                self._tell(None)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._may():
            self._running += 1
            self._waiting.popleft()()

    def _may(self) -> bool:
        if self._open_until is not None:  # one probe, once it has been left alone for long enough
            return self._running == 0 and self._clock.monotonic() >= self._open_until
        return self._most is None or self._running < self._most

    def _open(self) -> None:
        assert self._circuit is not None
        seconds = self._circuit.cooldown_us / SECOND
        self._open_until = self._clock.monotonic() + seconds
        self._tell(seconds)
        asyncio.get_running_loop().call_later(seconds, self._let_in)

    def _tell(self, seconds: float | None) -> None:
        if self.told is not None:
            self.told(seconds)
