"""Waiting for something that has a name, and saying which it was when it does not come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], what: str, *, within: float = 10.0) -> T:
    """Look again and again until there is something to be seen, and return it."""
    ends = time.monotonic() + within
    never = threading.Event()
    while not (seen := look()):
        if time.monotonic() > ends:
            raise AssertionError(f"not within {within:g} s: {what}")
        never.wait(0.01)
    return seen
