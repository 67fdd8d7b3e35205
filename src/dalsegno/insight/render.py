"""How the read side looks: as text for people, as JSON for programs. No I/O, no clock.

The JSON has the fields of the dataclasses, by their names; moments are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dalsegno.insight.follow import Change
from dalsegno.insight.health import Health
from dalsegno.insight.journal import Journal
from dalsegno.insight.listing import Page
from dalsegno.insight.paint import STATUS_COLOURS, Style, between, brief, columns, pad, printable, width
from dalsegno.insight.standing import Awaited, Doing, Kept, Mark, Reason, Standing, Where

_NAME_COLUMN = 32  # the widest that names may make their column
_QUIET = {Reason.COMPLETED, Reason.FAILED, Reason.CANCELLED}
_OUTCOMES = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "cancelled": ("✗", "dim"),
    "open": ("·", "yellow"),
}
_LEVELS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "red")}


def to_json(value: Any, *, indent: int = 2) -> str:
    """Write one document; ``indent=0`` on one line."""
    data = msgspec.json.encode(value)
    return (msgspec.json.format(data, indent=indent) if indent else data).decode()


# -- where


def render_where(where: Where, style: Style, *, option: str = "") -> str:
    """Write an answer of ``where``; ``option`` is put behind each command that it proposes."""
    parts = [_standing(run, style, option) for run in where.runs]
    if where.found_by == "case":
        count = "1 run" if len(parts) == 1 else f"{len(parts)} runs"
        parts.insert(0, f"case {printable(where.asked)}: {count}")
    return "\n\n".join(parts)


def _standing(run: Standing, style: Style, option: str) -> str:
    rows = [
        *(_mark_row(mark, run, style) for mark in run.trail),
        *(_doing_row(doing, run) for doing in run.doing),
        *(_await_row(wait, run, style) for wait in run.waits),
        *(_kept_row(kept, run, style) for kept in run.kept if not run.ended_at),
    ]
    names = min(_NAME_COLUMN, max((width(row[2]) for row in rows), default=0))
    lines = [_headline(run, style)]
    about = _about(run, style)
    if about:
        lines.append(f"  {style.paint(about, 'dim')}")
    if run.earlier:
        lines.append(f"  {style.symbol('…')} {run.earlier} earlier: dalsegno runs show {printable(run.id)}{option}")
    for symbol, colour, name, text in rows:
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {pad(name, names)}  {text}".rstrip())
    if run.next:
        commands = " · ".join(printable(f"{command}{_with(command, option)}") for command in run.next)
        lines.append(f"  {style.paint('next:', 'bold')} {commands}")
    return "\n".join(lines)


def _with(command: str, option: str) -> str:
    return option if command.startswith("dalsegno") else ""


def _headline(run: Standing, style: Style) -> str:
    status = run.status if run.reason is None or run.reason.startswith("parked") else f"{run.status} ({run.reason})"
    ago = between(run.since, run.at)
    lasted = f"{ago} ago" if run.ended_at else ago
    head = f"{style.paint(printable(run.id), 'bold')}  {printable(run.workflow)} v{printable(run.version)}"
    head += f"  {style.paint(status, STATUS_COLOURS[run.status])} {lasted}"
    if run.why.kind is Reason.FAILED and run.error is not None:
        return f"{head}: {brief(run.error.brief)}"
    return head if run.why.kind in _QUIET else f"{head}: {brief(run.why.text, 400)}"


def _about(run: Standing, style: Style) -> str:
    said = []
    if run.case_id:
        said.append(f"case {printable(run.case_id)}")
    if run.parent:
        said.append(f"child of {printable(run.parent)}")
    if run.to_undo:
        said.append(f"{run.undone} of {run.to_undo} undone")
    if run.crashes:
        said.append(f"its worker died {run.crashes} time{'s' if run.crashes > 1 else ''} without progress")
    if run.waits and run.line:
        said.append(f"at {printable(run.line)}")
    return f" {style.symbol('·')} ".join(said)


Row = tuple[str, str, str, str]


def _mark_row(mark: Mark, run: Standing, style: Style) -> Row:
    symbol, colour = _OUTCOMES[mark.outcome]
    name = printable(mark.name) or {"timer": "timer", "cancel": "cancel"}.get(mark.kind, mark.kind)
    return symbol, colour, name, f"{style.clock(mark.at, run.at)}  {mark_text(mark)}".rstrip()


def mark_text(mark: Mark) -> str:
    """Say in words what a mark adds to its name and time."""
    said = [f"undoes {printable(mark.undoes)}"] if mark.undoes else []
    match mark.kind:
        case "signal":
            said.append(f"signal from {printable(mark.source)}" if mark.source else "signal")
        case "child":
            said.append(f"child run {printable(mark.source)}" if mark.source else "child run, detached")
        case "timer":
            said.append("fired")
        case "cancel":
            said.append(f"asked for by {printable(mark.source)}" if mark.source else "asked for")
        case "answer":
            said.append(f"to be tried again, says {printable(mark.source)}" if mark.source else "to be tried again")
        case "intent":
            said.append(f"attempt {mark.attempt} is about to begin, and may have")
        case "attempt":
            said.append(f"attempt {mark.attempt} failed")
        case _ if mark.attempt > 1:
            said.append(f"attempt {mark.attempt}")
    if mark.outcome == "unknown":
        said.append("whether it happened is not known")
    elif mark.outcome == "cancelled" and mark.kind != "cancel":
        said.append("cancelled")
    text = ", ".join(said)
    return f"{text}{': ' if text else ''}{brief(mark.error)}" if mark.error else text


def _doing_row(doing: Doing, run: Standing) -> Row:
    of = f" of {doing.of}" if doing.of else ""
    return "·", "cyan", printable(doing.step), f"running for {between(doing.began_at, run.at)}, attempt {doing.attempt}{of}"


def _await_row(wait: Awaited, run: Standing, style: Style) -> Row:
    since = f"since {style.clock(wait.since, run.at)} ({between(wait.since, run.at)})"
    name = printable(wait.name)
    match wait.kind:
        case "signal":
            return "·", "yellow", name, f"waits for this signal {since}"
        case "timer":
            return "·", "yellow", name, f"fires {_due(wait, run, style)}"
        case "retry":
            of = f" of {wait.of}" if wait.of else ""
            text = f"attempt {wait.attempt}{of} {_due(wait, run, style)}"
            return "✗", "yellow", name, f"{text}: {brief(wait.detail)}" if wait.detail else text
        case "child":
            text = f"child run {printable(wait.detail)} {since}"
            return "·", "yellow", name, f"{text}: {brief(wait.run.why.text)}" if wait.run else text
        case _:
            return "✗", "red", name, f"waits for a person {since}"


def _due(wait: Awaited, run: Standing, style: Style) -> str:
    if wait.due_at is None:
        return "as soon as it may"
    at = style.clock(wait.due_at, run.at)
    if wait.due_at > run.at:
        return f"at {at} (in {between(run.at, wait.due_at)})"
    return f"was due at {at} ({between(wait.due_at, run.at)} ago)"


def _kept_row(kept: Kept, run: Standing, style: Style) -> Row:
    by = f" from {printable(kept.source)}" if kept.source else ""
    text = f"{style.clock(kept.accepted_at, run.at)}  {kept.kind}{by}, not taken yet"
    return "·", "blue", printable(kept.name) or kept.kind, text


# -- lists


def render_page(page: Page, style: Style) -> str:
    """Write a list of runs as columns under a heading; nothing for none."""
    if not page.runs:
        return ""
    rows = [["RUN", "WORKFLOW", "STATUS", "SINCE", "STARTED", "REASON"]]
    for run in page.runs:
        rows.append(
            [
                printable(run.id),
                printable(f"{run.workflow} v{run.version}"),
                run.status,
                between(run.changed_at, page.at),
                style.clock(run.created_at, page.at),
                run.reason or "",
            ]
        )
    lines = []
    for number, cells in enumerate(columns(rows)):
        if number == 0:
            cells = [style.paint(cell, "dim") for cell in cells]
        else:
            cells[2] = style.paint(cells[2], STATUS_COLOURS[page.runs[number - 1].status])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def render_counts(counts: dict[str, int]) -> str:
    """Write how many runs are in which status, leaving out the empty ones."""
    told = [f"{count:,} {status}" for status, count in counts.items() if count]
    return ", ".join(told) or "no runs"


# -- one run in full


def render_journal(journal: Journal, style: Style, *, full: bool = False) -> str:
    """Write all of a run; values are cut to a line unless ``full``."""
    run = journal.run
    now = run.changed_at
    lines = [
        f"{style.paint(printable(run.id), 'bold')}  {printable(run.workflow)} v{printable(run.version)}  "
        f"{style.paint(run.status, STATUS_COLOURS[run.status])}{f' ({run.reason})' if run.reason else ''}",
        f"  started  {style.clock(run.created_at, now)}  on Python {journal.python}",
        f"  input    {_value(journal.input, full=full)}",
    ]
    for line in journal.entries:
        mark = line.mark
        symbol, colour = _OUTCOMES[mark.outcome]
        text = mark_text(mark)
        value = "" if line.value is None else f"  {_value(line.value, full=full)}"
        name = f"{mark.position:>4} {style.clock(mark.at, now)}  {printable(mark.name) or mark.kind}"
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {name}  {text}{value}".rstrip())
    if journal.output is not None:
        lines.append(f"  result   {_value(journal.output, full=full)}")
    if journal.error is not None:
        lines.append(f"  error    {style.paint(brief(journal.error.brief, 400), 'red')}")
        trace = journal.error.traceback.rstrip().splitlines()
        lines += [f"    {printable(line)}" for line in (trace if full else trace[-6:])]
    return "\n".join(lines)


def _value(value: Any, *, full: bool) -> str:
    text = printable(to_json(value, indent=0))
    return text if full or len(text) <= 120 else f"{text[:120]}…"


# -- what happens


def render_news(news: Mark | Change, style: Style) -> str:
    """Write one line of a run that is watched."""
    at = style.clock(news.at, news.at)
    if isinstance(news, Change):
        status = style.paint(news.status, STATUS_COLOURS[news.status])
        reason = f" ({news.reason})" if news.reason else ""
        error = f": {brief(news.error.brief)}" if news.error else ""
        return f"{at}  {status}{reason}{error}"
    symbol, colour = _OUTCOMES[news.outcome]
    name = printable(news.name) or news.kind
    return f"{at}  {style.paint(style.symbol(symbol), colour)} {name}  {mark_text(news)}".rstrip()


# -- health


def render_health(health: Health, style: Style) -> str:
    """Write what ``doctor`` found, one finding a line, and below each what to do."""
    lines = []
    for finding in health.findings:
        symbol, colour = _LEVELS[finding.level]
        lines.append(f"{style.paint(style.symbol(symbol), colour)} {pad(finding.what, 8)} {printable(finding.text)}")
        if finding.mend:
            lines.append(f"  {' ' * 8} {style.paint(printable(finding.mend), 'dim')}")
    return "\n".join(lines)
