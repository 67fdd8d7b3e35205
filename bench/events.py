"""Events: handled per second from a filled log, emit to handled, and beside FastStream over NATS.

The floor of an event is two of the floor's rows, where an order has six. Everybody is in turn, and held
still while others are measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration import calibrate
from floor import ROWS_PER_WORKFLOW
from floors import Floors
from peers import ASYNC, DEF, FASTSTREAM, OUR_EVENTS, Peer, Program, up
from rows import Row, spread
from sizes import Sizes

ROWS_PER_EVENT = 2
SHARE = "≥ 0.15"
COMMITS = "≤ 12"
CALLERS = 100
_SLOWER = 4  # as many fewer events are given to peers

Answer = dict[str, Any]


@dataclass
class Looks:
    """What one program did in one way, round after round; ``floor`` is what each round's answer is divided by."""

    program: Program
    what: str
    answers: list[Answer] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    calibrations: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Events per second."""
        return [answer["events"] / answer["seconds"] for answer in self.answers]

    def each(self, name: str) -> list[float]:
        """Return a figure of every round."""
        return [answer[name] for answer in self.answers]

    def row(self, measure: str, values: Sequence[float], unit: str, ratios: Sequence[float], of: str) -> Row:
        """Make the row of a figure, of which the middle of all rounds is shown."""
        return Row(
            measure,
            self.program.title,
            self.what,
            statistics.median(values),
            unit,
            of=of,
            calibration_ms=statistics.median(self.calibrations),
            note=self.program.peer.note,
            **spread(ratios),
        )


def take(
    sizes: Sizes, directory: Path, cache: Path, missing: dict[str, str], peers: Sequence[Peer] = ()
) -> list[Row]:
    """Measure ours and the peers, in rounds."""
    with ExitStack() as stack:
        programs = []
        for peer in (OUR_EVENTS, *peers):
            program = up(peer, missing, cache=cache, directory=directory)
            if program is not None:
                programs.append(stack.enter_context(program))
                program.hold()
        turns = Turns(sizes, directory, missing)
        rows = [*_handled(turns, programs, sizes), *_emitted(turns, programs, sizes)]
        return [*rows, *_latency(turns, programs, sizes)]


class Turns:
    """Lets one program after the other do something, with the floors and the calibration loop around it."""

    def __init__(self, sizes: Sizes, directory: Path, missing: dict[str, str]) -> None:
        self._rounds = sizes.rounds
        self._missing = missing
        self._floors = Floors(sizes.floor, directory)

    def take(self, looks: list[Looks], single: bool, do: Callable[[Looks], Answer]) -> None:
        """Take all turns; ``single`` divides by a commit of one row, else by rows in batches of 100.

        A peer that fails is left out of ``looks``, and named with the reason.
        """
        for look in list(looks):
            self._turn(looks, look, do)  # what is done once, at the first event
        self._floors.again()
        for _ in range(self._rounds):
            for look in list(looks):
                before = calibrate()
                answer = self._turn(looks, look, do)
                look.calibrations.append((before + calibrate()) / 2)
                batches, _ = self._floors.around()
                events = batches * ROWS_PER_WORKFLOW / ROWS_PER_EVENT
                look.floors.append(self._floors.commit * 1000 if single else events)
                look.answers.append(answer)

    def _turn(self, looks: list[Looks], look: Looks, do: Callable[[Looks], Answer]) -> Answer:
        look.program.let_go()
        try:
            return do(look)
        except RuntimeError as error:
            if _is_ours(look):
                raise
            self._missing[f"{look.program.title}, {look.what}"] = str(error)
            looks.remove(look)
            return {}
        finally:
            look.program.hold()


def _is_ours(look: Looks) -> bool:
    return look.program.peer is OUR_EVENTS


def _shares(look: Looks) -> list[float]:
    return [rate / floor for rate, floor in zip(look.rates, look.floors, strict=True)]


def _over(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


# -- from a filled log

_WAYS: dict[str, dict[str, Any]] = {
    ASYNC: {"way": ASYNC},
    DEF: {"way": DEF},
    f"{ASYNC}, answers each with one": {"way": ASYNC, "answers": True},
    f"{ASYNC}, 2 services": {"way": ASYNC, "services": 2},
    f"{ASYNC}, 4 services": {"way": ASYNC, "services": 4},
}


def _handled(turns: Turns, programs: Sequence[Program], sizes: Sizes) -> list[Row]:
    looks = [
        Looks(program, what)
        for what in _WAYS
        for program in programs
        if program.peer is OUR_EVENTS or (program.peer is FASTSTREAM and what in (ASYNC, DEF))
    ]

    def do(look: Looks) -> Answer:
        count = sizes.events if _is_ours(look) else max(1, sizes.events // _SLOWER)
        look.program.ask("fill", count=count)
        return look.program.ask("handle", count=count, **_WAYS[look.what])

    turns.take(looks, single=False, do=do)
    rows = []
    for look in looks:
        row = look.row("events handled", look.rates, "events/s", _shares(look), "of the floor")
        row.target = SHARE if _is_ours(look) and look.what in (ASYNC, DEF) else ""
        rows.append(row)
    return [
        *rows,
        *_beside(looks, "events handled ÷ peer", lambda look: look.rates, "events/s"),
        *_cpu(looks),
    ]


def _beside(
    looks: Sequence[Looks], measure: str, value: Callable[[Looks], list[float]], unit: str
) -> list[Row]:
    """Make rows of ours divided by each peer's, round by round."""
    return [
        ours.row(measure, value(ours), unit, _over(value(ours), value(theirs)), f"of {theirs.program.title}")
        for ours in looks
        for theirs in looks
        if _is_ours(ours) and not _is_ours(theirs) and ours.what == theirs.what
    ]


