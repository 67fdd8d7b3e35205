"""What the examples do when days go by: a clock that the test moves stands in for the world's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from types import ModuleType

import pytest

from dalsegno import AsyncClient
from dalsegno.app import Runtime, open_store
from dalsegno.core.clock import DAY, HOUR, SystemClock
from dalsegno.engine.registry import Registry
from dalsegno.errors import ResultTimeout
from examples import loan_approval, nightly_report, ticket

pytestmark = pytest.mark.promise("P7")


class MovedClock(SystemClock):
    """The world's clock, as far ahead as the test has moved it."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


def play(module: ModuleType, story: Callable[[AsyncClient, MovedClock], Awaitable[None]]) -> None:
    """Run a story against an example's own App, in memory, under a clock that the story moves."""

    async def main() -> None:
        clock = MovedClock()
        registry = Registry()
        registry.add([module])
        runtime = Runtime(open_store("memory:", clock), registry, module.app.options, clock=clock)
        client = await runtime.open()
        try:
            async with asyncio.timeout(20):
                await story(client, clock)
        finally:
            await runtime.close()

    asyncio.run(main())


async def waiting(client: AsyncClient, id: str) -> None:
    """Wait until a run has parked itself."""
    while (await client.run(id).status()) != "waiting":
        with pytest.raises(ResultTimeout):
            await client.run(id).result("10ms")


def test_each_night_starts_the_next_one_and_no_earlier(capsys: pytest.CaptureFixture[str]) -> None:
    module = nightly_report
    night = module.Night(date(2026, 11, 21), date(2026, 11, 23))

    async def story(client: AsyncClient, clock: MovedClock) -> None:
        await client.start(module.nightly_report, night, id="report-2026-11-21")
        for day in (21, 22, 23):
            report = client.run(f"report-2026-11-{day}")
            await waiting(client, report.id)
            clock.ahead += DAY - HOUR
            with pytest.raises(ResultTimeout):
                await report.result("150ms")
            clock.ahead += HOUR
            await report.result()
        assert len(await client.runs()) == 3

    play(module, story)
    assert capsys.readouterr().out.splitlines() == [
        "report of 21 November: 941 orders",
        "report of 22 November: 942 orders",
        "report of 23 November: 943 orders",
    ]


def test_a_loan_that_nobody_decides_for_a_day_is_checked_again(capsys: pytest.CaptureFixture[str]) -> None:
    module = loan_approval

    async def story(client: AsyncClient, clock: MovedClock) -> None:
        run = await client.start(module.approve_loan, module.Application("77", "Ada", 20_000), id="loan-77")
        for _ in range(2):
            await waiting(client, "loan-77")
            clock.ahead += DAY
            with pytest.raises(ResultTimeout):
                await run.result("200ms")
        await run.signal(module.Decision(approved=True, by="Edsger"), name="underwriter")
        assert (await run.result()).approved

    play(module, story)
    assert capsys.readouterr().out.splitlines() == ["underwriter, Ada is waiting"] * 2


def test_a_ticket_that_nobody_touches_is_escalated(capsys: pytest.CaptureFixture[str]) -> None:
    module = ticket

    async def story(client: AsyncClient, clock: MovedClock) -> None:
        run = await client.start(module.ticket, "no network", id="ticket-1")
        await waiting(client, "ticket-1")
        clock.ahead += 4 * HOUR
        with pytest.raises(ResultTimeout):
            await run.result("200ms")
        await run.signal(module.Activity("closed", "Ada"))
        assert (await run.result()).escalated == 1

    play(module, story)
    assert "nobody has touched it" in capsys.readouterr().out
