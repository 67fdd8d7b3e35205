"""Whose code it was: the frame of a user's program behind frames of ours and of the standard library."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from types import FrameType
from typing import Any

_LIBRARY = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")


def globals_of_caller(depth: int) -> Mapping[str, Any]:
    """Return the globals of the function that called, ``depth`` frames up from here."""
    return sys._getframe(depth).f_globals


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is one of dalsegno's own."""
    name = str(frame.f_globals.get("__name__", ""))
    return name == "dalsegno" or name.startswith("dalsegno.")


def is_library(frame: FrameType) -> bool:
    """Whether a frame is one of the standard library's."""
    file = frame.f_code.co_filename
    return file.startswith("<frozen") or (
        file.startswith(_LIBRARY) and not any(part in file for part in _INSTALLED)
    )


def user_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame of a user's own code; of an installed package only where there is no other."""
    installed = None
    while frame is not None:
        if not is_ours(frame) and not is_library(frame):
            if not any(part in frame.f_code.co_filename for part in _INSTALLED):
                return frame
            installed = installed or frame
        frame = frame.f_back
    return installed


def line_of(frame: FrameType | None) -> str:
    """Name a frame's file and line; empty without a frame."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
