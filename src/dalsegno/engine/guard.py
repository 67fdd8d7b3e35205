"""A forgotten ``@step`` must not charge twice in silence: I/O in workflow code is refused.

``async def`` code is stopped by its loop already, which has no sockets and no executors. ``def`` code
is stopped by an audit hook, which looks only while workflow code advances on its own thread.
"""

from __future__ import annotations

import functools
import sys
from asyncio import events
from typing import Any

from dalsegno.core.loop import RunLoop
from dalsegno.errors import SideEffectInWorkflow

_REFUSED = frozenset(
    {
        "_thread.start_joinable_thread",  # from Python 3.13 on
        "_thread.start_new_thread",  # from Python 3.12 on
        "http.client.connect",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.spawn",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.sendmsg",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
        "time.sleep",  # from Python 3.13 on
        "urllib.Request",
    }
)


@functools.cache
def refuse_side_effects() -> None:
    """Install the hook; once in a process, since the interpreter cannot take one away again."""
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if (event in _REFUSED or event == "open") and type(events._get_running_loop()) is RunLoop:
        if event == "open" and not _opened_by_user():
            return
        raise SideEffectInWorkflow(
            f"Workflow code reached outside its run: {event}({', '.join(map(_short, args[:2]))}).",
            "It would happen again at each replay: a payment would be charged twice.",
            "Put it into a function under @step, or import the module before the run.",
            event=event,
        )


def _opened_by_user() -> bool:
    """Whether a file is opened by somebody's code rather than by an import or a traceback."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(("importlib", "linecache", "tokenize", "traceback", "logging", "zipimport")):
            return False
        if name.startswith("dalsegno.core"):
            return True
        frame = frame.f_back
    return True


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
