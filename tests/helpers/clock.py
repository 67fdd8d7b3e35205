"""A clock that stands until a test moves it."""

from __future__ import annotations

from dalsegno.core.clock import HOUR, SECOND

NOON = 1_800_000_000 * SECOND  # 2027-01-15T08:00:00Z


class StandingClock:
    """Implements ``core.clock.Clock``: all three clocks move together, by hand."""

    def __init__(self) -> None:
        self.us = NOON

    def now(self) -> int:
        return self.us

    def boot(self) -> int:
        return self.us - NOON + HOUR

    def monotonic(self) -> float:
        return self.boot() / SECOND

    def boot_id(self) -> str:
        return "boot"

    def go_on(self, us: int) -> None:
        self.us += us
