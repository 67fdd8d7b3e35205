"""Virtual time as a ``Clock``, and threads that are none: what a simulated process reads and runs on."""

from __future__ import annotations

from collections.abc import Callable

from dalsegno.core.ids import seeded
from dalsegno.testing.simloop import SECOND, SimLoop

EPOCH = 1_800_000_000 * SECOND
"""The wall clock's reading when a simulation begins: some day in January 2027."""


class SimClock:
    """The clocks of one host on a simulated loop: the loop's virtual time, the wall clock with a skew.

    ``travel`` sets the wall clock of everybody forward: boot clock and timers of the loop stay where
    they are, as when a laptop wakes with another date. So a wait of days costs no turns of the loop.
    """

    def __init__(self, loop: SimLoop, *, skew: int = 0, store: SimClock | None = None) -> None:
        self._loop = loop
        self._skew = skew
        self._store = store
        self._travelled = 0

    def travel(self, microseconds: int) -> None:
        """Set the wall clock forward."""
        self._travelled += microseconds

    @property
    def travelled(self) -> int:
        """How far the wall clock was set forward so far."""
        return self._store.travelled if self._store is not None else self._travelled

    def now(self) -> int:
        return EPOCH + self._loop.now_us + self.travelled + self._skew

    def boot(self) -> int:
        return 1_000 * SECOND + self._loop.now_us

    def monotonic(self) -> float:
        return self._loop.now_us / SECOND

    def boot_id(self) -> str:
        return "simulated"


class SimThreads:
    """A ``Spawner`` without threads: a job runs on the loop, whole, a seeded moment later.

    What a job tells the loop arrives another moment later. A job that wants to have taken long says
    so (``takes``): then its answer is that much later, and whatever happens meanwhile happens to a
    step whose effect is there already.
    """

    def __init__(self, loop: SimLoop, seed: str) -> None:
        self._loop = loop
        self._rng = seeded("simthreads", seed)
        self.given_up_on = 0

    def submit(self, job: Callable[[], None]) -> None:
        self._loop.call_later(self._moment() / SECOND, self._work, job)

    def given_up(self, change: int) -> None:
        self.given_up_on += change

    def takes(self, microseconds: int) -> None:
        """Say, from within a job, how long it took."""
        self._loop.thread_lag += microseconds

    def _work(self, job: Callable[[], None]) -> None:
        self._loop.thread_lag = self._moment()
        try:
            job()
        finally:
            self._loop.thread_lag = 0

    def _moment(self) -> int:
        return 1 + int(self._rng.random() * 1_000)
