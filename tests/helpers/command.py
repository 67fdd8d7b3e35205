"""The command line as a process of its own: run to its end, or a worker at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.waiting import until

SRC = Path(__file__).resolve().parents[2] / "src"


def environment() -> dict[str, str]:
    """Return this process's environment, with our source first and without our settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DALSEGNO_")}
    return kept | {"PYTHONPATH": str(SRC), "NO_COLOR": "1"}


def dalsegno(*args: str, cwd: Path, within: float = 20) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dalsegno", *args],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )


@contextmanager
def running(*args: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start a command and leave its ends open; it is killed in the end."""
    command = [sys.executable, "-m", "dalsegno", *args]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=cwd, env=environment(), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


class Working:
    """A worker process: what it has said, and ways to end it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What it has written to stderr so far."""
        return "".join(self._said)

    def says(self, text: str) -> None:
        """Wait until it has said something."""
        until(lambda: text in self.said or self._over(text), f"worker says {text!r}; it said {self.said!r}")

    def _over(self, text: str) -> bool:
        assert self.process.poll() is None or text in self.said, f"ended without {text!r}: {self.said}"
        return False

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end and return its exit code, all that it said being there."""
        code = self.process.wait(20)
        self._listener.join(5)
        return code

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)


@contextmanager
def worker(*args: str, cwd: Path) -> Iterator[Working]:
    """Start a worker of files and wait until it is ready; it is killed in the end."""
    with running("worker", *args, cwd=cwd) as process:
        working = Working(process)
        try:
            working.says("ready")
            yield working
        finally:
            process.kill()
            working.ended()
