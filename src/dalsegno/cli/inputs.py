"""Values as people give them on a command line: JSON, a file of it (@file), or standard input (-)."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec


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


def _bytes(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        return Path(text[1:]).read_bytes()
    return text.encode("utf-8", "surrogateescape")
