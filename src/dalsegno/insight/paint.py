"""Text for a terminal: colours if wanted, columns, times, and nothing in it that could steer the terminal.

Ids, names and messages are other people's text. Whatever in them is not plainly printable is shown as
an escape, so that a run's error cannot move the cursor or hide a line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from dalsegno.core.durations import text as length

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2", "bold": "1"}
_PLAIN = {"✓": "+", "✗": "x", "·": "-", "…": "...", "↺": "<"}

STATUS_COLOURS = {
    "pending": "blue",
    "running": "cyan",
    "waiting": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How text is to look: in colour or not, times in a zone (None: this machine's), symbols or ASCII."""

    colour: bool = False
    zone: tzinfo | None = None
    symbols: bool = True

    def paint(self, text: str, colour: str) -> str:
        """Colour a text; ``colour`` may be empty."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colour and colour and text else text

    def symbol(self, symbol: str) -> str:
        """Give a symbol, or what stands for it where only ASCII can be shown."""
        return symbol if self.symbols else _PLAIN.get(symbol, "?")

    def clock(self, at: datetime, now: datetime) -> str:
        """Show a moment: the time alone where it is of the same day as ``now``."""
        here, today = at.astimezone(self.zone), now.astimezone(self.zone)
        return here.strftime("%H:%M:%S" if here.date() == today.date() else "%Y-%m-%d %H:%M:%S")


def between(earlier: datetime, later: datetime) -> str:
    """Show the time from one moment to another, shortly; nothing is shown as negative."""
    seconds = (later - earlier).total_seconds()
    return length(max(0, int(seconds * 1_000_000)))


def printable(text: str) -> str:
    """Escape what is not plainly printable: control characters, line breaks, changes of direction."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def brief(text: str, limit: int = 160) -> str:
    """Give a text's first line, cut to a length that a line bears."""
    first, _, rest = text.strip().partition("\n")
    shown = printable(first[: limit + 1])
    return f"{shown[:limit]}…" if rest or len(shown) > limit else shown


def width(text: str) -> int:
    """Count the columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, columns: int) -> str:
    """Fill a text up with blanks."""
    return text + " " * max(0, columns - width(text))


def columns(rows: Sequence[Sequence[str]], *, most: int = 60) -> list[list[str]]:
    """Pad the cells of rows, so that they stand in columns; the last column is left as it is."""
    if not rows:
        return []
    widths = [min(most, max(width(row[n]) for row in rows)) for n in range(len(rows[0]))]
    return [[*(pad(cell, widths[n]) for n, cell in enumerate(row[:-1])), row[-1]] for row in rows]


def _escape(char: str) -> str:
    code = ord(char)
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )
