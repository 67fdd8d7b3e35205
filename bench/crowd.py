"""Many runs under way at once: what one of them costs next to one among a hundred."""

from __future__ import annotations

import statistics
from pathlib import Path

from floors import Floors
from peers import OURS, Program
from rows import Calibrated, Row, spread
from sizes import Sizes

WAY = "async def"


def take(sizes: Sizes, directory: Path, cache: Path) -> list[Row]:
    """Load our own program with ever more orders at once, in rounds."""
    shares: dict[int, list[float]] = {crowd: [] for crowd in sizes.crowds}
    rates: dict[int, list[float]] = {crowd: [] for crowd in sizes.crowds}
    with Program(OURS, cache=cache, directory=directory) as program, Calibrated() as now:
        program.ask("load", way=WAY, concurrency=1, seconds=min(0.5, sizes.seconds))
        floors = Floors(sizes.floor, directory)
        for _ in range(sizes.rounds):
            for crowd in sizes.crowds:
                program.let_go()
                done = program.ask("load", way=WAY, concurrency=crowd, seconds=sizes.seconds)
                program.hold()
                floor, _single = floors.around()
                rates[crowd].append(done["runs"] / done["seconds"])
                shares[crowd].append(rates[crowd][-1] / floor)
    usual = shares[min(sizes.crowds, key=lambda crowd: abs(crowd - 100))]
    return [
        Row(
            "runs under way at once: cost of each ÷ at 100",
            "dalsegno",
            f"{crowd:,} at once",
            statistics.median(rates[crowd]),
            "orders/s",
            of="the cost at 100",
            calibration_ms=now.ms,
            **spread([one / share for one, share in zip(usual, shares[crowd], strict=True)]),
        )
        for crowd in sizes.crowds
    ]
