"""What steps and tests do for real while a play's time is virtual."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from dalsegno import step, workflow
from dalsegno.testing import Service, explore, rehearse
from tests.testing.shop import key

far = Service("far")


@step
def runs_a_loop_of_its_own(n: int) -> int:
    async def inside() -> int:
        await asyncio.sleep(0)
        far.do(n, key=key())
        return n

    return asyncio.run(inside())


@step
async def asks_a_thread(n: int) -> int:
    far.do(n, key=key())
    return await asyncio.to_thread(lambda: n + 1)


@step
def starts_a_thread(n: int) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(n))
    thread.start()
    thread.join()
    far.do(n, key=key())
    return found[0]


@step
async def opens_a_socket(n: int) -> int:
    await asyncio.open_connection("127.0.0.1", 9)
    return n


def doze() -> None:
    time.sleep(3_600)


@step
async def sleeps_on_the_loop(n: int) -> int:
    doze()
    far.do(n, key=key())
    return n


@workflow
def in_def(n: int) -> int:
    return runs_a_loop_of_its_own(n) + starts_a_thread(n)


@workflow
async def in_async(n: int) -> int:
    return await asks_a_thread(n) + await sleeps_on_the_loop(n)


@workflow
async def reaches_out(n: int) -> int:
    return await opens_a_socket(n)


@pytest.mark.parametrize(("subject", "result"), [(in_def, 8), (in_async, 9)])
def test_loops_and_threads_of_steps_are_real_and_replay_as_ever(subject: Any, result: int) -> None:
    def check(play: Any) -> None:
        assert play.runs()[0].result() == result

    found = explore(subject, 4, check=check, passes=["crashes", "zombies"])
    found.assert_ok()
    assert found.warnings == []


def test_a_socket_on_the_simulated_loop_is_refused_with_a_sentence() -> None:
    [finding] = explore(reaches_out, 1).failures
    assert finding.kind == "it fails without a mishap"
    assert "reaches outside the simulation" in finding.what


def test_a_thread_of_the_tests_own_sleeps_for_real_while_a_play_lasts() -> None:
    slept: list[float] = []
    asked = threading.Event()

    def sleeper() -> None:
        asked.wait(5)
        before = time.monotonic()
        time.sleep(0.02)
        slept.append(time.monotonic() - before)

    thread = threading.Thread(target=sleeper)
    thread.start()
    with rehearse() as play:
        asked.set()
        thread.join(5)
        play.start(in_def, 1).result()
    assert slept[0] >= 0.02
