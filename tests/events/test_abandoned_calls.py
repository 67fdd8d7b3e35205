"""Calls that nobody waits for any more, since their service begins again: they are in nobody's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dalsegno import App, Retry, Service, Tx, event, step_info
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P8", "P11"), pytest.mark.asyncio]


@event(key="key")
@dataclass
class Counted:
    key: str
    place: int


class Standing:
    """Handlers that stand still until they may go on, and what they have noted."""

    def __init__(self) -> None:
        self.begun, self.may = threading.Event(), threading.Event()
        self.seen: set[int] = set()
        self._block = True

    def block(self) -> None:
        """Stand still, once, in a thread."""
        block, self._block = self._block, False
        self.begun.set()
        if block:
            self.may.wait(20)

    async def stand(self) -> None:
        """Stand still, once, on the loop."""
        stands, self._block = self._block, False
        self.begun.set()
        if stands:
            await asyncio.Event().wait()


def one_at_a_time(service: Service, at: Standing) -> None:
    @service.on(max_in_flight=1)
    async def note(e: Counted) -> None:
        await at.stand()
        at.seen.add(e.place)


def in_batches(service: Service, at: Standing) -> None:
    @service.on(batch=2, linger="10ms")
    async def note(events: list[Counted]) -> None:
        await at.stand()
        at.seen.update(e.place for e in events)


def in_threads(service: Service, at: Standing) -> None:
    @service.on(max_in_flight=1)
    def note(e: Counted) -> None:
        at.block()
        at.seen.add(e.place)


def in_transactions(service: Service, at: Standing) -> None:
    @service.on(max_in_flight=1, transaction=True)
    def note(tx: Tx, e: Counted) -> None:
        at.begun.set()
        at.seen.add(e.place)


@pytest.mark.parametrize("declare", [one_at_a_time, in_batches, in_threads, in_transactions])
async def test_calls_that_nobody_waits_for_any_more_are_in_nobodys_way(
    tmp_path: Path, declare: Callable[[Service, Standing], None]
) -> None:
    service, at = Service("fragile"), Standing()
    declare(service, at)
    app = App("fragile", include=[service], store=f"sqlite:///{tmp_path}/fragile.db")
    async with app as client:
        for n in range(6):
            await client.emit(Counted(f"k{n}", n))
        await eventually(at.begun.is_set, "a call is under way")
        await client.services.replay("fragile", after=0)

        async def over() -> bool:
            (info,) = await client.services.list()
            return info.generation == 2 and info.lag_events == 0

        try:
            await eventually(over, "all are passed")
        finally:
            at.may.set()
    assert at.seen >= set(range(6))


@pytest.mark.parametrize("let_go", ["cancelled", "dropped"])
async def test_nor_are_retries_that_nobody_waits_for_any_more(tmp_path: Path, let_go: str) -> None:
    service, seen, tried = Service("fragile"), list[int](), asyncio.Event()

    @service.on(max_in_flight=1, retry=Retry(attempts=None, first="1ms"))
    async def note(e: Counted) -> None:
        if e.place == 0:
            if step_info().attempt == 1:
                raise OSError("the first time")
            tried.set()
            await asyncio.Event().wait()
        seen.append(e.place)

    app = App("fragile", include=[service], store=f"sqlite:///{tmp_path}/fragile.db")
    async with app as client:
        await client.emit(Counted("a", 0))
        await asyncio.wait_for(tried.wait(), 20)
        await client.emit(Counted("b", 1))
        assert seen == []
        if let_go == "cancelled":
            await client.run("fragile.note#1").cancel()
        else:  # as when the session is lost
            assert app._runtime is not None
            app._runtime.engine.drop_all()
        await eventually(lambda: seen == [1], "the other one")
