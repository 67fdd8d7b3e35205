"""What workflow code may ask is not told, what a step asks is its own affair, and whoever asks is named."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

import dalsegno
from dalsegno import sleep, step, workflow
from dalsegno.testing import Service, explore, rehearse
from dalsegno.testing.watch import watching
from tests.testing.shop import key

far = Service("far")
log = logging.getLogger("tests.testing.watched")


@step
def reads_everything(what: str) -> float:
    random.random()
    return datetime.now(UTC).timestamp() + time.monotonic()


@step
async def reads_in_the_loop(what: str) -> float:
    await asyncio.sleep(random.random())
    return time.time()


@workflow
async def does_what_it_may(what: str) -> str:
    log.warning("a record has a time")
    warnings.warn("so has a warning", stacklevel=1)
    dalsegno.now()
    dalsegno.uuid()
    dalsegno.random().random()
    dalsegno.random().choice("abc")
    random.Random(7).random()
    await asyncio.gather(reads_everything.start(what), reads_in_the_loop(what))
    async with asyncio.timeout(60):
        await asyncio.sleep(1)
    datetime.fromisoformat("2027-01-01").strftime("%d")
    return what


@workflow
def does_what_it_may_in_def(what: str) -> str:
    sleep("1s")
    reads_everything(what)
    return f"{dalsegno.now():%d}{time.sleep.__name__}"


def helper() -> float:
    return time.time()


@workflow
def asks_through_a_helper(what: str) -> bool:
    return helper() > 0


@workflow
def asks_only_when_a_step_fails(what: str) -> str:
    try:
        fails(what)
    except Exception:
        return f"{time.time()}"
    return what


@step
def fails(what: str) -> None:
    raise ValueError(far.fail(what, key=key()))


@workflow
def sleeps_for_real(what: str) -> str:
    time.sleep(0.01)
    return what


@pytest.mark.parametrize("subject", [does_what_it_may, does_what_it_may_in_def])
@pytest.mark.filterwarnings("ignore:so has a warning")
def test_what_workflow_code_may_do_is_not_told(subject: Any) -> None:
    found = explore(subject, "x", check=lambda play: None, passes=[])
    assert found.failures == []


def test_a_helper_is_named_by_its_own_line() -> None:
    [finding] = explore(asks_through_a_helper, "x").failures
    line = helper.__code__.co_firstlineno + 1
    assert finding.what.endswith(f"test_watch.py:{line}")


def test_code_that_only_a_failure_reaches_is_watched_as_well() -> None:
    [finding] = explore(asks_only_when_a_step_fails, "x").failures
    assert finding.what.startswith("time.time() at ")


def test_a_real_sleep_in_workflow_code_is_refused() -> None:
    [finding] = explore(sleeps_for_real, "x").failures
    assert finding.kind == "SideEffectInWorkflow"
    assert "time.sleep()" in finding.what


def test_nobody_is_watched_afterwards() -> None:
    def profiler(*_: Any) -> None:
        return None

    sys.setprofile(profiler)
    try:
        with watching(), rehearse() as play:
            assert play.start(does_what_it_may_in_def, "x").result()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
