"""Code that swallows JournalFull and goes on ends by that name, and holds up nobody."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno import App, Limits, sleep, workflow
from dalsegno.errors import RunFailed

pytestmark = pytest.mark.promise("P10")


@workflow
def swallows_everything() -> None:
    while True:
        try:
            sleep("1ms")
        except Exception:
            continue


@workflow
async def swallows_everything_async() -> None:
    while True:
        try:
            await asyncio.sleep(0.001)
        except Exception:
            continue


@workflow
async def neighbour() -> str:
    return "well"


@pytest.mark.asyncio
@pytest.mark.parametrize("wild", [swallows_everything, swallows_everything_async])
async def test_code_that_swallows_a_full_journal_fails_by_its_name_and_its_neighbours_go_on(wild) -> None:
    app = App("wild", include=[wild, neighbour], store="memory:", limits=Limits(ops=20))
    async with app as client:
        run = await client.start(wild, id="wild")
        with pytest.raises(RunFailed, match="JournalFull"):
            await run.result("20s")
        assert await (await client.start(neighbour, id="well")).result("10s") == "well"
