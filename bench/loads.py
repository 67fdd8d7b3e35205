"""One load of one program, with the floors and the calibration loop taken right around it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from calibration import calibrate
from floors import Floors
from peers import DEF, OURS, PLAIN, Peer, Program, up


@dataclass(frozen=True)
class Load:
    """What a program did, ``at_once`` orders under way: orders per second, times of one, CPU of a thousand."""

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


def middle(loads: Iterable[Load], value: Callable[[Load], float]) -> float:
    """Return the median of a figure over loads."""
    return statistics.median(value(load) for load in loads)


class Field:
    """All programs, up and held still but for the one that is measured; what could not come is in ``missing``."""

    def __init__(self, peers: Sequence[Peer], directory: Path, cache: Path, missing: dict[str, str]) -> None:
        self._stack = ExitStack()
        self.programs: list[Program] = []
        for peer in (OURS, PLAIN, *peers):
            program = up(peer, missing, cache=cache, directory=directory)
            if program is not None:
                self.programs.append(self._stack.enter_context(program))
                program.hold()
        self._directory = directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def warm(self, seconds: float) -> None:
        """Let everybody do what is done once, at the first order."""
        for program in self.programs:
            program.let_go()
            for way in program.peer.ways:
                program.ask("load", way=way, concurrency=1, seconds=seconds)
            program.hold()

    def load(self, program: Program, way: str, at_once: int, seconds: float, floors: Floors) -> Load:
        """Load one program."""
        before = calibrate()
        program.let_go()
        done = program.ask("load", way=way, concurrency=at_once, seconds=seconds)
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


def best(loads: Sequence[Load], peer: Peer, way: str) -> int:
    """Return how many orders at once suit a peer best; 0 where it was not loaded in this way."""
    found = [load for load in loads if load.peer is peer and load.way == way]
    counts = dict.fromkeys(load.at_once for load in found)
    shares = {
        count: middle((x for x in found if x.at_once == count), lambda load: load.share) for count in counts
    }
    return max(shares, key=lambda count: shares[count], default=0)


def same_way(peer: Peer, way: str) -> str:
    """Return the way in which a peer is measured against ours; one that has only ``def`` steps takes these."""
    return way if way in peer.ways else DEF
