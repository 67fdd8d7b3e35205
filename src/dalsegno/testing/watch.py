"""Sees workflow code ask the machine for what a replay would answer otherwise: clocks, chance, environment.

While it watches, the interpreter tells of every call. One that reads a clock, a random generator or
the environment, made by code that runs on a run's own loop, is written down with the user's file and
line, however it was imported.
"""

from __future__ import annotations

import random
import sys
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from types import FrameType
from typing import Any, NamedTuple

from dalsegno.core.loop import RunLoop
from dalsegno.testing.callers import is_library, is_ours, line_of, user_frame

_CLOCKS = frozenset(
    f"{name}{unit}"
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
) | {"localtime", "gmtime", "ctime", "asctime", "strftime", "times"}
_DATES = frozenset({"now", "utcnow", "today"})
_SYSTEM = frozenset({"urandom", "getrandom", "getpid", "generate_time_safe", "gethostname"})
_NEVER_MEANT = ("importlib", "inspect", "linecache", "logging", "traceback", "warnings")
_GLOBAL: Any = getattr(random, "_inst", None)  # what random.random() and its like are methods of


class Reading(NamedTuple):
    """What was asked, where, in which workflow's code."""

    what: str
    line: str

    def __str__(self) -> str:
        return f"{self.what} at {self.line}"


class Watcher:
    """Collects readings, each once; see ``watching``."""

    def __init__(self) -> None:
        self.readings: dict[Reading, None] = {}
        self._environ = type(environ).__getitem__.__code__
        self._new_random = random.Random.__init__.__code__

    def see(self, frame: FrameType, event: str, arg: Any) -> None:
        """Hear of a call, as ``sys.setprofile`` tells it."""
        if event == "c_call":
            what = _asked_of_c(arg)
        elif event == "call":
            what = self._asked_of_python(frame)
        else:
            return
        if what and type(events._get_running_loop()) is RunLoop:
            self._note(what, frame if event == "c_call" else frame.f_back)

    def _asked_of_python(self, frame: FrameType) -> str:
        if frame.f_code is self._environ:
            return "os.environ"
        if frame.f_code is self._new_random and frame.f_locals.get("x") is None:
            return "random.Random"
        return ""

    def _note(self, what: str, frame: FrameType | None) -> None:
        """Write down who asked, if that was a user's code, and not ours or a logger's for it."""
        asker = frame
        while asker is not None and is_library(asker):
            name = str(asker.f_globals.get("__name__", ""))
            if name.startswith(_NEVER_MEANT):
                return
            if what != "os.environ":
                what = f"{name}.{asker.f_code.co_name}"
            asker = asker.f_back
        if asker is None or is_ours(asker):
            return
        self.readings.setdefault(Reading(f"{what.lstrip('_')}()", line_of(user_frame(asker))))


def _asked_of_c(function: Any) -> str:
    """Name a builtin function if it asks the machine for what changes."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if owner is _GLOBAL and name != "getstate":
        return f"random.{name}"
    if name in _DATES and isinstance(owner, type) and owner.__module__ == "datetime":
        return f"{owner.__name__}.{name}"
    module = getattr(owner, "__name__", "")
    if (name in _CLOCKS and module == "time") or (name in _SYSTEM and module in _MODULES):
        return f"{module.replace('posix', 'os').replace('nt', 'os')}.{name}"
    return ""


_MODULES = ("posix", "nt", "_uuid", "_socket")


@contextmanager
def watching() -> Iterator[Watcher]:
    """Watch what workflow code asks for, in this thread; calls are slow meanwhile."""
    watcher = Watcher()
    before = sys.getprofile()
    sys.setprofile(watcher.see)
    try:
        yield watcher
    finally:
        sys.setprofile(before)
