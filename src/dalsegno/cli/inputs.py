"""Values as people give them on a command line: JSON, a file of it (@file), or standard input (-)."""

from __future__ import annotations

import getpass
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from dalsegno.core.clock import SystemClock, to_datetime
from dalsegno.core.durations import microseconds
from dalsegno.errors import InvalidInput


def read_json(text: str | None, what: str) -> bytes:
    """Return the JSON that an argument stands for; nothing given is ``null``."""
    if text is None:
        return b"null"
    try:
        data = _bytes(text)
    except OSError as error:
        raise click.UsageError(f"The {what} {text} cannot be read: {error.strerror}.") from error
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = " Text must be quoted twice: '\"like this\"'." if text[:1].isalpha() else ""
        raise click.UsageError(f"The {what} is no JSON: {error}.{hint}") from error
    return data


def read_moment(text: str | None, what: str) -> datetime | None:
    """Return the moment that an argument stands for: a time, or how long ago ("10m").

    A time without a zone is this machine's.
    """
    if text is None:
        return None
    now = SystemClock().now()
    try:
        return to_datetime(now - microseconds(text))
    except InvalidInput:
        pass
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"The {what} {text!r} is no time: write 2026-11-21T14:00, or how long ago, such as 10m or 2d."
        ) from error


def whoami() -> str:
    """Name who is at the terminal, if it can be told."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return ""


def by_option(function: Any) -> Any:
    """Add ``--by``: who says so goes on record."""
    option = click.option(
        "--by", default=whoami, show_default="your login", help="Who says so, for the record."
    )
    return option(function)


def _bytes(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        return Path(text[1:]).read_bytes()
    return text.encode("utf-8", "surrogateescape")
