"""Whose code it was: the frame, or the line, of a user's program among those of ours and of libraries."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import dalsegno

_LIBRARY = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
_OURS = str(Path(dalsegno.__file__).parent)
_LINE = re.compile(r'^  File "(.+)", line (\d+), in ', re.MULTILINE)


def globals_of_caller(depth: int) -> Mapping[str, Any]:
    """Return the globals of the function that called, ``depth`` frames up from here."""
    return sys._getframe(depth).f_globals


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is one of dalsegno's own."""
    name = str(frame.f_globals.get("__name__", ""))
    return name == "dalsegno" or name.startswith("dalsegno.")


def is_library(frame: FrameType) -> bool:
    """Whether a frame is one of the standard library's."""
    return _of_library(frame.f_code.co_filename)


def _of_library(file: str) -> bool:
    return file.startswith("<frozen") or (file.startswith(_LIBRARY) and not _is_installed(file))


def _is_installed(file: str) -> bool:
    return any(part in file for part in _INSTALLED)


def user_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame of a user's own code; of an installed package only where there is no other."""
    installed = None
    while frame is not None:
        if not is_ours(frame) and not is_library(frame):
            if not _is_installed(frame.f_code.co_filename):
                return frame
            installed = installed or frame
        frame = frame.f_back
    return installed


def line_of(frame: FrameType | None) -> str:
    """Name a frame's file and line; empty without a frame."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def raised_at(traceback: str) -> str:
    """Name the last line of a user's own code that a traceback shows; empty if it shows none."""
    for file, line in reversed(_LINE.findall(traceback)):
        if not (file.startswith(_OURS) or _of_library(file) or _is_installed(file)):
            return f"{file}:{line}"
    return ""


def without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Leave frames of ours out of a traceback; None if there are no others."""
    if traceback is None:
        return None
    rest = without_ours(traceback.tb_next)
    if is_ours(traceback.tb_frame):
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