def _cpu(looks: Sequence[Looks]) -> list[Row]:
    rows = []
    for look in looks:
        each = [answer["cpu"] / answer["events"] * 1000 for answer in look.answers]
        loops = [one * 1000 / ms for one, ms in zip(each, look.calibrations, strict=True)]
        rows.append(look.row("CPU of 1,000 events, all processes", each, "s", loops, "calibration loops"))
    return rows


# -- one by one


def _emitted(turns: Turns, programs: Sequence[Program], sizes: Sizes) -> list[Row]:
    looks = [Looks(program, f"{CALLERS} callers, one event each time") for program in programs]
    count = max(1, sizes.events // _SLOWER // 2)
    turns.take(looks, single=False, do=lambda look: look.program.ask("emit", count=count, callers=CALLERS))
    rows = [
        look.row("events emitted", look.rates, "events/s", _shares(look), "of the floor") for look in looks
    ]
    return [*rows, *_beside(looks, "events emitted ÷ peer", lambda look: look.rates, "events/s")]


def _latency(turns: Turns, programs: Sequence[Program], sizes: Sizes) -> list[Row]:
    looks = [Looks(program, way) for way in (ASYNC, DEF) for program in programs]
    turns.take(
        looks,
        single=True,
        do=lambda look: look.program.ask("latency", way=look.what, count=sizes.latencies),
    )
    rows: list[Row] = []
    for look in looks:
        unit = f"ms (p99 {statistics.median(look.each('p99_ms')):.3g} ms)"
        commits = _over(look.each("p50_ms"), look.floors)
        row = look.row("emit to handled, one alone", look.each("p50_ms"), unit, commits, "commits of one row")
        row.target = COMMITS if _is_ours(look) else ""
        rows.append(row)
        if _is_ours(look):
            written = look.each("written_ms")
            done = look.row(
                "emit to handled, one alone", written, "ms", _over(written, look.floors), "commits of one row"
            )
            done.setting = f"{look.what}, until it is written"
            rows.append(done)
    return [*rows, *_beside(looks, "emit to handled, ours ÷ peer", lambda look: look.each("p50_ms"), "ms")]
