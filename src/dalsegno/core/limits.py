"""The bounds of one run: each gives a named error before anything is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may be.

    ``payload``: bytes of one input, result, signal or error. ``ops``: operations (steps, timers,
    signals, children) in one run; from ``ops_warned`` on the log says so. ``depth``: children of
    children. ``crashes``: deaths of its worker without progress, after which a run is parked; from
    ``suspect`` on it runs with no other suspect beside it. Both hold for the events of a service, too.
    ``hops``: events that led to one, one after the other. ``stamp``: bytes of its case's state that an
    event may carry, where that is known by stamps.
    """

    payload: int = 1 << 20
    ops: int = 50_000
    ops_warned: int = 10_000
    depth: int = 100
    crashes: int = 5
    suspect: int = 3
    hops: int = 100
    stamp: int = 4_096
    turn_seconds: float = 0.1
