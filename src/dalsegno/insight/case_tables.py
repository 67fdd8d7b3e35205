"""How cases look as text: a list of them, and one with all that it has left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dalsegno.client.case_views import CaseInfo, CaseStory
from dalsegno.client.event_views import EventInfo, ReactionInfo
from dalsegno.insight.event_tables import stamp_lines
from dalsegno.insight.paint import Style, between, columns, printable

_COLOURS = {"open": "cyan", "ended": "green", "cancelled": "dim"}


def render_cases(cases: Sequence[CaseInfo], now: datetime, style: Style) -> str:
    """Write a list of cases as columns under a heading; nothing for none."""
    if not cases:
        return ""
    rows = [["CASE", "PROCESS", "STATE", "BEGAN", "DUE", "OVER"]]
    rows += [_row(case, now, style) for case in cases]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    for case, cells in zip(cases, padded, strict=True):
        cells[2] = style.paint(cells[2], "red" if case.late else _COLOURS.get(case.state, ""))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(case: CaseInfo, now: datetime, style: Style) -> list[str]:
    return [
        printable(case.id),
        printable(case.process),
        case.state + (", late" if case.late else ""),
        style.clock(case.started_at, now),
        _due(case, now),
        _over(case, now, style),
    ]


def _due(case: CaseInfo, now: datetime) -> str:
    if case.due_at is None or case.state != "open":
        return ""
    if case.late:
        return f"{between(case.due_at, now)} ago"
    return f"in {between(now, case.due_at)}"


def _over(case: CaseInfo, now: datetime, style: Style) -> str:
    if case.ended_at is None or case.end is None:
        return ""
    took = between(case.started_at, case.ended_at)
    return f"{printable(case.end)} {style.clock(case.ended_at, now)}, after {took}"


def render_case(story: CaseStory, now: datetime, style: Style, *, option: str = "") -> str:
    """Write a case with its events, what came of each, its runs and its dead letters.

    ``option`` is put behind each command that is proposed.
    """
    case = story.case
    state = case.state + (", late" if case.late else "")
    head = [style.paint(printable(case.id), "bold"), printable(case.process), state]
    lines = ["  ".join(head), f"  {style.paint(_about(story, now, style), 'dim')}"]
    for event in story.events:
        lines.append(_event_line(event, now, style))
        lines += [_reaction_line(one, style) for one in story.reactions.get(event.number, ())]
    if story.partial:
        lines.append("  there are more events than these")
    if story.stamp is not None:
        lines += stamp_lines(story.stamp, style)
    if story.untold:
        lines.append(f"  {story.untold}")
    lines += [
        f"  run {printable(run.id)}  {printable(run.workflow)}  {run.status}"
        + (f" ({printable(run.reason)})" if run.reason else "")
        for run in story.runs
    ]
    open_ = [letter for letter in story.dead_letters if letter.state in ("open", "redriving")]
    lines += [
        f"  {style.paint(style.symbol('✗'), 'red')} dead letter {one.number} of "
        f"{printable(f'{one.service}.{one.handler}')}: {printable(one.error)}"
        for one in open_
    ]
    following = [f"dalsegno dead-letters show {one.number}" for one in open_[:3]]
    following += [f"dalsegno events list --case {printable(case.id)}"] if story.untold else []
    following += [f"dalsegno where {printable(case.id)}"] if case.state == "open" else []
    if following:
        between_them = f" {style.symbol('·')} "
        lines.append(
            f"  {style.paint('next:', 'bold')} {between_them.join(each + option for each in following)}"
        )
    return "\n".join(lines)


def _about(story: CaseStory, now: datetime, style: Style) -> str:
    case = story.case
    told = [f"began {style.clock(case.started_at, now)}"]
    told += [f"key {printable(case.key)}"] if case.key else []
    for name, values in story.keys.items():
        told.append(f"{printable(name)} {', '.join(map(printable, values))}")
    told += [f"was {', '.join(map(printable, story.names))} too"] if story.names else []
    if due := _due(case, now):
        told.append(f"due {due}")
    if over := _over(case, now, style):
        told.append(over)
    return f" {style.symbol('·')} ".join(told)


def _event_line(event: EventInfo, now: datetime, style: Style) -> str:
    led = f"  led to by {event.cause}" if event.cause is not None else ""
    at = style.clock(event.at, now)
    stamp = "" if event.stamp is None else f"  stamp {event.stamp.bytes:,} bytes"
    return f"  {event.number}  {style.paint(printable(event.type), 'bold')}  {at}{led}{stamp}"


def _reaction_line(one: ReactionInfo, style: Style) -> str:
    name = printable(f"{one.service}.{one.handler}")
    if one.run is None:
        return f"      {style.symbol('✓' if one.outcome == 'done' else '·')} {name}  {one.outcome}"
    reason = f" ({printable(one.reason)})" if one.reason else ""
    symbol = {"completed": "✓", "failed": "✗", "cancelled": "✗"}.get(one.status or "", "·")
    return f"      {style.symbol(symbol)} {name}  run {printable(one.run)} {one.status}{reason}"
