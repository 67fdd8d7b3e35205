"""Real worker processes on one real file, a client beside them, and the accounts at the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from dalsegno.app import App, Runtime
from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import Session
from dalsegno.core.entries import Kind
from dalsegno.core.runs import Status
from dalsegno.store.sqlite import SqliteStore
from tests.real_faults import jobs

CLOCK = SystemClock()


async def until(true: Callable[[], Awaitable[bool]], seconds: float, what: str) -> float:
    """Wait for a condition; return how long it took, or fail naming it."""
    began = CLOCK.monotonic()
    quiet = asyncio.Event()
    while not await true():
        if CLOCK.monotonic() - began > seconds:
            raise AssertionError(f"after {seconds} s still not: {what}")
        try:
            await asyncio.wait_for(quiet.wait(), 0.02)
        except TimeoutError:
            continue
    return CLOCK.monotonic() - began


@dataclass
class House:
    """A store file, the worker processes on it, and what was acknowledged to the client."""

    folder: Path
    seed: int
    lease: float = 1.0
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    started: set[str] = field(default_factory=set)
    signalled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.store = f"sqlite:///{self.folder}/jobs.db"
        self.ledger = self.folder / "ledger.jsonl"
        self.ledger.touch()
        self.log = (self.folder / "workers.log").open("a")
        app = App("jobs", include=[jobs.job, jobs.first, jobs.second, jobs.third], store=self.store)
        self.runtime: Runtime = app.runtime(worker=False)

    # -- workers

    def hire(self) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "tests.real_faults.jobs",
            self.store,
            str(self.ledger),
            f"{self.lease}s",
        ]
        worker = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[str]) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()
        self.workers.remove(worker)

    async def ready(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        line = await asyncio.to_thread(worker.stdout.readline)
        assert line == "ready\n", "the worker did not start"

    def end(self) -> None:
        for worker in list(self.workers):
            os.kill(worker.pid, signal.SIGCONT)
            self.kill(worker)
        self.log.close()

    # -- load

    async def load(self, stop: asyncio.Event, *, pause: float = 0.004) -> None:
        """Start runs and send their signals until told to stop; whatever was acknowledged is noted."""
        client = self.runtime.operations
        number = 0
        while not stop.is_set():
            number += 1
            name = f"job-{number}"
            await client.start(jobs.job, number, name, None)
            self.started.add(name)
            await client.signal(name, f"w{number}", "go", f"go-{number}", "test")
            self.signalled.add(name)
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue

    async def session_of(self, pid: int) -> Session | None:
        sessions = await self.runtime.store.sessions(live=False)
        return next((session for session in reversed(sessions) if session.pid == pid), None)

    def holder(self) -> int | None:
        assert isinstance(self.runtime.store, SqliteStore)
        return self.runtime.store.file.holder()

    # -- accounts

    async def once_fenced(self) -> set[int]:
        """Tell which processes were fenced alive: what they had begun before may end at any time."""
        opened = Counter(session.pid for session in await self.runtime.store.sessions(live=False))
        return {pid for pid, sessions in opened.items() if sessions > 1}

    async def all_done(self) -> bool:
        counts = await self.runtime.store.counts("default")
        return counts.get("completed", 0) == len(self.started)

    async def settle(self, seconds: float = 60) -> None:
        try:
            await until(self.all_done, seconds, "all acknowledged runs completed")
        except AssertionError as error:
            counts = await self.runtime.store.counts("default")
            raise AssertionError(f"{error}: {counts} of {len(self.started)}") from error

    async def check(self, kills: int) -> Counter[str]:
        """Hold promises 1 to 6 against the store and the ledger."""
        executed: dict[str, list[str]] = defaultdict(list)
        late = await self.once_fenced()
        recorded = set[
            str
        ]()  # runs whose third step began: of the other two the results were durable by then
        for line in self.ledger.read_text().splitlines():
            entry = json.loads(line)
            executed[f"{entry['run']} {entry['step']}"].append(entry["key"])
            if entry["action"] == "third":
                recorded.add(entry["run"])
            elif entry["pid"] not in late:
                assert entry["run"] not in recorded, f"P6: {entry} ran again after it was recorded"
        repeated = Counter[str]()
        store = self.runtime.store
        for name in self.started:
            run = await store.find("default", name)
            assert run is not None, f"P1: acknowledged run {name} is lost"
            assert run.status is Status.COMPLETED
            number = int(name.removeprefix("job-"))
            assert run.output == f'[{number + 1},{number * 2},"{number}-w{number}"]'.encode(), "P4"
            entries = await store.journal(run.number)
            assert [entry.position for entry in entries] == list(range(1, len(entries) + 1)), "P3"
            steps = [entry.op for entry in entries if entry.kind is Kind.STEP]
            assert sorted(steps) == sorted(set(steps)) and len(steps) == 3, "P6: one entry for each step"
            assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        for step, keys in executed.items():
            assert len(set(keys)) == 1, f"P6: {step} ran under two idempotency keys: {keys}"
            if len(keys) > 1:
                repeated[f"ran {len(keys)} times"] += 1
                assert len(keys) <= kills + 1
        assert len(executed) == 3 * len(self.started)
        return repeated
