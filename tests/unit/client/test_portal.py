"""The loop that the blocking client has to itself: uvloop's where that extra is installed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from dalsegno import App, step, workflow
from dalsegno.client.portal import new_loop


@step
def which_loop(n: int) -> int:
    return n + 1


@step
async def kind_of_loop(n: int) -> str:
    return type(asyncio.get_running_loop()).__module__


@workflow
def both(n: int) -> str:
    which_loop(n)
    return kind_of_loop.start(n).result()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio.unix_events"])
def test_steps_of_a_blocking_client_run_on_the_best_loop_there_is(
    loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    else:
        monkeypatch.setitem(sys.modules, "uvloop", None)
    with App("loops", store=f"sqlite:///{tmp_path}/loops.db", include=[both]) as client:
        assert client.start(both, 1, id="r").result("20s") == loop


def test_a_loop_is_made_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    made = new_loop()
    made.close()
    assert type(made).__module__.startswith("asyncio")
