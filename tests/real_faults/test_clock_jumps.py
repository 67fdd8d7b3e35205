"""The wall clock of a machine is set back an hour, and forward ten years, under a worker that runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dalsegno.core.clock import SystemClock
from dalsegno.core.entries import Entry
from dalsegno.store.sqlite import SqliteStore

pytestmark = pytest.mark.promise("P7")

ROOT = Path(__file__).parents[2]


class Jumper:
    """The program under a clock that can be set, and what it answers."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._clock = folder / "clock"
        self.store = folder / "jumper.db"
        self.set("+0")
        faked = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.real_faults.jumper", f"sqlite:///{self.store}"],
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"} | faked,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def set(self, offset: str) -> None:
        """Set the wall clock, this far from the true one."""
        fresh = self._clock.with_name("fresh")
        fresh.write_text(offset)
        fresh.replace(self._clock)

    def ask(self, command: str, name: str, value: float = 0) -> str:
        assert self.process.stdin is not None
        print(command, name, value, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it died: {self.process.communicate()[1]}"
        return line.strip()

    def busy_for(self, seconds: float) -> float:
        """Tell how many seconds of processor time it takes while so many pass."""
        before = self._ticks()
        threading.Event().wait(seconds)
        return (self._ticks() - before) / os.sysconf("SC_CLK_TCK")

    def _ticks(self) -> int:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def end(self) -> None:
        """Let it end by itself: killed, the library would leave its shared memory behind."""
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def jumper(tmp_path: Path) -> Iterator[Jumper]:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip(
            "no libfaketime here (Debian: apt-get install libfaketime): JUMPS OF THE CLOCK ARE NOT TESTED"
        )
    jumper = Jumper(tmp_path, found[0])
    yield jumper
    jumper.end()


def _look(path: Path) -> tuple[list[int | None], dict[str, list[Entry]]]:
    """Read when each session was fenced, if it was, and the journals of the naps."""

    async def read() -> tuple[list[int | None], dict[str, list[Entry]]]:
        store = SqliteStore(str(path), SystemClock())
        await store.open()
        sessions = [session.fenced_at for session in await store.sessions(live=False)]
        journals = {}
        for name in ("before", "between", "after"):
            run = await store.find("default", name)
            assert run is not None
            journals[name] = await store.journal(run.number)
        await store.close()
        return sessions, journals

    return asyncio.run(read())


def test_no_timer_is_early_no_loop_spins_and_no_lease_is_lost_when_the_wall_clock_jumps(
    jumper: Jumper, count: Callable[..., None]
) -> None:
    assert jumper.ask("ticks", "first", 10) == "55"
    jumper.ask("nap", "before", 1.5)
    assert jumper.ask("status", "before") in ("pending", "running", "waiting")

    jumper.set("-1h")
    assert jumper.ask("ticks", "second", 10) == "55", "what needs no timer goes on at once"
    assert jumper.busy_for(3.0) < 1.0, "a loop spins"
    assert jumper.ask("status", "before") == "waiting", "its time comes only in an hour"
    jumper.ask("nap", "between", 0.3)
    assert float(jumper.ask("result", "between")) >= 0.3

    jumper.set("+10y")
    assert float(jumper.ask("result", "before")) >= 1.5
    assert jumper.ask("ticks", "third", 10) == "55"
    jumper.ask("nap", "after", 0.3)
    assert float(jumper.ask("result", "after")) >= 0.3
    assert jumper.busy_for(1.0) < 0.5, "a loop spins"

    sessions, journals = _look(jumper.store)
    assert sessions == [None], "its lease is measured by the boot clock, and was never over"
    for journal in journals.values():
        assert [entry.at for entry in journal] == sorted(entry.at for entry in journal)
    count("clock jumps", 2)
