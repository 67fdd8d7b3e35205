"""The demo's workers: processes that it starts, may kill, and always ends, each by its own pid."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dalsegno.errors import DalsegnoError

_STARTS_WITHIN = 30.0
_ENDS_WITHIN = 8.0


class WorkerEnded(DalsegnoError):
    """A worker ended that nobody had told to."""

    @classmethod
    def anchor(cls) -> str:
        """Point to the manual: no program catches this one."""
        return "docs/reference/cli.md"


class Worker:
    """One child process; ``start`` makes it."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._told = False

    @classmethod
    async def start(cls, module: str, store: str, told: Mapping[str, str], log: Path) -> Worker:
        """Start a worker on a store and wait until it has its session; ``told`` is in its environment."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, store),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                env={**os.environ, **told},
            )
        worker = cls(process, log)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_STARTS_WITHIN):
                ready = await process.stdout.readline()
        except BaseException:
            worker._kill()
            raise
        if not ready:
            await process.wait()
            worker.check()
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ``WorkerEnded`` with its last words if it has ended by itself."""
        code = self._process.returncode
        if code is not None and not self._told:
            words = self._log.read_text("utf-8", "replace").splitlines()[-8:]
            raise WorkerEnded(
                f"The demo's worker {self.pid} ended by itself, with exit code {code}.",
                "\n".join(["Its last words:", *words]),
                "This is no part of the demo: please report it.",
            )

    async def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is dead."""
        self._kill()
        await self._process.wait()

    async def end(self) -> None:
        """Let it end in order; kill it if it takes too long."""
        self._told = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _kill(self) -> None:
        self._told = True
        with suppress(ProcessLookupError):
            self._process.kill()
