"""How what there is looks as text: lists of runs, one run in full, and the findings of ``doctor``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dalsegno.insight.health import Health
from dalsegno.insight.journal import Journal
from dalsegno.insight.listing import Listed, Page
from dalsegno.insight.paint import STATUS_COLOURS, Style, between, brief, columns, pad, printable, width
from dalsegno.insight.render import NAME_COLUMN, OUTCOMES, mark_text, named, to_json

_LEVELS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "red")}

# -- lists


def render_page(page: Page, style: Style) -> str:
    """Write a list of runs as columns under a heading; nothing for none."""
    if not page.runs:
        return ""
    rows = [["RUN", "WORKFLOW", "STATUS", "SINCE", "STARTED", "REASON"]]
    rows += [_list_row(run, page.at, style) for run in page.runs]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    for cells, run in zip(padded, page.runs, strict=True):
        cells[2] = style.paint(cells[2], STATUS_COLOURS[run.status])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _list_row(run: Listed, now: datetime, style: Style) -> list[str]:
    workflow = printable(f"{run.workflow} v{run.version}")
    since, started = between(run.changed_at, now), style.clock(run.created_at, now)
    return [printable(run.id), workflow, run.status, since, started, run.reason or ""]


def render_counts(counts: dict[str, int]) -> str:
    """Write how many runs are in which status, leaving out the empty ones."""
    told = [f"{count:,} {status}" for status, count in counts.items() if count]
    return ", ".join(told) or "no runs"


# -- one run in full


def render_journal(journal: Journal, style: Style, *, full: bool = False) -> str:
    """Write all of a run; values are cut to a line unless ``full``."""
    run = journal.run
    now = run.changed_at
    status = style.paint(run.status, STATUS_COLOURS[run.status]) + (f" ({run.reason})" if run.reason else "")
    name = style.paint(printable(run.id), "bold")
    lines = [
        f"{name}  {printable(run.workflow)} v{printable(run.version)}  {status}",
        f"  started  {style.clock(run.created_at, now)}  on Python {journal.python}",
        f"  input    {_value(journal.input, full=full)}",
    ]
    names = max((width(named(line.mark)) for line in journal.entries), default=0)
    for line in journal.entries:
        mark = line.mark
        symbol, colour = OUTCOMES[mark.outcome]
        shown = None if line.value is None else _value(line.value, full=full)
        said = "  ".join(part for part in (mark_text(mark), shown) if part and part != "null")
        name = pad(named(mark), min(names, NAME_COLUMN))
        text = f"{mark.position:>4} {style.clock(mark.at, now)}  {name}  {said}"
        lines.append(f"  {style.paint(style.symbol(symbol), colour)} {text}".rstrip())
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


# -- health


def render_health(health: Health, style: Style) -> str:
    """Write what ``doctor`` found, one finding a line, and below each what to do."""
    lines = []
    for finding in health.findings:
        symbol, colour = _LEVELS[finding.level]
        lines.append(
            f"{style.paint(style.symbol(symbol), colour)} {pad(finding.what, 8)} {printable(finding.text)}"
        )
        if finding.mend:
            lines.append(f"  {' ' * 8} {style.paint(printable(finding.mend), 'dim')}")
    return "\n".join(lines)
