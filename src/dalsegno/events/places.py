"""Where a declaration stands in its author's files, and what was in sight there."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any


def caller_place(depth: int) -> str:
    """Name the file and line of the caller that is ``depth`` frames above the function that asks."""
    frame = sys._getframe(depth + 1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def in_sight(depth: int) -> Mapping[str, Any]:
    """Return the local names of that caller; none where they are a module's, which a function knows itself."""
    frame = sys._getframe(depth + 1)
    return {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)


def place_of(function: Any) -> str:
    """Name the file and line of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)
