"""What past cases tell: how long steps take, when a case will end, and where two cases parted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from dalsegno.client.case_times import (
    CaseTimes,
    Comparison,
    Forecast,
    Pace,
    SideBySide,
    Split,
    Spread,
    StepTimes,
)
from dalsegno.core.cases import CaseRow
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.event import Event
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import Run
from dalsegno.store.cases import CaseTrail

_Step = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Past:
    """A case that has ended, with what it left and where its time went."""

    row: CaseRow
    left: CaseTrail
    split: Split


def percentile(lengths: Sequence[int], share: float) -> int:
    """Return the smallest of sorted lengths that at least so large a share does not exceed."""
    return lengths[max(0, -int(-share * len(lengths) // 1) - 1)]


def spread(lengths: Iterable[int]) -> Spread:
    """Say how lengths (microseconds) lie. There must be one."""
    ordered = sorted(lengths)
    return Spread(len(ordered), *(percentile(ordered, share) / SECOND for share in (0.5, 0.95, 0.99)))


# -- the pace of a process


def pace(process: str, past: Sequence[Past], titles: Mapping[int, str]) -> Pace:
    """Say how long a process and its steps take, by these cases; ``titles`` name handlers by their number."""
    took: dict[_Step, list[int]] = {}
    order: dict[_Step, int] = {}
    for case in past:
        for place, (step, length) in enumerate(_steps(case.left, titles)):
            took.setdefault(step, []).append(length)
            order.setdefault(step, place)
    steps = [
        StepTimes(*step, spread(took[step]))
        for step in sorted(took, key=lambda step: (order[step], step[:2]))
    ]
    if not past:
        return Pace(process, 0, None, None, ())
    elapsed = spread([_length(case.row) for case in past])
    shares = Split(
        *(
            sum(getattr(case.split, name) for case in past)
            for name in ("running", "retrying", "queued", "waiting")
        )
    )
    return Pace(process, len(past), elapsed, shares, tuple(steps))


def _length(row: CaseRow) -> int:
    return max(0, (row.ended_at or row.started_at) - row.started_at)


def _steps(left: CaseTrail, titles: Mapping[int, str]) -> Iterator[tuple[_Step, int]]:
    """List the steps of a case in the order in which they ended: what came of an event, and each reaction to it."""
    events = {event.number: event for event in left.events}
    found: list[tuple[int, _Step, int]] = []
    for event in left.events:
        cause = events.get(event.cause) if event.cause is not None else None
        if cause is not None and event.id is None:
            found.append((event.at, (cause.type, event.source, event.type), event.at - cause.at))
    runs = {run.number: run for run in left.runs}
    for row in left.reactions:
        cause = events.get(row.event)
        ended = row.at if row.outcome == ReactedAs.DONE else _ended(runs.get(row.run or 0))
        if cause is not None and ended is not None and row.outcome in (ReactedAs.DONE, ReactedAs.RUN):
            found.append((ended, (cause.type, titles.get(row.handler, "?"), None), ended - cause.at))
    for _, step, length in sorted(found, key=lambda one: (one[0], one[1][0], one[1][1])):
        yield step, length


def _ended(run: Run | None) -> int | None:
    return None if run is None else run.ended_at


# -- a forecast


def forecast(row: CaseRow, left: CaseTrail, past: Sequence[Past], now: int) -> Forecast:
    """Say when a case will end: by past ones that came to the same event, and took as long from there on.

    That is the last event of the case which enough past ones had; else its beginning.
    """
    for event in reversed(left.events):
        lengths = [length for case in past if (length := _from(event.type, case)) is not None]
        if len(lengths) >= min(_ENOUGH, len(past)) and lengths:
            return _forecast(row, event.type, event.at, lengths, now)
    return _forecast(row, None, row.started_at, [_length(case.row) for case in past], now)


_ENOUGH = 5  # past cases that came to the same event


def _from(type_: str, case: Past) -> int | None:
    """Say how long a case took from the last event of a type to its end."""
    there = [event.at for event in case.left.events if event.type == type_]
    ended = case.row.ended_at
    return None if not there or ended is None else max(0, ended - there[-1])


def _forecast(row: CaseRow, since: str | None, begin: int, lengths: list[int], now: int) -> Forecast:
    still = sorted(length for length in lengths if begin + length >= now)
    ends = [to_datetime(begin + percentile(still, share)) for share in (0.5, 0.95)] if still else [None, None]
    return Forecast(row.id, to_datetime(now), since, len(lengths), ends[0], ends[1])


# -- two cases


def compare(first: tuple[CaseTimes, CaseTrail], second: tuple[CaseTimes, CaseTrail]) -> Comparison:
    """Lay two cases side by side, event by event, each from its own beginning."""
    ours, theirs = _named(first[1].events), _named(second[1].events)
    zeros = [min((event.at for event in left.events), default=0) for _, left in (first, second)]
    lines: list[SideBySide] = []
    matcher = SequenceMatcher(None, [name for name, _ in ours], [name for name, _ in theirs], autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            pairs = zip(ours[a:b], theirs[c:d], strict=True)
            lines += [_line(one, other, zeros) for (_, one), (_, other) in pairs]
        else:
            lines += [_line(event, None, zeros) for _, event in ours[a:b]]
            lines += [_line(None, event, zeros) for _, event in theirs[c:d]]
    parted = next((n for n, line in enumerate(lines) if line.first is None or line.second is None), None)
    return Comparison(first[0], second[0], tuple(lines), parted)


def _named(events: Iterable[Event]) -> list[tuple[tuple[str, str, int], Event]]:
    """Name each event by its type, who emitted it, and the how many-th it is of these."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for event in events:
        kind = (event.type, _by(event))
        seen[kind] += 1
        found.append(((*kind, seen[kind]), event))
    return found


def _by(event: Event) -> str:
    return event.source if event.id is None else ""


def _line(one: Event | None, other: Event | None, zeros: Sequence[int]) -> SideBySide:
    event = one or other
    assert event is not None
    return SideBySide(
        event.type,
        _by(event),
        None if one is None else (one.at - zeros[0]) / SECOND,
        None if other is None else (other.at - zeros[1]) / SECOND,
    )
