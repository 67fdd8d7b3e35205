"""What processes use, and holding them still: read from ``/proc``, so on Linux only."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        stat = _stat(int(folder.name))
        if stat:
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, those that have ended included."""
    return sum(sum(map(int, stat[11:15])) for stat in map(_stat, family(pid)) if stat) / _TICKS


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants, in MiB."""
    return sum(map(_resident, family(pid))) / 1024


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has had resident, in MiB; its descendants do not count."""
    return _resident(pid, "VmHWM") / 1024


def hold(pid: int) -> None:
    """Stop a process and its descendants, so that they take nothing from who is measured next."""
    _tell(pid, signal.SIGSTOP)


def let_go(pid: int) -> None:
    """Let them go on."""
    _tell(pid, signal.SIGCONT)


def end(pid: int) -> None:
    """Kill a process that leads a group, its descendants, and whoever is in the group yet has lost its parent."""
    _tell(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tell(pid: int, what: signal.Signals) -> None:
    for member in family(pid):
        try:
            os.kill(member, what)
        except ProcessLookupError:
            continue


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name: state, parent, …, user and system time of it and its children."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _resident(pid: int, what: str = "VmRSS") -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    lines = (line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(next(lines, "none 0 kB").split()[1])
