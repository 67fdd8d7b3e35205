"""Alarms: a run under way takes another turn when a timer of its own is due. At most one for each run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dalsegno.core.clock import SECOND
from dalsegno.engine.live import LiveRun

_LONGEST = 3_600.0  # seconds: a wall clock that is set forward makes nobody later than this


class Alarms:
    """``ring`` is called with the run, on this loop, once its time has come, or too early after an hour."""

    def __init__(self, now: Callable[[], int], ring: Callable[[LiveRun], None]) -> None:
        self._now = now
        self._ring = ring
        self._set: dict[int, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._set)

    def __repr__(self) -> str:
        return f"Alarms({self._set})"

    def set(self, live: LiveRun, due: int | None) -> None:
        """Ring at this time by the store's clock, instead of when it was to be; ``None`` is never."""
        if self._set:
            self.silence(live)
        if due is not None:
            delay = min(max(0, due - self._now()) / SECOND, _LONGEST)
            self._set[live.number] = asyncio.get_running_loop().call_later(delay, self._ring, live)

    def silence(self, live: LiveRun) -> None:
        """Do not ring for this run."""
        alarm = self._set.pop(live.number, None)
        if alarm is not None:
            alarm.cancel()
