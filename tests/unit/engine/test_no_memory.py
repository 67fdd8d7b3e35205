"""A run whose turn finds no memory loses that turn and nothing else: it goes on from its journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, step, workflow
from dalsegno.core.loop import RunLoop
from dalsegno.engine import engine
from dalsegno.engine.live import LiveRun

pytestmark = pytest.mark.asyncio

DID: Counter[str] = Counter()


@step
def add(what: str) -> str:
    DID[what] += 1
    return what


@step
async def add_async(what: str) -> str:
    DID[what] += 1
    return what


@workflow
def one_after_the_other(_: None) -> list[str]:
    return [add(what) for what in "abc"]


@workflow
async def side_by_side(_: None) -> list[str]:
    await asyncio.sleep(0.001)
    return await asyncio.gather(*(add_async(what) for what in "abc"))


class Scarce:
    """Has the callback of a run's loop that is asked for as number ``at`` find no memory."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.asked = 0

    def instead_of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call_soon(loop: RunLoop, callback: Callable[..., Any], *args: Any, **how: Any) -> Any:
            self.asked += 1
            return real(loop, self._fails if self.asked == self.at else callback, *args, **how)

        return call_soon

    def _fails(self, *_: Any) -> None:
        raise MemoryError

    @property
    def struck(self) -> bool:
        return self.asked >= self.at


async def play(made: Any, folder: Path, scarce: Scarce, monkeypatch: pytest.MonkeyPatch) -> object:
    DID.clear()
    app = App("scarce", include=[made], store=f"sqlite:///{folder}/{scarce.at}.db")
    with monkeypatch.context() as patch:
        patch.setattr(RunLoop, "call_soon", scarce.instead_of(RunLoop.call_soon))
        patch.setattr(engine, "_BREATH", 1_000)
        async with app as client:
            return await (await client.start(made, None, id="scarce")).result("20s")


@pytest.mark.parametrize("made", [one_after_the_other, side_by_side], ids=lambda made: made.name)
async def test_a_lost_callback_costs_a_turn_wherever_it_is(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = 0
    for at in range(1, 100):
        scarce = Scarce(at)
        assert await play(made, tmp_path, scarce, monkeypatch) == ["a", "b", "c"], f"callback {at}"
        assert max(DID.values()) <= 2, f"callback {at}: {DID}"
        if not scarce.struck:
            break
        struck += 1
    assert 4 <= struck < 99


async def test_memory_that_is_missing_while_a_run_is_led_through_its_journal_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = LiveRun.replay, []

    def replay(live: LiveRun, loaded: Any) -> None:
        if len(refused) < 3:
            refused.append(live.number)
            raise MemoryError
        real(live, loaded)

    monkeypatch.setattr(LiveRun, "replay", replay)
    assert await play(one_after_the_other, tmp_path, Scarce(-1), monkeypatch) == ["a", "b", "c"]
    assert (len(refused), set(DID.values())) == (3, {1})
