"""The threads of steps: none is counted that could not be started, and no job is forgotten for that."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dalsegno.engine import threads
from dalsegno.engine.threads import Threads

pytestmark = pytest.mark.promise("P10")


def refuse(patch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let the operating system refuse so many threads; return the names of those refused, as it does."""
    start = threading.Thread.start
    refused: list[str] = []

    def scarce(thread: threading.Thread) -> None:
        if len(refused) < times and thread.name.startswith("scarce"):
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    patch.setattr(threads, "_AGAIN", 0.01)
    patch.setattr(threading.Thread, "start", scarce)
    return refused


def test_a_job_waits_for_a_thread_that_could_not_be_started_and_none_is_counted_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> list[int]:
        refused = refuse(monkeypatch, 6)
        pool = Threads(2, name="scarce")
        loop, done, came = asyncio.get_running_loop(), asyncio.Event(), []

        def job(number: int) -> None:
            came.append(number)
            if len(came) == 4:
                loop.call_soon_threadsafe(done.set)

        for number in range(4):
            pool.submit(lambda number=number: job(number))  # type: ignore[misc]
        await asyncio.wait_for(done.wait(), 20)
        assert len(refused) == 6
        pool.close()
        return sorted(came)

    assert asyncio.run(scenario()) == [0, 1, 2, 3]
    assert "no thread" in caplog.text
