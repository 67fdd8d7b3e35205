"""Runs that sleep for a day: how fast they are accepted, and what they add to the memory of who keeps them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from floors import Floors
from peers import OURS, PEERS, PLAIN, Peer, Program, up
from processes import resident_mb
from rows import Calibrated, Row
from sizes import Sizes

AT_ONCE = 200
MOST_MB = 60
_SETTLE = 1.0  # seconds until those that were accepted last are asleep too


def take(
    sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str], peers: Sequence[Peer] = PEERS
) -> list[Row]:
    """Put runs to sleep, ours and those of each peer that can."""
    rows = _sleep(OURS, sizes.sleepers, sizes, directory, cache, missing)
    for peer in (PLAIN, *peers):
        count = min(peer.sleeps, sizes.sleepers)
        if count:
            rows += _sleep(peer, count, sizes, directory, cache, missing)
    return rows


def _sleep(
    peer: Peer, count: int, sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str]
) -> list[Row]:
    floors = Floors(sizes.floor, directory)
    program = up(peer, missing, cache=cache, directory=directory)
    if program is None:
        return []
    with program, Calibrated() as now:
        added, seconds = _put_to_sleep(program, count)
        title = program.title
    floor, _ = floors.around()
    rate = count / seconds
    return [
        Row(
            "sleeping runs: accepted",
            title,
            f"{count:,} runs",
            rate,
            "runs/s",
            rate / floor,
            "of the floor",
            calibration_ms=now.ms,
        ),
        Row(
            "sleeping runs: memory added",
            title,
            f"{count:,} runs",
            added,
            f"MiB, {added * 1024 / count:.2g} KiB each",
            target=f"≤ {MOST_MB}" if peer is OURS else "",
            calibration_ms=now.ms,
        ),
    ]


def _put_to_sleep(program: Program, count: int) -> tuple[float, float]:
    before = resident_mb(program.pid)
    done = program.ask("sleepers", count=count, concurrency=min(AT_ONCE, count))
    time.sleep(_SETTLE)
    return resident_mb(program.pid) - before, done["seconds"]
