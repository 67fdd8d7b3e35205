"""A run whose code waits for what nobody can bring is parked, and can be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno import App, workflow
from dalsegno.core.runs import WAITS_FOR_NOTHING
from dalsegno.errors import RunCancelled
from tests.real_faults.harness import until

pytestmark = pytest.mark.promise("P11")


@workflow
async def wait_for_an_event_that_nobody_sets() -> None:
    await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_code_that_waits_for_nothing_is_parked_and_a_cancel_still_reaches_it() -> None:
    app = App("nothing", include=[wait_for_an_event_that_nobody_sets], store="memory:")
    async with app as client:
        run = await client.start(wait_for_an_event_that_nobody_sets, id="stuck")

        async def parked() -> bool:
            return (await run.info()).reason == WAITS_FOR_NOTHING

        await until(parked, 10, "the run is parked")
        assert await run.status() == "waiting"
        assert await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result("10s")
