"""Lengths of time as people write them ("30s", "1h30m", 90, timedelta), and as the store keeps them.

Inside the library a duration is a whole number of microseconds, never negative, never longer than
a thousand years: so any moment plus any duration is still a date that Python can show.
"""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, TypeAlias

from dalsegno.core.clock import DAY, HOUR, MILLISECOND, MINUTE, SECOND, WEEK
from dalsegno.errors import InvalidDuration

Duration: TypeAlias = str | timedelta | int | float
"""Text such as "2d" or "1h30m", a ``timedelta``, or a number of seconds."""

MAX = 365_250 * DAY
"""A thousand years: the longest duration that is accepted."""

_UNITS = {"w": WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND, "us": 1}
# Digits are counted, since Python refuses to read very long numbers and we would rather say why.
_PART = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*(us|ms|[wdhms])(?![a-z])\s*")
_MEND = 'Write a number of seconds, a timedelta, or text such as "30s", "1h30m", "2d" (w d h m s ms us).'


def microseconds(value: Duration, *, what: str = "duration") -> int:
    """Turn a duration, in any of its forms, into microseconds.

    Zero is a duration. What lies between two microseconds is rounded up, so that no timer fires
    early. Raises InvalidDuration, naming ``what``, for anything else than 0 to ``MAX``.
    """
    exact = _exact(value, what)
    if exact < 0:
        raise _refusal(value, what, "is negative")
    if exact > MAX:
        raise _refusal(value, what, "is longer than 1,000 years")
    return math.ceil(exact)


def text(us: int) -> str:
    """Show a duration shortly, in its two leading units, rounded down: "2d 4h", "12m08s", "250ms"."""
    if us < 0:
        return f"-{text(-us)}"
    if us >= DAY:
        return _pair(us // DAY, "d", us % DAY // HOUR, "h")
    if us >= HOUR:
        return _pair(us // HOUR, "h", us % HOUR // MINUTE, "m")
    if us >= MINUTE:
        minutes, seconds = us // MINUTE, us % MINUTE // SECOND
        return f"{minutes}m{seconds:02}s" if seconds else f"{minutes}m"
    if us >= SECOND:
        seconds, tenths = us // SECOND, us % SECOND // (100 * MILLISECOND)
        return f"{seconds}.{tenths}s" if tenths and seconds < 10 else f"{seconds}s"
    if us >= MILLISECOND:
        return f"{us // MILLISECOND}ms"
    return f"{us}us" if us else "0s"


def _pair(large: int, unit: str, small: int, subunit: str) -> str:
    return f"{large}{unit} {small}{subunit}" if small else f"{large}{unit}"


def _exact(value: object, what: str) -> Fraction:
    match value:
        case bool():
            raise _refusal(value, what, "is a bool")
        case str():
            return _parsed(value, what)
        case timedelta():
            return Fraction(value // timedelta(microseconds=1))
        case int():
            return Fraction(value) * SECOND
        case float() if not math.isfinite(value):
            raise _refusal(value, what, "is no finite number")
        case float():
            # By way of its shortest text, 1.1 means 1.1 and not 1.100000000000000088.
            return Fraction(float.__repr__(value)) * SECOND
        case date():  # a datetime is one, too
            raise _refusal(value, what, "is a moment, not a length of time")
        case _:
            raise _refusal(value, what, f"is of type {type(value).__qualname__}")


def _parsed(value: str, what: str) -> Fraction:
    total, end = Fraction(0), 0
    units: set[str] = set()
    while part := _PART.match(value, end):
        number, unit = part.groups()
        if unit in units:
            raise _refusal(value, what, f"names the unit {unit!r} twice")
        units.add(unit)
        total += Fraction(number) * _UNITS[unit]
        end = part.end()
    if end < len(value) or not units:
        raise _refusal(value, what, _why_unreadable(value[end:]))
    return total


def _why_unreadable(rest: str) -> str:
    if not rest.strip():
        return "is empty"
    if re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", rest):
        return "has a number without a unit"
    if rest.lstrip().startswith("-"):
        return "is negative"
    return f"cannot be read from {_short(rest)} on"


def _refusal(value: Any, what: str, why: str) -> InvalidDuration:
    return InvalidDuration(
        f"The {what} {_short(value)} {why}.",
        "It must be a length of time from 0 to 1,000 years.",
        _MEND,
        value=value,
    )


def _short(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 10**40:  # Python refuses to print very long numbers
        return f"of about 2^{value.bit_length()}"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
