"""Alerts as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dalsegno.core.alerts import AlertRow
from dalsegno.core.clock import to_datetime
from dalsegno.insight.alerts.checks import Holding
from dalsegno.insight.alerts.rules import Alert
from dalsegno.insight.paint import Style, between, columns, pad, printable


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """An alert in a list. ``told`` is nothing, began or ended."""

    number: int
    rule: str
    subject: str
    text: str
    value: float
    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    told: str


def listed(row: AlertRow) -> ListedAlert:
    """Show an alert as the store has it."""
    return ListedAlert(
        row.number,
        row.rule,
        row.subject,
        row.text,
        row.value,
        to_datetime(row.began_at),
        to_datetime(row.seen_at),
        None if row.ended_at is None else to_datetime(row.ended_at),
        row.told.name.lower(),
    )


def render_alerts(alerts: Sequence[ListedAlert], now: datetime, style: Style) -> str:
    """Write a list of alerts as columns under a heading; nothing for none."""
    if not alerts:
        return ""
    rows = [["ALERT", "RULE", "OF", "SINCE", "LASTED", "TOLD", "WHAT"]]
    rows += [_row(alert, now, style) for alert in alerts]
    heading, *padded = columns(rows)
    lines = [style.paint("  ".join(heading).rstrip(), "dim")]
    for cells, alert in zip(padded, alerts, strict=True):
        cells[1] = style.paint(cells[1], "red" if alert.ended_at is None else "dim")
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(alert: ListedAlert, now: datetime, style: Style) -> list[str]:
    return [
        str(alert.number),
        printable(alert.rule),
        printable(alert.subject),
        style.clock(alert.began_at, now),
        between(alert.began_at, alert.ended_at or now),
        alert.told,
        printable(alert.text),
    ]


def render_checks(found: Sequence[tuple[Alert, list[Holding]]], style: Style) -> str:
    """Write which rules hold, of what, and the command that tells more."""
    names = max(len(rule.name) for rule, _ in found)
    lines = []
    for rule, holding in found:
        name = pad(printable(rule.name), names)
        if not holding:
            lines.append(f"{style.paint(style.symbol('✓'), 'green')} {name}")
        for one in holding:
            text = f"{printable(one.subject)}: {printable(one.text)}"
            lines.append(f"{style.paint(style.symbol('✗'), 'red')} {name}  {text}")
            if one.next:
                lines.append(f"  {' ' * names}  {style.paint(printable(one.next), 'dim')}")
    return "\n".join(lines)
