"""Bounds: each is met with its name, before the journal holds any of what was too much (67, 68, 89)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dalsegno import Client, Limits, receive, sleep, step, workflow
from dalsegno.errors import ChildFailed, JournalFull, PayloadTooLarge, RunFailed, TooDeep
from tests.bad_input.kit import SOON, assert_tells, failure_of, working

pytestmark = pytest.mark.promise("P10")

HUGE = 10_000_000
CALLS: list[str] = []


@step
def make(size: int) -> str:
    CALLS.append("make")
    return "x" * size


@step
def take(text: str) -> int:
    CALLS.append("take")
    return len(text)


@step
def shout(size: int) -> None:
    raise ValueError("x" * size)


@workflow
def huge_result_of_step(size: int) -> str:
    return make(size)[:3]


@workflow
def huge_result_caught(size: int) -> str:
    try:
        make(size)
    except PayloadTooLarge as error:
        return "caught" if error.size > size else "caught, but not this one"  # type: ignore[attr-defined]
    return "not caught"


@workflow
def huge_argument(size: int) -> int:
    return take("x" * size)


@workflow
def huge_result(size: int) -> str:
    return "x" * size


@workflow
def huge_child_result(size: int) -> str:
    try:
        return huge_result.start(size).result()
    except ChildFailed as error:
        return f"{error.type}"  # type: ignore[attr-defined]


@workflow
def huge_child_input(size: int) -> int:
    return length.start("x" * size).result()


@workflow
def huge_exception(size: int) -> None:
    shout(size)


@workflow
def huge_own_exception(size: int) -> None:
    raise ValueError("x" * size)


@workflow
def length(text: str) -> int:
    return len(text)


@workflow
def waits() -> str:
    return receive(str).result()


@workflow
def deeper(level: int) -> int:
    return deeper.start(level + 1).result()


@workflow
def wide_awake() -> None:
    while True:
        take("again")


@workflow
def naps_for_ever() -> None:
    while True:
        sleep("1ms")


EVERYTHING = (
    *(huge_result_of_step, huge_result_caught, huge_argument, huge_result, huge_child_result),
    *(huge_child_input, huge_exception, huge_own_exception, length, waits, deeper, wide_awake, naps_for_ever),
)


def _written(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _holds_nothing_of_it(folder: Path, client: Client) -> None:
    assert all(info.status in ("failed", "completed") for info in client.runs())
    assert _written(folder) < HUGE, "ten megabytes went to the disk"


def test_ten_megabytes_of_input_are_refused_at_the_call(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        with pytest.raises(PayloadTooLarge) as caught:
            client.start(length, "x" * HUGE, id="huge")
        assert_tells(caught.value, "input of workflow length", "10,000,002", "huge")
        assert client.runs() == []
        assert client.start(length, "fits", id="huge").result(SOON) == 4, "the id is still free"


def test_ten_megabytes_of_signal_are_refused_at_the_call_and_the_run_goes_on_waiting(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(waits)
        with pytest.raises(PayloadTooLarge) as caught:
            run.signal("x" * HUGE)
        assert_tells(caught.value, "signal str", run.id)
        run.signal("small")
        assert run.result(SOON) == "small"
        _holds_nothing_of_it(tmp_path, client)


@pytest.mark.parametrize(
    "body", [huge_result_of_step, huge_argument, huge_result, huge_child_input], ids=lambda body: body.name
)
def test_ten_megabytes_within_a_run_are_its_named_failure_and_happen_once(
    tmp_path: Path, body: object
) -> None:
    CALLS.clear()
    with working(tmp_path, *EVERYTHING) as client:
        error = failure_of(client.start(body, HUGE))  # type: ignore[call-overload]
        assert error.type == "dalsegno.errors.PayloadTooLarge"
        assert "1,048,576 are allowed" in error.message
        _holds_nothing_of_it(tmp_path, client)
    assert len(CALLS) <= 1, "the step is not run for ever"
    assert "take" not in CALLS, "a step whose arguments are too large does not begin"


def test_workflow_code_can_catch_a_result_that_is_too_large(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        assert client.start(huge_result_caught, HUGE).result(SOON) == "caught"
        assert client.start(huge_child_result, HUGE).result(SOON) == "dalsegno.errors.PayloadTooLarge"
        _holds_nothing_of_it(tmp_path, client)


@pytest.mark.parametrize("body", [huge_exception, huge_own_exception], ids=lambda body: body.name)
def test_ten_megabytes_of_exception_text_are_cut_and_say_so(tmp_path: Path, body: object) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        run = client.start(body, HUGE)  # type: ignore[call-overload]
        error = failure_of(run)
        assert error.type.removeprefix("builtins.") == "ValueError"
        assert len(error.message) < 5_000 and "characters left out" in error.message
        assert len(error.traceback) < 10_000
        with pytest.raises(RunFailed) as caught:
            run.result(SOON)
        assert len(str(caught.value)) < 10_000
        assert _written(tmp_path) < 1_000_000


def test_a_payload_at_the_limit_fits_and_one_byte_more_does_not(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING, limits=Limits(payload=1_000)) as client:
        assert client.start(length, "x" * 998).result(SOON) == 998
        with pytest.raises(PayloadTooLarge):
            client.start(length, "x" * 999)


@pytest.mark.timeout(60)
def test_a_recursion_of_children_ends_by_name_at_its_depth(tmp_path: Path) -> None:
    with working(tmp_path, *EVERYTHING, limits=Limits(depth=12)) as client:
        error = failure_of(client.start(deeper, 0, id="deep"))
        assert error.type == "dalsegno.errors.ChildFailed" and "TooDeep" in error.message
        assert len(client.runs(limit=100)) == 13
        deepest = failure_of(client.run("deep" + ".1" * 12))
        assert deepest.type == f"dalsegno.errors.{TooDeep.__name__}"
        assert "12 levels" in deepest.message


@pytest.mark.parametrize("body", [wide_awake, naps_for_ever], ids=lambda body: body.name)
def test_an_endless_loop_of_steps_or_timers_fails_by_name_when_its_journal_is_full(
    tmp_path: Path, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    with working(tmp_path, *EVERYTHING, limits=Limits(ops=60, ops_warned=30)) as client:
        run = client.start(body, id="endless")  # type: ignore[call-overload]
        error = failure_of(run)
        assert error.type == f"dalsegno.errors.{JournalFull.__name__}"
        assert "endless" in error.message and "60" in error.message
    assert "run endless has made" in caplog.text, "it was told of before it was too late"
