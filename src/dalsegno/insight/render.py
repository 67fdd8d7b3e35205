"""How the read side looks: as text for people, as JSON for programs. No I/O, no clock.

The JSON has the fields of the dataclasses, by their names; moments are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dalsegno.client.standing import (
    Awaited,
    Doing,
    Kept,
    Mark,
    Reason,
    Standing,
    without_module,
)
from dalsegno.client.whereabouts import Where
from dalsegno.insight.follow import Change
from dalsegno.insight.paint import STATUS_COLOURS, Style, between, brief, pad, printable, width
from dalsegno.insight.reacts import event_names
from dalsegno.insight.render_case import render_case, render_short

NAME_COLUMN = 32  # the widest that names may make their column
_QUIET = {Reason.COMPLETED, Reason.FAILED, Reason.CANCELLED}
OUTCOMES = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "cancelled": ("✗", "dim"),
    "open": ("·", "yellow"),
}


def to_json(value: Any, *, indent: int = 2) -> str:
    """Write one document; ``indent=0`` on one line."""
    data = msgspec.json.encode(value)
    return (msgspec.json.format(data, indent=indent) if indent else data).decode()


# -- where


def render_where(
    where: Where, style: Style, *, option: str = "", full: bool = False, short: bool = False
) -> str:
    """Write an answer of ``where``; ``option`` is put behind each command that it proposes."""
    if where.case is not None:
        return (
            render_short(where.case, style)
            if short
            else render_case(where.case, style, option=option, full=full)
        )
    if short:
        return "\n".join(_headline(run, style) for run in where.runs)
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
    names = min(NAME_COLUMN, max((width(row[2]) for row in rows), default=0))
    lines = [_headline(run, style)]
    about = _about(run, style)
    if about:
        lines.append(f"  {style.paint(about, 'dim')}")
    if run.earlier:
        lines.append(
            f"  {style.symbol('…')} {run.earlier} earlier: dalsegno runs show {printable(run.id)}{option}"
        )
    for symbol, colour, name, text in rows:
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {pad(name, names)}  {text}".rstrip())
    if run.next:
        commands = f" {style.symbol('·')} ".join(
            printable(f"{command}{_with(command, option)}") for command in run.next
        )
        lines.append(f"  {style.paint('next:', 'bold')} {commands}")
    return "\n".join(lines)


def _with(command: str, option: str) -> str:
    return option if command.startswith("dalsegno") else ""


def _headline(run: Standing, style: Style) -> str:
    status = (
        run.status
        if run.reason is None or run.reason.startswith("parked")
        else f"{run.status} ({run.reason})"
    )
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
    if run.status == "waiting" and run.line:
        said.append(f"at {printable(run.line)}")
    return f" {style.symbol('·')} ".join(said)


Row = tuple[str, str, str, str]


def _mark_row(mark: Mark, run: Standing, style: Style) -> Row:
    symbol, colour = OUTCOMES[mark.outcome]
    return symbol, colour, named(mark), f"{style.clock(mark.at, run.at)}  {mark_text(mark)}".rstrip()


def mark_text(mark: Mark) -> str:
    """Say in words what a mark adds to its name and time."""
    said = [f"undoes {printable(mark.undoes)}"] if mark.undoes else []
    match mark.kind:
        case "signal":
            said.append(_signal_text(mark))
        case "child":
            said.append(f"child run {printable(mark.source)}")
        case "detached":
            said.append(f"child run {printable(mark.source)} began, detached")
        case "timer":
            said.append("fired")
        case "cancel":
            said.append(f"asked for by {printable(mark.source)}" if mark.source else "asked for")
        case "answer":
            said.append(_answer_text(mark))
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
    text = ", ".join(part for part in said if part)
    return f"{text}{': ' if text else ''}{brief(mark.error)}" if mark.error else text


def _answer_text(mark: Mark) -> str:
    by = f", says {printable(mark.source)}" if mark.source else ""
    return f"{printable(mark.said) if mark.said else 'to be tried again'}{by}"


def _signal_text(mark: Mark) -> str:
    by = f"from {printable(mark.source)}" if mark.source else ""
    return by if mark.name.startswith("event ") else f"signal {by}".rstrip()


def _doing_row(doing: Doing, run: Standing) -> Row:
    text = f"running for {between(doing.began_at, run.at)}{doing.ordinal}"
    return "·", "cyan", printable(doing.step), text


def _await_row(wait: Awaited, run: Standing, style: Style) -> Row:
    since = f"since {style.clock(wait.since, run.at)} ({between(wait.since, run.at)})"
    name = printable(wait.name)
    match wait.kind:
        case "signal":
            what = "event" if event_names([wait]) else "signal"
            return "·", "yellow", name, f"waits for this {what} {since}"
        case "pressure":
            return "·", "yellow", name, f"waits for a service that is too far behind {since}"
        case "held":
            return "·", "yellow", "held back", f"goes on {_due(wait, run, style)}"
        case "timer":
            return "·", "yellow", name, f"fires {_due(wait, run, style)}"
        case "retry":
            text = f"attempt {wait.attempt}{f' of {wait.of}' if wait.of else ''} {_due(wait, run, style)}"
            told = any(mark.kind == "attempt" and mark.op == wait.op for mark in run.trail)
            error = "" if told or not wait.detail else f": {brief(without_module(wait.detail))}"
            return "·", "yellow", name, f"{text}{error}"
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


def named(mark: Mark) -> str:
    """Name a mark: by its step, signal or child, else by what it is."""
    return printable(mark.name) or mark.kind


# -- what happens


def render_news(news: Mark | Change, style: Style) -> str:
    """Write one line of a run that is watched."""
    at = style.clock(news.at, news.at)
    if isinstance(news, Change):
        status = style.paint(news.status, STATUS_COLOURS[news.status])
        reason = f" ({news.reason})" if news.reason else ""
        error = f": {brief(news.error.brief)}" if news.error else ""
        return f"{at}  {status}{reason}{error}"
    symbol, colour = OUTCOMES[news.outcome]
    return f"{at}  {style.paint(style.symbol(symbol), colour)} {named(news)}  {mark_text(news)}".rstrip()
