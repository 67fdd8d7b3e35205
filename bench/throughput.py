"""The four steps, everybody in turn: orders per second, time of one alone, CPU for a thousand.

A load keeps so many orders under way for some seconds. Rounds are interleaved: floor, ours, floor, the
next peer, floor, …; whoever is not measured is held still. Then ours meets each peer (``duels``).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import duels
from floors import Floors
from loads import Field, Load, middle
from peers import OURS, PEERS, Peer
from rows import Row, spread
from sizes import Sizes


def take(
    sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str], peers: Sequence[Peer] = PEERS
) -> list[Row]:
    """Measure everybody, and ours against each."""
    with Field(peers, directory, cache, missing) as field:
        field.warm(min(1.0, sizes.seconds))
        floors = Floors(sizes.floor, directory)
        loads = list(_sweep(field, sizes, floors))
        met = duels.take(field, loads, sizes, floors)
    return [*_floors(loads), *_throughput(loads), *_alone(loads), *_cpu(loads), *met]


def _sweep(field: Field, sizes: Sizes, floors: Floors) -> Iterator[Load]:
    for at_once in sizes.at_once:
        for _ in range(sizes.sweeps):
            for program in field.programs:
                for way in program.peer.ways if at_once <= program.peer.most else ():
                    yield field.load(program, way, at_once, sizes.seconds, floors)


def _groups(loads: Sequence[Load]) -> Iterator[tuple[Load, list[Load]]]:
    """Yield the loads of each way at each concurrency, and one of them to name them by."""
    kinds = dict.fromkeys((load.title, load.way, load.at_once) for load in loads)
    for kind in sorted(kinds, key=lambda kind: (kind[1], kind[2])):
        found = [load for load in loads if (load.title, load.way, load.at_once) == kind]
        yield found[0], found


def _floors(loads: Sequence[Load]) -> Iterator[Row]:
    batches = [load.floor for load in loads]
    single = [1000 / load.single_ms for load in loads]
    for rows_at_once, rates in ((100, batches), (1, single)):
        yield Row(
            "throughput",
            "the floor",
            f"{rows_at_once} row{'s' if rows_at_once > 1 else ''} per commit, 6 for an order",
            statistics.median(rates),
            "orders/s",
            of="its median",
            calibration_ms=middle(loads, lambda load: load.calibration_ms),
            **spread([rate / statistics.median(rates) for rate in rates]),
        )


def _throughput(loads: Sequence[Load]) -> Iterator[Row]:
    for one, found in _groups(loads):
        yield Row(
            "throughput",
            one.title,
            f"{one.way}, {one.at_once:,} at once",
            middle(found, lambda load: load.rate),
            "orders/s",
            of="of the floor",
            calibration_ms=middle(found, lambda load: load.calibration_ms),
            note=one.peer.note,
            **spread([load.share for load in found]),
        )


def _alone(loads: Sequence[Load]) -> Iterator[Row]:
    for one, found in _groups(loads):
        if one.at_once > 1:
            continue
        yield Row(
            "one order alone",
            one.title,
            one.way,
            middle(found, lambda load: load.p50_ms),
            f"ms (p99 {middle(found, lambda load: load.p99_ms):.3g} ms)",
            of="six commits of one row",
            calibration_ms=middle(found, lambda load: load.calibration_ms),
            target="≤ 4" if one.peer is OURS else "",
            **spread([load.p50_ms / load.single_ms for load in found]),
        )


def _cpu(loads: Sequence[Load]) -> Iterator[Row]:
    for one, found in _groups(loads):
        yield Row(
            "CPU of 1,000 orders, all processes",
            one.title,
            f"{one.way}, {one.at_once:,} at once",
            middle(found, lambda load: load.cpu),
            "s",
            of="calibration loops",
            calibration_ms=middle(found, lambda load: load.calibration_ms),
            **spread([load.cpu * 1000 / load.calibration_ms for load in found]),
        )
