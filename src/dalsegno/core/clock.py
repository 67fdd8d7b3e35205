"""The only place where time is read, and the only place that blocks for real.

A moment is an integer: microseconds UTC since 1970. It becomes a ``datetime``, an aware one, only at
the face. Whoever needs the time takes a ``Clock``, and a test hands in one that it moves itself.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from dalsegno.errors import InvalidInput

MILLISECOND = 1_000
SECOND = 1_000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What can say the time. Three clocks, since each answers another question."""

    def now(self) -> int:
        """Read the wall clock: microseconds UTC. It may be set, so it may jump either way."""
        ...

    def boot(self) -> int:
        """Read the boot clock: microseconds since this machine started, its sleep included.

        It never jumps and is the same for all processes of one boot, which ``boot_id`` names.
        """
        ...

    def monotonic(self) -> float:
        """Read a stopwatch: seconds since a moment that means nothing outside this process."""
        ...

    def boot_id(self) -> str:
        """Name this boot of this machine; readings of ``boot`` compare only under the same name."""
        ...


class SystemClock(Clock):
    """The clocks of the operating system. It holds no state: any two are alike."""

    __slots__ = ()

    def now(self) -> int:
        return time.time_ns() // 1_000

    def boot(self) -> int:
        # CLOCK_MONOTONIC stands still while a laptop sleeps; a lease must not.
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000
        return time.monotonic_ns() // 1_000

    monotonic = staticmethod(time.monotonic)

    def boot_id(self) -> str:
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            # Elsewhere than on Linux: host and start, rounded because wall and boot clock drift
            # apart a little. Should a name change after all, other workers take this one for dead:
            # slower for a moment, and still safe, because the fence decides and not the name.
            started = (self.now() - self.boot()) // (10 * MINUTE)
            return f"{socket.gethostname()}-{started}"


def to_datetime(at: int) -> datetime:
    """Show a moment of the store as an aware datetime in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=at)


def from_datetime(moment: datetime) -> int:
    """Turn an aware datetime into a moment of the store, exactly.

    Raises InvalidInput for a naive one: it means another moment on every machine.
    """
    if moment.utcoffset() is None:
        raise InvalidInput(
            f"{moment!r} has no time zone.",
            "A naive datetime means another moment on each machine, and a run may move between them.",
            "Write datetime.now(UTC) or datetime(..., tzinfo=UTC), or use zoneinfo.ZoneInfo.",
            value=moment,
        )
    return (moment - _EPOCH) // _TICK


def pause(seconds: float) -> None:
    """Block this thread for real; the only call in the library that does."""
    time.sleep(seconds)


async def nap(seconds: float) -> None:
    """Wait on the running loop, by its own time: in a simulation that is virtual."""
    await asyncio.sleep(seconds)
