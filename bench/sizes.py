"""How much is measured: all of it, a quick look, or as little as shows that the bench still works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The numbers that the measures take; ``seconds`` for each load and each floor."""

    rounds: int = 5
    sweeps: int = 2
    duels: int = 3
    seconds: float = 1.5
    floor: float = 0.4
    at_once: tuple[int, ...] = (1, 10, 100, 300, 1_000)
    crowds: tuple[int, ...] = (10, 100, 1_000, 10_000)
    sleepers: int = 100_000
    entries: int = 10_000
    finished: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    growth_runs: int = 2_500
    in_flight: int = 500
    lease: float = 2.0
    shared_runs: int = 10_000
    workers: tuple[int, ...] = (1, 2, 4)
    imports: int = 20
    events: int = 50_000
    latencies: int = 500
    backlog: int = 100_000
    log_events: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    questions: int = 200
    trail_events: int = 15_000


FULL = Sizes()
QUICK = Sizes(
    rounds=2,
    sweeps=1,
    duels=2,
    seconds=1.0,
    floor=0.3,
    at_once=(1, 100),
    crowds=(100, 10_000),
    finished=(1_000, 100_000),
    growth_runs=1_500,
    shared_runs=3_000,
    workers=(1, 2),
    imports=8,
    events=20_000,
    latencies=200,
    log_events=(10_000, 100_000),
    questions=100,
    trail_events=9_000,
)
TINY = Sizes(
    rounds=1,
    sweeps=1,
    duels=1,
    seconds=0.05,
    floor=0.02,
    at_once=(1, 4),
    crowds=(4, 8),
    sleepers=20,
    entries=20,
    finished=(20, 60),
    growth_runs=10,
    in_flight=5,
    lease=0.3,
    shared_runs=20,
    workers=(1, 2),
    imports=2,
    events=40,
    latencies=3,
    backlog=200,
    log_events=(20, 60),
    questions=2,
    trail_events=30,
)
