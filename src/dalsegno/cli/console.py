"""What a command prints, and how: data to stdout, talk to stderr, colours only where they are welcome."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC
from typing import TextIO

import click

from dalsegno.insight.paint import Style


def put(text: str) -> None:
    """Print data."""
    if text:
        click.echo(_encodable(text, sys.stdout), color=True)


def say(text: str) -> None:
    """Say something to the person at the terminal."""
    click.echo(_encodable(text, sys.stderr), err=True)


def style(*, utc: bool) -> Style:
    """Choose how text on stdout is to look."""
    return Style(
        colour=coloured(sys.stdout),
        zone=UTC if utc else None,
        symbols=_speaks(sys.stdout, "✓✗·…"),
    )


def coloured(stream: TextIO) -> bool:
    """Whether colours are welcome: NO_COLOR and FORCE_COLOR decide, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def busy(text: str) -> Iterator[None]:
    """Show on a terminal that something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True, no_color=not coloured(sys.stderr)).status(text):
        yield


def _speaks(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str, stream: TextIO) -> str:
    if _speaks(stream, text):
        return text
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
