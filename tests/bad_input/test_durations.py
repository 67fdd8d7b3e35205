"""Lengths of time that are none: each is refused by name, and zero is fine (60)."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Retry, receive, sleep, step, workflow
from dalsegno.errors import DefinitionError, InvalidDuration
from tests.bad_input.kit import SOON, assert_tells, failure_of, working

BAD: dict[str, Any] = {
    "negative": -1,
    "negative text": "-5s",
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "longer than any date": 10**12,
    "a number of a thousand digits": 10**1000,
    "no duration": "soon",
    "empty": "",
    "no unit": "5",
    "a naive datetime": datetime(2027, 1, 1),  # noqa: DTZ001
    "nothing": None,
    "a bool": True,
}


@workflow
def sleeps(which: str) -> str:
    try:
        sleep(BAD[which])
    except InvalidDuration as error:
        assert_tells(error, "sleep")
        return "refused by name"
    return "slept"


@workflow
def naps() -> str:
    sleep(0)
    sleep("0s")
    return "awake"


@workflow
async def naps_awaited() -> str:
    await asyncio.sleep(0)
    async with asyncio.timeout(3600):
        await asyncio.sleep(0.0)
    return "awake"


def test_a_sleep_that_cannot_be_slept_is_refused_by_name_in_the_run(tmp_path: Path) -> None:
    with working(tmp_path, sleeps) as client:
        runs = {which: client.start(sleeps, which) for which in BAD}
        assert {which: run.result(SOON) for which, run in runs.items()} == dict.fromkeys(
            BAD, "refused by name"
        )


def test_a_refusal_that_nobody_catches_is_the_runs_named_failure(tmp_path: Path) -> None:
    @workflow(name="w")
    def body() -> None:
        sleep("soon")

    with working(tmp_path, body) as client:
        error = failure_of(client.start(body))
    assert error.type == "dalsegno.errors.InvalidDuration" and "'soon'" in error.message


@pytest.mark.parametrize("nap", [naps, naps_awaited])
def test_no_time_at_all_is_a_length_of_time(tmp_path: Path, nap: Any) -> None:
    with working(tmp_path, naps, naps_awaited) as client:
        assert client.start(nap).result(SOON) == "awake"


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 10**12, -1.0], ids=repr)
def test_asyncio_sleep_of_a_wrong_number_is_refused_by_name_and_never_waits_for_ever(
    tmp_path: Path, seconds: float
) -> None:
    @workflow(name="w")
    async def body() -> str:
        await asyncio.sleep(seconds)
        return "over"

    @workflow(name="other")
    async def other() -> str:
        return "alive"

    with working(tmp_path, body, other) as client:
        run = client.start(body, id="odd")
        assert client.start(other).result(SOON) == "alive"
        if seconds < 0:
            assert run.result(SOON) == "over", "asyncio takes a negative delay for none"
        else:
            assert failure_of(run).type in ("dalsegno.errors.InvalidDuration", "builtins.ValueError")


@pytest.mark.parametrize("which", [which for which in BAD if which != "nothing"])
def test_options_that_take_a_duration_refuse_it_where_they_are_declared(which: str) -> None:
    for declare in (
        lambda value: step(timeout=value)(lambda: None),
        lambda value: step(total_timeout=value)(lambda: None),
        lambda value: Retry(first=value),
        lambda value: Retry(max=value),
        lambda value: App("x", include=[], lease=value),
        lambda value: App("x", include=[], grace=value),
    ):
        with pytest.raises((InvalidDuration, DefinitionError)) as caught:
            declare(BAD[which])
        assert_tells(caught.value)


def test_a_wait_for_a_result_or_a_promise_refuses_it_too(tmp_path: Path) -> None:
    @workflow(name="w")
    def body() -> str:
        promise = receive(str)
        try:
            promise.result("soon")
        except InvalidDuration:
            promise.cancel()
            return "refused by name"
        return "no"

    @workflow(name="patient")
    async def patient() -> str:
        return await receive(str)

    with working(tmp_path, body, patient) as client:
        assert client.start(body).result(SOON) == "refused by name"
        run = client.start(patient)
        for which in ("negative", "NaN", "infinity", "no duration", "a naive datetime"):
            with pytest.raises(InvalidDuration, match="timeout"):
                run.result(BAD[which])
        run.signal("go")
        assert run.result(SOON) == "go"
