"""The four steps, everybody in turn: orders per second, time of one alone, CPU for a thousand.

A load keeps so many orders under way for some seconds. Rounds are interleaved: floor, ours, floor, the
next peer, floor, …; whoever is not measured is held still. What is compared are shares of the floor that
was measured right before and after.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from calibration import calibrate
from floors import Floors
from peers import ASYNC, DEF, OURS, PEERS, PLAIN, Peer, Program, up
from rows import Row, spread
from sizes import Sizes


@dataclass(frozen=True)
class Load:
    """One load of one program: what it did, and the floors and the calibration around it."""

    peer: Peer
    title: str
    way: str
    at_once: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu: float
    floor: float
    single_ms: float
    calibration_ms: float

    @property
    def share(self) -> float:
        """The part of the floor, rows in batches of 100, that it reached."""
        return self.rate / self.floor


def take(
    sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str], peers: Sequence[Peer] = PEERS
) -> list[Row]:
    """Measure everybody, and judge ours against each."""
    with ExitStack() as stack:
        programs = []
        for peer in (OURS, PLAIN, *peers):
            program = up(peer, missing, cache=cache, directory=directory)
            if program is not None:
                programs.append(stack.enter_context(program))
                program.hold()
        loads = list(_loads(programs, sizes, directory))
    return [*_floors(loads), *_throughput(loads), *_alone(loads), *_cpu(loads), *_judged(loads)]


def _loads(programs: Sequence[Program], sizes: Sizes, directory: Path) -> Iterator[Load]:
    for program in programs:
        program.let_go()
        for way in program.peer.ways:  # whatever is done once, at the first order
            program.ask("load", way=way, concurrency=1, seconds=min(1.0, sizes.seconds))
        program.hold()
    floors = Floors(sizes.floor, directory)
    for at_once in sizes.at_once:
        for _ in range(sizes.rounds):
            for program in programs:
                for way in program.peer.ways if at_once <= program.peer.most else ():
                    yield _load(program, way, at_once, sizes, floors)


def _load(program: Program, way: str, at_once: int, sizes: Sizes, floors: Floors) -> Load:
    before = calibrate()
    program.let_go()
    done = program.ask("load", way=way, concurrency=at_once, seconds=sizes.seconds)
    program.hold()
    calibration = (before + calibrate()) / 2
    floor, single = floors.around()
    return Load(
        program.peer,
        program.title,
        way,
        at_once,
        done["runs"] / done["seconds"],
        done["p50_ms"],
        done["p99_ms"],
        done["cpu"] / done["runs"] * 1000,
        floor,
        single * 1000,
        calibration,
    )


# -- rows


def _groups(loads: Sequence[Load]) -> Iterator[tuple[Load, list[Load]]]:
    """Yield the loads of each way at each concurrency, and one of them to name them by."""
    kinds = dict.fromkeys((load.title, load.way, load.at_once) for load in loads)
    for kind in sorted(kinds, key=lambda kind: (kind[1], kind[2])):
        found = [load for load in loads if (load.title, load.way, load.at_once) == kind]
        yield found[0], found


def _middle(values: Iterator[float]) -> float:
    return statistics.median(values)


def _floors(loads: Sequence[Load]) -> Iterator[Row]:
    calibration = _middle(load.calibration_ms for load in loads)
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
            calibration_ms=calibration,
            **spread([rate / statistics.median(rates) for rate in rates]),
        )


def _throughput(loads: Sequence[Load]) -> Iterator[Row]:
    for one, found in _groups(loads):
        yield Row(
            "throughput",
            one.title,
            f"{one.way}, {one.at_once:,} at once",
            _middle(load.rate for load in found),
            "orders/s",
            of="of the floor",
            calibration_ms=_middle(load.calibration_ms for load in found),
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
            _middle(load.p50_ms for load in found),
            f"ms (p99 {_middle(load.p99_ms for load in found):.3g} ms)",
            of="six commits of one row",
            calibration_ms=_middle(load.calibration_ms for load in found),
            target="≤ 4" if one.peer is OURS else "",
            **spread([load.p50_ms / load.single_ms for load in found]),
        )


def _cpu(loads: Sequence[Load]) -> Iterator[Row]:
    for one, found in _groups(loads):
        yield Row(
            "CPU of 1,000 orders, all processes",
            one.title,
            f"{one.way}, {one.at_once:,} at once",
            _middle(load.cpu for load in found),
            "s",
            of="calibration loops",
            calibration_ms=_middle(load.calibration_ms for load in found),
            **spread([load.cpu * 1000 / load.calibration_ms for load in found]),
        )


# -- ours against each


def _judged(loads: Sequence[Load]) -> Iterator[Row]:
    for way, part in ((ASYNC, 1.0), (DEF, 0.5)):
        ours = _best(loads, OURS, way)
        if not ours:
            continue
        calibration = _middle(load.calibration_ms for load in ours)
        shares = [load.share for load in ours]
        named = ("dalsegno", f"{way}, {ours[0].at_once:,} at once")
        yield Row(
            "throughput ÷ floor",
            *named,
            _middle(load.rate for load in ours),
            "orders/s",
            of="floor in batches of 100 rows",
            target=f"≥ {0.15 * part:g}",
            calibration_ms=calibration,
            **spread(shares),
        )
        for peer in (PLAIN, *PEERS):
            theirs = _best(loads, peer, way) or _best(loads, peer, DEF)
            if theirs:
                least = {"dbos": 100 * part, "restate": 15 * part}.get(peer.name)
                yield _against(named, ours, theirs, least, calibration)
        yield from _cpu_against(loads, way, ours, calibration)
        yield from _alone_against(loads, way, calibration)


def _best(loads: Sequence[Load], peer: Peer, way: str) -> list[Load]:
    """Return the loads of a peer at the concurrency that suits it best."""
    found = [load for load in loads if load.peer is peer and load.way == way]
    by = {load.at_once: _middle(x.share for x in found if x.at_once == load.at_once) for load in found}
    best = max(by, key=lambda at_once: by[at_once], default=0)
    return [load for load in found if load.at_once == best]


def _against(
    named: tuple[str, str], ours: list[Load], theirs: list[Load], least: float | None, calibration: float
) -> Row:
    them = _middle(load.share for load in theirs)
    return Row(
        "throughput ÷ peer",
        *named,
        _middle(load.rate for load in ours),
        "orders/s",
        of=f"{theirs[0].title} at its best: {theirs[0].way}, {theirs[0].at_once} at once",
        target=f"≥ {least:g}" if least else "",
        calibration_ms=calibration,
        **spread([load.share / them for load in ours]),
    )


def _cpu_against(loads: Sequence[Load], way: str, ours: list[Load], calibration: float) -> Iterator[Row]:
    for peer in PEERS:
        theirs = _best(loads, peer, way) or _best(loads, peer, DEF)
        if not theirs:
            continue
        mine = _middle(load.cpu / load.calibration_ms for load in ours)
        them = _middle(load.cpu / load.calibration_ms for load in theirs)
        yield Row(
            "CPU, peer ÷ ours",
            "dalsegno",
            f"{way}, {ours[0].at_once:,} at once",
            _middle(load.cpu for load in ours),
            "s for 1,000",
            them / mine,
            f"less than {theirs[0].title}",
            "≥ 40" if peer.name == "dbos" and way == ASYNC else "",
            calibration,
        )


def _alone_against(loads: Sequence[Load], way: str, calibration: float) -> Iterator[Row]:
    """Compare the time of one order alone with that of the quickest peer that keeps anything."""
    alone = [load for load in loads if load.at_once == 1 and load.peer.keeps]
    ours = [load.p50_ms / load.single_ms for load in alone if load.peer is OURS and load.way == way]
    others = {load.title: load.peer for load in alone if load.peer is not OURS}
    if not ours or not others:
        return
    found = {
        title: _middle(load.p50_ms / load.single_ms for load in alone if load.title == title)
        for title in others
    }
    quickest = min(found, key=lambda title: found[title])
    yield Row(
        "one order alone, ours ÷ quickest peer",
        "dalsegno",
        way,
        _middle(load.p50_ms for load in alone if load.peer is OURS and load.way == way),
        "ms",
        _middle(iter(ours)) / found[quickest],
        quickest,
        "≤ 0.25",
        calibration,
    )
