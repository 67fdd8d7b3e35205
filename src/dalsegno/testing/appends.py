"""The journals as lists that many append to: what each writer and reader saw must fit one list, in time.

Every append is known by its writer (session and turn) and its place, so no two are alike. An append that
was acknowledged is there; one that was refused is not, unless an attempt of the same writer may have landed
before; one whose answer never came may be. Each read is the beginning of the list as it is in the end, has
in it whatever was acknowledged before it began, and is never shorter than a read that ended before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dalsegno.core.commit import Commit, Committed
from dalsegno.core.entries import Entry
from dalsegno.core.reactions import React
from dalsegno.core.writes import Verdict, Write
from dalsegno.testing.shadows import Breach, Line, Shadow, line_of, lines_of


class Writer(NamedTuple):
    """Who wrote an entry: under which claim of which session."""

    session: int
    turn: int


class _Read(NamedTuple):
    begun: int
    ended: int
    lines: list[Line]


class _Places:
    """What was appended to one run, by place."""

    def __init__(self) -> None:
        self.acknowledged: dict[int, tuple[Writer, Line, int]] = {}
        self.possible: dict[int, list[Line]] = {}
        self.reads: list[_Read] = []


class Appends:
    """Hears of every append and read at the seam, as the process that asked for it does."""

    def __init__(self, breach: Breach) -> None:
        self._breach = breach
        self._runs: dict[int, _Places] = {}
        self._ticks = 0
        self.appends = 0

    def tick(self) -> int:
        """Return the next moment; no two are the same."""
        self._ticks += 1
        return self._ticks

    def given(self, number: int, entries: Sequence[Entry]) -> None:
        """Know of entries that were there before this world began."""
        for entry in entries:
            self._run(number).possible.setdefault(entry.position, []).append(line_of(entry)[:-1])

    def appending(self, group: Sequence[Write]) -> None:
        """Hear that a group is on its way: from now on it may have landed."""
        for item in group:
            for run, entry in _entries(item):
                self.appends += 1
                self._run(run).possible.setdefault(entry.position, []).append(line_of(entry)[:-1])

    def appended(self, group: Sequence[Write], verdicts: Sequence[Verdict]) -> None:
        """Hear what the writer was told."""
        now = self.tick()
        for item, verdict in zip(group, verdicts, strict=True):
            if isinstance(item, Commit | React) and isinstance(verdict, Committed):
                self._acknowledged(item, now)
            elif isinstance(item, Commit | React):
                self._refused(item)

    def _acknowledged(self, item: Commit | React, now: int) -> None:
        writer = Writer(item.session, item.turn if isinstance(item, Commit) else 0)
        for run, entry in _entries(item):
            line = line_of(entry)[:-1]
            other, told, _ = self._run(run).acknowledged.setdefault(entry.position, (writer, line, now))
            if other != writer or told != line:
                self._breach(
                    "P3", f"entry {entry.position} of run {run} was promised to {other} and {writer}"
                )

    def _refused(self, item: Commit | React) -> None:
        for run, entry in _entries(item):
            self._run(run).possible[entry.position].remove(line_of(entry)[:-1])

    def read(self, number: int, begun: int, entries: Sequence[Entry]) -> None:
        """Hear what a reader of a whole journal got; ``begun`` is the moment at which it asked."""
        self._run(number).reads.append(_Read(begun, self.tick(), lines_of(entries)))

    def check(self, shadows: Mapping[int, Shadow]) -> None:
        """Compare everything with the journals as they are in the end."""
        for number, places in self._runs.items():
            shadow = shadows.get(number)
            final = shadow.journal if shadow is not None else []
            for position, (writer, line, _) in places.acknowledged.items():
                if position > len(final) or final[position - 1][:-1] != line:
                    self._breach(
                        "P3", f"entry {position} of run {number}, promised to {writer}, is lost: {line}"
                    )
            for position, line in enumerate(final, 1):
                if line[:-1] not in places.possible.get(position, []):
                    self._breach("P5", f"entry {position} of run {number} is there, and was refused: {line}")
            self._check_reads(number, places, final)

    def _check_reads(self, number: int, places: _Places, final: list[Line]) -> None:
        acknowledged = sorted((now, position) for position, (_, _, now) in places.acknowledged.items())
        longest, ended = 0, sorted(places.reads, key=lambda read: read.ended)
        for read in sorted(places.reads, key=lambda read: read.begun):
            if read.lines != final[: len(read.lines)]:
                self._breach(
                    "P3", f"a read of run {number} was not the beginning of its journal: {read.lines}"
                )
            while ended and ended[0].ended < read.begun:
                longest = max(longest, len(ended.pop(0).lines))
            while acknowledged and acknowledged[0][0] < read.begun:
                longest = max(longest, acknowledged.pop(0)[1])
            if len(read.lines) < longest:
                self._breach("P3", f"a read of run {number} had {len(read.lines)} of {longest} known entries")

    def _run(self, number: int) -> _Places:
        return self._runs.setdefault(number, _Places())


def _entries(item: Write) -> list[tuple[int, Entry]]:
    """Return what an item appends, with the runs: a reaction that becomes a run begins with what failed."""
    if isinstance(item, Commit):
        return [(item.run, entry) for entry in item.entries]
    if isinstance(item, React):
        return [(one.start.number, one.failed) for one in item.laned if one.failed is not None]
    return []
