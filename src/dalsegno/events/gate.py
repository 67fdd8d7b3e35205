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

    Each call has a ``caller`` and a ``ticket`` of its own. ``told`` hears when the circuit opens, with the
    seconds until it is tried again, and with None when it has closed.
    """

    def __init__(self, clock: Clock, most: int | None, circuit: Circuit | None) -> None:
        self.told: Callable[[float | None], None] | None = None
        self._clock = clock
        self._most = most
        self._circuit = circuit
        self._waiting: deque[tuple[object, object, Begin]] = deque()
        self._inside: dict[int, tuple[object, object]] = {}  # caller and ticket, by the ticket's identity
        self._failures = 0
        self._open_until: float | None = None

    def enter(self, caller: object, ticket: object, begin: Begin) -> None:
        """Begin a call as soon as it may."""
        self._waiting.append((caller, ticket, begin))
        self._let_in()

    def forget(self, caller: object) -> None:
        """Hear that nobody waits for the calls of a caller any more, and that they may never tell of their end."""
        self._waiting = deque(waits for waits in self._waiting if waits[0] is not caller)
        self._inside = {place: one for place, one in self._inside.items() if one[0] is not caller}
        self._let_in()

    def left(self, ticket: object, *, failed: bool) -> None:
        """Hear that a call has ended."""
        if self._inside.pop(id(ticket), None) is None:
            return  # it was forgotten
        self._judge(failed=failed)
        self._let_in()

    def held(self) -> float:
        """Return for how many seconds a reaction that is a run is not to be tried; 0 lets it be tried now.

        While the circuit is open it is not, but for a probe, after which it is left alone again until
        that one has ended, or a cooldown has passed.
        """
        if self._open_until is None:
            return 0.0
        assert self._circuit is not None
        cooldown = self._circuit.cooldown_us / SECOND
        left = self._open_until - self._clock.monotonic()
        if left <= 0 and not self._inside:
            self._leave_alone(cooldown)
            return 0.0
        return left if left > 0 else cooldown / 2

    def heard(self, *, failed: bool) -> None:
        """Hear that an attempt of a reaction that is a run has ended."""
        self._judge(failed=failed)
        self._let_in()

    def _judge(self, *, failed: bool) -> None:
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

    def _let_in(self) -> None:
        while self._waiting and self._may():
            caller, ticket, begin = self._waiting.popleft()
            self._inside[id(ticket)] = caller, ticket
            begin()

    def _may(self) -> bool:
        if self._open_until is not None:  # one probe, once it has been left alone for long enough
            return not self._inside and self._clock.monotonic() >= self._open_until
        return self._most is None or len(self._inside) < self._most

    def _open(self) -> None:
        assert self._circuit is not None
        seconds = self._circuit.cooldown_us / SECOND
        self._leave_alone(seconds)
        self._tell(seconds)

    def _leave_alone(self, seconds: float) -> None:
        self._open_until = self._clock.monotonic() + seconds
        asyncio.get_running_loop().call_later(seconds, self._let_in)

    def _tell(self, seconds: float | None) -> None:
        if self.told is not None:
            self.told(seconds)
