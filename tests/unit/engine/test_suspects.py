"""Runs suspected of killing their worker: one at a time, until each has made progress."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno import App, step, workflow
from dalsegno.app import Runtime
from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import Claim, EndSession, OpenSession, Release
from dalsegno.core.limits import Limits
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store

pytestmark = pytest.mark.promise("P10")


class Meeting:
    """Holds everybody who comes until all have come."""

    def __init__(self, people: int) -> None:
        self._missing = people
        self._complete = asyncio.Event()

    async def join(self) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._complete.set()
        await self._complete.wait()


async def _kill_workers_of(store: Store, name: str, times: int) -> None:
    """Let a worker claim all runs and die, again and again."""
    vitals = (1, 1, "", "another boot", "another host", "3.11", "test")
    for number in range(1, times + 1):
        await store.write([OpenSession(number, 1_000_000, *vitals, ((name, "1"),))])
        await store.write([Claim(number, "default", 100, 100, Limits().suspect)])
        await store.write([EndSession(number)])
        await store.write([Release()])


@pytest.mark.asyncio
async def test_a_suspect_that_has_made_progress_keeps_no_other_suspect_waiting() -> None:
    meeting = Meeting(2)

    @step
    async def begin() -> None: ...

    @step
    async def meet() -> None:
        await meeting.join()

    @workflow(name="suspect")
    async def suspect() -> None:
        await begin()
        await meet()

    store = MemoryStore(SystemClock())
    app = App("suspects", include=[suspect])
    starter = Runtime(store, app.registry(), app.options, worker=False)
    client = await starter.open()
    for name in ("one", "two"):
        await client.start(suspect, id=name)
    await _kill_workers_of(store, "suspect", Limits().suspect)
    row = await store.find("default", "one")
    assert row is not None and row.crashes == Limits().suspect

    worker = Runtime(store, app.registry(), app.options)
    client = await worker.open()
    try:
        await asyncio.gather(*(client.run(name).result("10s") for name in ("one", "two")))
    finally:
        await worker.close()
