"""How many calls of a handler run at once, and when it is left alone because whatever it needs is down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from dalsegno.core.clock import SECOND, Clock
from dalsegno.events.options import Circuit

Begin = Callable[[], None]

_SOONEST, _LATEST = 0.01, 1.0  # seconds between two looks of runs for a free place
_PATIENCE = 1.0  # seconds for which a place is kept for a run that is late
_MEMORY = 0.8  # how much the length of the calls before weighs against the newest's


class Gate:
    """Lets calls of one handler begin: ``most`` at once, and while its circuit is open only a probe.

    Calls for new events wait here, in memory; each has a ``caller`` and a ``ticket`` of its own. Attempts of
    reactions that are runs are told when to ask again, and may rest meanwhile; once one was sent away, the
    next free place is kept for a run, so neither kind keeps the other out. ``told`` hears when the circuit
    opens, with the seconds until it is tried again, and with None when it has closed.
    """

    def __init__(self, clock: Clock, most: int | None, circuit: Circuit | None) -> None:
        self.told: Callable[[float | None], None] | None = None
        self._clock = clock
        self._most = most
        self._circuit = circuit
        self._waiting: deque[tuple[object, object, Begin]] = deque()
        self._inside: dict[int, tuple[object, object]] = {}  # caller and ticket, by the ticket's identity
        self._tried: dict[int, tuple[object, float]] = {}  # attempts of runs, and when each began, likewise
        self._takes = _SOONEST  # seconds that an attempt has taken of late
        self._asked_until = 0.0  # when the last of the runs that were sent away asks again
        self._kept_until: float | None = None  # for a run that was sent away
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

    def has(self, ticket: object) -> bool:
        """Tell whether a call is under way."""
        return id(ticket) in self._inside

    def held(self, attempt: object) -> float:
        """Return for how many seconds an attempt of a reaction that is a run is not to begin.

        0 lets it begin now, and it is among those under way until it is heard of. While the circuit is open
        none begins but for a probe, after which the handler is left alone again until that one has ended,
        or a cooldown has passed.
        """
        if self._open_until is not None:
            assert self._circuit is not None
            cooldown = self._circuit.cooldown_us / SECOND
            left = self._open_until - self._clock.monotonic()
            if left > 0 or self._inside:
                return left if left > 0 else cooldown / 2
            self._leave_alone(cooldown)
        elif self._is_full:
            return self._later()
        self._kept_until = None
        self._tried[id(attempt)] = attempt, self._clock.monotonic()
        return 0.0

    def heard(self, attempt: object, *, failed: bool | None) -> None:
        """Hear that an attempt of such a reaction has ended; ``None`` is where nothing is known of how."""
        _, began = self._tried.pop(id(attempt), (None, None))
        if began is not None:
            self._takes = _MEMORY * self._takes + (1 - _MEMORY) * (self._clock.monotonic() - began)
        if failed is not None:
            self._judge(failed=failed)
        self._let_in()

    @property
    def _is_full(self) -> bool:
        return self._most is not None and len(self._inside) + len(self._tried) >= self._most

    @property
    def _keeps_a_place(self) -> bool:
        return self._kept_until is not None and self._clock.monotonic() < self._kept_until

    def _later(self) -> float:
        """Send a run away; those that are sent away come back one by one, about when a place is free."""
        assert self._most is not None
        now = self._clock.monotonic()
        apart = min(max(self._takes, _SOONEST), _LATEST) / self._most
        self._asked_until = max(self._asked_until, now) + apart
        if not self._keeps_a_place:
            patience = self._asked_until - now + _PATIENCE
            self._kept_until = now + patience
            asyncio.get_running_loop().call_later(patience, self._let_in)
        return self._asked_until - now

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
        if self._most is None:
            return True
        return len(self._inside) + len(self._tried) + self._keeps_a_place < self._most

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
