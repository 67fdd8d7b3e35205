"""Ours against each peer, in turns: ours, the peer, ours, …; each figure is a ratio within one turn.

Each side is given as many orders at once as suited it best before, then one alone. A machine that grows
slower meets both sides of a ratio.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from floors import Floors
from loads import Field, Load, best, middle, same_way
from peers import ASYNC, DEF, OURS, Peer, Program
from rows import Row, spread
from sizes import Sizes

SHARE = 0.15  # of the floor, asked of async def steps; half of each of these for def steps
TIMES = {"dbos": 100.0, "restate": 15.0}
LESS_CPU = {"dbos": 40.0}
QUICKER = 0.25


class Duel(NamedTuple):
    """The loads of ours and of one peer, taken in turns: at their best, and one order alone."""

    peer: Peer
    way: str
    ours: list[Load]
    theirs: list[Load]
    ours_alone: list[Load]
    theirs_alone: list[Load]

    def ratios(self, value: str, *, alone: bool = False) -> list[float]:
        """Return a figure of ours divided by the peer's, for each turn."""
        ours, theirs = (self.ours_alone, self.theirs_alone) if alone else (self.ours, self.theirs)
        return [getattr(a, value) / getattr(b, value) for a, b in zip(ours, theirs, strict=True)]


def take(field: Field, loads: Sequence[Load], sizes: Sizes, floors: Floors) -> list[Row]:
    """Let ours meet the floor and each peer, for both ways of writing steps."""
    ours = next((program for program in field.programs if program.peer is OURS), None)
    if ours is None:
        return []
    rows: list[Row] = []
    for way, part in ((ASYNC, 1.0), (DEF, 0.5)):
        duels = [
            _duel(field, ours, program, way, loads, sizes, floors)
            for program in field.programs
            if program is not ours
        ]
        rows.append(_against_floor(duels, way, part))
        rows += [_throughput(duel, part) for duel in duels]
        rows += [_cpu(duel) for duel in duels if duel.peer.keeps]
        rows += _alone([duel for duel in duels if duel.peer.keeps])
    return sorted(rows, key=lambda row: [row.measure for row in rows].index(row.measure))


def _duel(
    field: Field,
    ours: Program,
    program: Program,
    way: str,
    loads: Sequence[Load],
    sizes: Sizes,
    floors: Floors,
) -> Duel:
    peer, their_way = program.peer, same_way(program.peer, way)
    duel = Duel(peer, way, [], [], [], [])
    for _ in range(sizes.duels):
        for mine, theirs, at_once, their_at_once in (
            (duel.ours, duel.theirs, best(loads, OURS, way), best(loads, peer, their_way)),
            (duel.ours_alone, duel.theirs_alone, 1, 1),
        ):
            mine.append(field.load(ours, way, at_once, sizes.seconds, floors))
            theirs.append(field.load(program, their_way, their_at_once, sizes.seconds, floors))
    return duel


def _named(loads: Sequence[Load]) -> tuple[str, str]:
    return loads[0].title, f"{loads[0].way}, {loads[0].at_once:,} at once"


def _against_floor(duels: Sequence[Duel], way: str, part: float) -> Row:
    found = [load for duel in duels for load in duel.ours]
    return Row(
        "throughput ÷ floor",
        *_named(found),
        middle(found, lambda load: load.rate),
        "orders/s",
        of="floor in batches of 100 rows",
        target=f"≥ {SHARE * part:g}",
        calibration_ms=middle(found, lambda load: load.calibration_ms),
        **spread([load.share for load in found]),
    )


def _throughput(duel: Duel, part: float) -> Row:
    least = TIMES.get(duel.peer.name, 0) * part
    theirs = duel.theirs[0]
    return Row(
        "throughput ÷ peer",
        *_named(duel.ours),
        middle(duel.ours, lambda load: load.rate),
        "orders/s",
        of=f"{theirs.title} ({theirs.way}, {theirs.at_once} at once)",
        target=f"≥ {least:g}" if least else "",
        calibration_ms=middle(duel.ours, lambda load: load.calibration_ms),
        **spread(duel.ratios("rate")),
    )


def _cpu(duel: Duel) -> Row:
    least = LESS_CPU.get(duel.peer.name, 0) if duel.way == ASYNC else 0
    return Row(
        "CPU of 1,000 orders, peer ÷ ours",
        *_named(duel.ours),
        middle(duel.ours, lambda load: load.cpu),
        "s",
        of=f"less than {duel.theirs[0].title}",
        target=f"≥ {least:g}" if least else "",
        calibration_ms=middle(duel.ours, lambda load: load.calibration_ms),
        **spread([1 / ratio for ratio in duel.ratios("cpu")]),
    )


def _alone(duels: Sequence[Duel]) -> Iterator[Row]:
    if not duels:
        return
    quickest = max(duels, key=lambda duel: statistics.median(duel.ratios("p50_ms", alone=True)))
    for duel in duels:
        yield Row(
            "one order alone, ours ÷ peer",
            "dalsegno",
            duel.way,
            middle(duel.ours_alone, lambda load: load.p50_ms),
            "ms",
            of=f"{duel.theirs_alone[0].title} ({duel.theirs_alone[0].way})",
            target=f"≤ {QUICKER}" if duel is quickest else "",
            calibration_ms=middle(duel.ours_alone, lambda load: load.calibration_ms),
            **spread(duel.ratios("p50_ms", alone=True)),
        )
