"""A run that is watched."""

from __future__ import annotations

import asyncio

from dalsegno.core.commit import Rest
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.runs import Status
from dalsegno.insight.follow import Change, follow
from dalsegno.insight.search import find_run
from tests.unit.insight.stage import Stage


async def told(stage: Stage) -> list[str]:
    """Watch order-1 to its end, moving it on after each line."""
    moves = iter(
        [
            stage.claim,
            lambda: stage.commit(1, Entry(1, Kind.STEP, 1, "charge"), Entry(2, Kind.STEP, 2, "ship")),
            lambda: None,
            lambda: stage.commit(1, rest=Rest(Status.COMPLETED, 0)),
        ]
    )
    lines = []
    async for news in follow(stage.store, await find_run(stage.store, "default", "order-1")):
        lines.append(news.status if isinstance(news, Change) else news.name)
        next(moves, lambda: None)()
    return lines


def test_each_entry_and_each_change_is_told_once_until_the_end() -> None:
    stage = Stage()
    stage.start(1, "order-1")
    stage.worker()
    assert asyncio.run(told(stage)) == ["pending", "running", "charge", "ship", "completed"]


def test_what_happened_before_is_told_first() -> None:
    stage = Stage()
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    stage.commit(1, Entry(1, Kind.STEP, 1, "charge"))
    stage.commit(1, rest=Rest(Status.COMPLETED, 0))

    async def watch() -> list[str]:
        run = await find_run(stage.store, "default", "order-1")
        return [type(news).__name__ async for news in follow(stage.store, run)]

    assert asyncio.run(watch()) == ["Mark", "Change"]
