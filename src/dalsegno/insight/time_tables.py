"""How long cases take, as a terminal shows it: the steps of a process, one case, and two side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from dalsegno.client.case_times import CaseTimes, Comparison, Due, Forecast, Pace, SideBySide, Split, Spread
from dalsegno.core.clock import SECOND
from dalsegno.core.durations import text
from dalsegno.insight.paint import Style, between, columns, printable

_PARTS = ("running", "retrying", "queued", "waiting")


def length(seconds: float) -> str:
    """Write a length of time shortly."""
    return text(round(seconds * SECOND))


def render_pace(pace: Pace, style: Style) -> str:
    """Write how long a process takes, and each of its steps."""
    if pace.elapsed is None or pace.shares is None:
        return f"process {printable(pace.process)}: no case of it has ended"
    head = f"process {style.paint(printable(pace.process), 'bold')}: its last {pace.cases} cases that ended"
    rows = [["STEP", "", "", "SEEN", "P50", "P95", "P99"], ["all of it", "", "", *_spread(pace.elapsed)]]
    rows += [
        [
            printable(step.after),
            printable(step.by) or "-",
            printable(step.type or "(its reaction)"),
            *_spread(step.took),
        ]
        for step in pace.steps
    ]
    return "\n".join([head, f"  {_shares(pace.shares)}", *_table(rows)])


def _spread(spread: Spread) -> list[str]:
    return [str(spread.count), *(length(each) for each in (spread.p50, spread.p95, spread.p99))]


def _shares(split: Split) -> str:
    whole = split.elapsed
    shares = {part: getattr(split, part) / whole if whole else 0.0 for part in _PARTS}
    return "of their time " + ", ".join(f"{share:.0%} {part}" for part, share in shares.items())


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    return ("  " + "  ".join(row).rstrip() for row in columns(rows))


def render_times(times: CaseTimes, forecast: Forecast | None, due: Iterable[Due], style: Style) -> str:
    """Write where a case's time went, by when what it owes is due, and when it is likely to end."""
    head = f"{style.paint(printable(times.case), 'bold')}  {printable(times.process)}  {times.state}"
    lines = [f"{head}  {length(times.split.elapsed)}"]
    lines += [f"  {part:9} {length(getattr(times.split, part))}" for part in _PARTS]
    lines += [f"  {_due(each, times.at, style)}" for each in due]
    if forecast is not None:
        lines.append(f"  {_forecast(forecast, style)}")
    return "\n".join(lines)


def _due(due: Due, now: datetime, style: Style) -> str:
    when = f"{between(due.at, now)} ago" if due.late else f"in {between(now, due.at)}"
    why = "as declared" if due.declared else "as 99 of 100 past cases had it"
    by = f"{printable(due.type)} by {printable(due.by)}"
    return f"owed: {by}, until {style.clock(due.at, now)} ({when}), {why}"


def _forecast(forecast: Forecast, style: Style) -> str:
    if not forecast.cases:
        return "no past case tells when it will end"
    since = f", counted from {printable(forecast.since)}" if forecast.since else ""
    if forecast.p50_at is None or forecast.p95_at is None:
        return f"it has taken longer than all of {forecast.cases} past cases{since}"
    early, late = (
        f"{style.clock(end, forecast.at)} (in {between(forecast.at, end)})"
        for end in (forecast.p50_at, forecast.p95_at)
    )
    return f"ends by {early} as half of {forecast.cases} past cases did, by {late} as 95 of 100{since}"


def render_comparison(told: Comparison, style: Style) -> str:
    """Write two cases side by side."""
    rows = [["", told.first.case, told.second.case], ["state", told.first.state, told.second.state]]
    rows += [
        [part, *(length(getattr(case.split, part)) for case in (told.first, told.second))]
        for part in ("elapsed", *_PARTS)
    ]
    rows += [_line(line) for line in told.events]
    lines = [line.rstrip() for line in _table([[printable(cell) for cell in row] for row in rows])]
    if told.parted is not None:
        line = told.events[told.parted]
        who = told.first.case if line.second is None else told.second.case
        said = f"they part at {line.type}, which only {who} has"
        lines.append(f"  {style.paint(printable(said), 'bold')}")
    return "\n".join(lines)


def _line(line: SideBySide) -> list[str]:
    by = f" ({line.by})" if line.by else ""
    return [
        f"{line.type}{by}",
        *("-" if at is None else f"+{length(at)}" for at in (line.first, line.second)),
    ]
