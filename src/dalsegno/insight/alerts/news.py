"""What is told of an alert: to functions as a value, to webhooks and on the log as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dalsegno.core.alerts import AlertRow, Told
from dalsegno.core.clock import to_datetime


@dataclass(frozen=True, slots=True)
class News:
    """An alert began, or it ended: then ``ended_at`` is set.

    ``id`` is the same however often this is told, and different for beginning and end. ``subject`` is
    the workflow or service that it is about, ``text`` and ``value`` what was seen of it last.
    """

    id: str
    rule: str
    on: str
    subject: str
    state: str
    text: str
    value: float
    began_at: datetime
    ended_at: datetime | None


def news_of(row: AlertRow, on: str, told: Told) -> News:
    """Say that an alert began, or that it ended."""
    state, ended = told.name.lower(), row.ended_at if told is Told.ENDED else None
    return News(
        id=f"{row.namespace}/alert-{row.number}/{state}",
        rule=row.rule,
        on=on,
        subject=row.subject,
        state=state,
        text=row.text,
        value=row.value,
        began_at=to_datetime(row.began_at),
        ended_at=None if ended is None else to_datetime(ended),
    )
