"""Who this process is, and whether another one is provably gone."""

from __future__ import annotations

import os
import socket
import sys
from typing import NamedTuple

from dalsegno.core.clock import Clock
from dalsegno.core.commit import Session


class Vitals(NamedTuple):
    """What tells one process from all others: a pid alone is soon another's."""

    pid: int
    pid_start: int
    pid_namespace: str
    boot_id: str
    host: str


def own_vitals(clock: Clock) -> Vitals:
    """Read this process's own."""
    pid = os.getpid()
    return Vitals(pid, _started(pid) or 0, _namespace(), clock.boot_id(), socket.gethostname())


def provably_gone(session: Session, me: Vitals) -> bool:
    """Whether a session's process surely lives no more, so that nobody need wait for its lease."""
    if session.host == me.host and session.boot_id != me.boot_id:
        return True
    same = (session.boot_id, session.pid_namespace) == (me.boot_id, me.pid_namespace)
    if not same or not me.pid_namespace or not session.pid_start:
        return False
    return _started(session.pid) != session.pid_start


def _started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None where it is not to be found."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything: count from behind it.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state, started = fields[0], int(fields[19])
    return None if state in (b"Z", b"X") else started


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
