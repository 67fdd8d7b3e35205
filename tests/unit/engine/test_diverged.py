"""A run that diverged is parked as it is, whatever arrives for it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from dalsegno import App, AsyncClient, receive, step, workflow
from dalsegno.app import Runtime
from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import Claim, Claimed, Loaded, OpenSession
from dalsegno.core.entries import Delivery
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store

pytestmark = pytest.mark.promise("P11")


@step
async def charge() -> None: ...


@step
async def weigh() -> None: ...


@workflow(name="sell")
async def before() -> str:
    await charge()
    return await receive(str, name="address")


@workflow(name="sell")
async def after() -> str:
    await weigh()
    return await receive(str, name="address")


class SlowStore(MemoryStore):
    """Takes its time to read, so that things happen meanwhile."""

    async def load(self, numbers: Sequence[int]) -> Mapping[int, Loaded]:
        loaded = await super().load(numbers)
        await asyncio.sleep(0.002)
        return loaded

    async def inbox(self, numbers: Sequence[int]) -> Mapping[int, tuple[Delivery, ...]]:
        await asyncio.sleep(0.002)
        return await super().inbox(numbers)


def _working(definition: object, store: Store) -> Runtime:
    app = App("sales", include=[definition])
    return Runtime(store, app.registry(), app.options)


async def _parked(client: AsyncClient, reason: str | None) -> None:
    async with asyncio.timeout(10):
        info = await client.run("sale").info()
        while (info.status, info.reason) != ("waiting", reason):
            await asyncio.sleep(0.001)
            info = await client.run("sale").info()


@pytest.mark.asyncio
async def test_a_cancel_that_comes_while_it_is_being_parked_is_not_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = SlowStore(SystemClock())
    runtime = _working(before, store)
    client = await runtime.open()
    await client.start(before, id="sale")
    await _parked(client, None)
    await runtime.close()
    row = await store.find("default", "sale")
    assert row is not None
    journal = await store.journal(row.number)

    vitals = (1, 1, "", "another boot", "another host", "3.11", "test")
    await store.write([OpenSession(7, 60_000_000, *vitals, (("sell", "1"),))])
    app = App("sales", include=[after])
    runtime = Runtime(store, app.registry(), app.options, worker=False)
    client = await runtime.open()
    runtime.commits.begin_session(7, 60_000_000)
    runtime.engine.session = 7
    await client.signal("sale", "Milan", name="address")
    claimed = await runtime.commits.submit(Claim(7, "default", 1))
    assert isinstance(claimed, Claimed)
    adopting = asyncio.create_task(runtime.engine.adopt(claimed.runs))
    await asyncio.sleep(0)
    await client.cancel("sale")  # after its journal was read, and before the commit that parks it
    await adopting
    await runtime.engine.refresh([row.number])
    await _parked(client, "parked: diverged")
    await runtime.close()
    assert await store.journal(row.number) == journal
    assert "cannot be written" not in caplog.text
