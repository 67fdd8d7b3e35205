"""What was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``level`` is ok, note or bad; ``mend`` says what to do."""

    what: str
    level: str
    text: str
    mend: str = ""
