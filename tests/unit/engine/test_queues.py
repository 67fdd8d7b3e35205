"""An App's queue: what it starts waits there, children too, and its worker claims from there alone."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno import App, AsyncClient, workflow
from dalsegno.app import Runtime
from dalsegno.core.clock import SystemClock
from dalsegno.errors import ResultTimeout
from dalsegno.store.memory import MemoryStore


@workflow
async def piece(number: int) -> int:
    return number


@workflow
async def whole(number: int) -> int:
    return await piece.start(number)


@pytest.mark.asyncio
async def test_runs_and_their_children_stay_in_the_queue_of_the_app_that_started_them() -> None:
    store = MemoryStore(SystemClock())
    heavy, light = (App(queue, include=[piece, whole], queue=queue) for queue in ("heavy", "light"))
    asking = Runtime(store, heavy.registry(), heavy.options, worker=False)
    client = await asking.open()
    run = await client.start(whole, 3, id="whole-1")

    async with Working(store, light):
        with pytest.raises(ResultTimeout):
            await run.result("200ms")
    async with Working(store, heavy):
        assert await run.result("10s") == 3
    await asking.close()


class Working:
    """A worker for as long as the block lasts."""

    def __init__(self, store: MemoryStore, app: App) -> None:
        self._runtime = Runtime(store, app.registry(), app.options)

    async def __aenter__(self) -> AsyncClient:
        return await self._runtime.open()

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(10):
            await self._runtime.close()
