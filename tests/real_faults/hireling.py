"""A worker process that is killed and hired again, and what it said."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Hireling:
    """A program of this folder, run on a store as ``python -m``; it says "ready" once it works."""

    def __init__(self, folder: Path, program: str, store: str) -> None:
        self._command = [sys.executable, "-m", program, store]
        self._log = (folder / "worker.log").open("a")
        self.process: subprocess.Popen[str] | None = None
        self.kills = 0

    async def hire(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        assert await asyncio.to_thread(self.process.stdout.readline) == "ready\n"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None
            self.kills += 1

    async def replace(self) -> None:
        self.kill()
        await self.hire()

    def end(self) -> None:
        """Kill it for good."""
        self.kill()
        self._log.close()

    def said(self) -> str:
        """Return what it said last."""
        return Path(self._log.name).read_text()[-2_000:]
