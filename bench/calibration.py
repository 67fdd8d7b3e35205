"""A fixed piece of pure Python: how fast this machine is right now.

Machines that share their cores change speed by the minute. A figure is worth something beside this one,
taken in the same moment.
"""

from __future__ import annotations

import time

ROUNDS = 300_000


def calibrate() -> float:
    """Return how many milliseconds the loop takes now."""
    began = time.perf_counter()
    table: dict[int, int] = {}
    for n in range(ROUNDS):
        table[n & 1023] = table.get(n & 511, 0) + n
    return (time.perf_counter() - began) * 1000
