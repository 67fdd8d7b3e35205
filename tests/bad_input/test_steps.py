"""Steps that hang, block, fail for ever or swallow their cancel hold up nobody else (70-73)."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from dalsegno import Retry, receive, step, workflow
from dalsegno.errors import ResultTimeout, RunCancelled, StepTimeout
from tests.bad_input.kit import SOON, assert_tells, failure_of, working
from tests.helpers.waiting import until

TRIED: list[float] = []
OPEN = threading.Event()


@step(timeout="50ms", retry=Retry(attempts=3, first="10ms", jitter=0))
def hangs() -> None:
    TRIED.append(time.monotonic())
    OPEN.wait(SOON)


@step
def quick(number: int) -> int:
    return number


@step(retry=Retry(attempts=None, first=0))
async def always_fails() -> None:
    TRIED.append(time.monotonic())
    raise ConnectionError("refused")


@step
def blocks() -> str:
    OPEN.wait(SOON)
    return "unblocked"


@step
async def blocks_the_loop() -> None:
    time.sleep(1.6)  # noqa: ASYNC251  the mistake itself


@workflow
def hanging() -> str:
    try:
        hangs()
    except StepTimeout as error:
        return f"given up: {isinstance(error, TimeoutError)}"
    return "no timeout"


@workflow
def unhandled() -> None:
    hangs()


@workflow
def counting(number: int) -> int:
    return quick(number)


@workflow
async def for_ever() -> None:
    await always_fails()


@workflow
def blocked() -> str:
    return blocks()


@workflow
async def wedged() -> None:
    await blocks_the_loop()


@workflow
async def swallows() -> str:
    told = 0
    while True:
        try:
            await receive(str)
        except asyncio.CancelledError:
            told += 1
        await quick.start(told)


@workflow
def swallows_in_def_code() -> str:
    told = 0
    while True:
        try:
            receive(str).result()
        except asyncio.CancelledError:
            told += 1
        quick(told)


@workflow
async def answers_its_cancel() -> str:
    try:
        await receive(str)
    except asyncio.CancelledError:
        return "swallowed at the very end"
    return "signalled"


EVERYTHING = (hanging, unhandled, counting, for_ever, blocked, wedged, swallows, swallows_in_def_code)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    TRIED.clear()
    OPEN.clear()


def test_a_step_that_hangs_times_out_is_retried_and_then_is_a_timeout_to_the_code(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        assert client.start(hanging).result(SOON) == "given up: True"
        assert len(TRIED) == 3, "each attempt counted"
        error = failure_of(client.start(unhandled, id="h"))
        assert error.type == "dalsegno.errors.StepTimeout"
        for words in ("hangs", "run h", "50ms", "attempt 3", "not known"):
            assert words in error.message
        OPEN.set()


@pytest.mark.promise("P10")
def test_hung_threads_do_not_starve_the_pool(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING, threads=2) as client:
        before = threading.active_count()
        hung = [client.start(hanging) for _ in range(6)]
        assert [run.result(SOON / 4) for run in hung] == ["given up: True"] * 6
        assert len(TRIED) == 18, "eighteen threads hang, of a pool of two"
        assert [client.start(counting, n).result(SOON) for n in range(5)] == list(range(5))
        assert threading.active_count() <= before + 2 + 18
        OPEN.set()
        until(lambda: threading.active_count() <= before + 3, "the threads that came back have ended")


def test_a_step_that_is_retried_for_ever_without_a_delay_keeps_the_least_one(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(for_ever, id="stubborn")
        until(lambda: len(TRIED) >= 6, "six attempts")
        gaps = [after - before for before, after in pairwise(TRIED)]
        assert min(gaps) >= 0.0099, "ten milliseconds at least"
        assert client.start(counting, 1).result(SOON) == 1, "others keep their pace"
        operations = client._client._operations
        number = client._portal.call(operations.row("stubborn")).number
        journal = client._portal.call(operations.store.journal(number))
        assert len(journal) >= 5, "each attempt is there to be seen"
        assert b"refused" in (journal[-1].data or b"")
        assert run.cancel()
        with pytest.raises(RunCancelled):
            run.result(SOON)
        tried = len(TRIED)
        assert client.start(counting, 2).result(SOON) == 2
        assert len(TRIED) == tried, "and then it is over"


def test_a_step_that_blocks_its_thread_holds_up_no_other_run(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(blocked)
        assert [client.start(counting, n).result(SOON) for n in range(20)] == list(range(20))
        assert run.status() == "running"
        OPEN.set()
        assert run.result(SOON) == "unblocked"


def test_an_async_step_that_blocks_the_loop_is_warned_about_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with working(tmp_path, *EVERYTHING, lease="1s") as client:
        client.start(wedged).result(SOON)
        assert client.start(counting, 1).result(SOON) == 1, "it keeps its lease, and goes on"
    warned = [r.getMessage() for r in caplog.records if "has not turned" in r.getMessage()]
    assert len(warned) == 1 and "test_steps.py" in warned[0] and "time.sleep(1.6)" in warned[0]


@pytest.mark.parametrize("body", [swallows, swallows_in_def_code], ids=lambda body: body.name)
def test_a_swallowed_cancel_comes_again_at_the_next_verb(tmp_path: Path, body: object) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(body)  # type: ignore[call-overload]
        until(lambda: run.status() == "waiting", "it waits")
        assert run.cancel()
        assert not run.cancel(), "once is enough"
        with pytest.raises(RunCancelled) as caught:
            run.result(SOON)
        assert run.id in str(caught.value)
        assert run.status() == "cancelled"


def test_a_run_that_answers_its_cancel_with_a_result_has_completed(tmp_path: Path) -> None:
    with working(tmp_path, answers_its_cancel) as client:
        run = client.start(answers_its_cancel)
        until(lambda: run.status() == "waiting", "it waits")
        run.cancel()
        assert run.result(SOON) == "swallowed at the very end"


def test_a_wait_for_a_result_that_takes_too_long_ends_by_name_and_the_run_goes_on(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(blocked, id="slow")
        with pytest.raises(ResultTimeout) as caught:
            run.result("20ms")
        assert isinstance(caught.value, TimeoutError)
        assert_tells(caught.value, "slow", "20ms", "dalsegno where slow")
        OPEN.set()
        assert run.result(SOON) == "unblocked"
