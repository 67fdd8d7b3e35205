"""Whatever a step's own code raises is that step's failure, and the worker lives (15)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from dalsegno import Retry, step, workflow
from dalsegno.errors import StepFailed
from tests.bad_input.kit import SOON, failure_of, working

pytestmark = pytest.mark.promise("P11")


def _recurse(n: int) -> int:
    return _recurse(n + 1) + 1


class Unshowable(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even my text")


def _raise(how: str) -> None:
    if how == "sys.exit":
        sys.exit(3)
    if how == "RecursionError":
        _recurse(0)
    kinds = {
        "SystemExit": SystemExit(1),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "CancelledError": asyncio.CancelledError(),
        "StopIteration": StopIteration(1),
        "BaseException": BaseException("bare"),
        "ExceptionGroup": BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError("one")]),
        "Unshowable": Unshowable(),
    }
    raise kinds[how]


@step
def blocking(how: str) -> None:
    _raise(how)


@step
async def awaited(how: str) -> None:
    _raise(how)


@step
async def fine() -> str:
    return "the worker lives"


@workflow
async def in_a_thread(how: str) -> None:
    await blocking.start(how)


@workflow
async def on_the_loop(how: str) -> None:
    await awaited(how)


@workflow
def in_def_code(how: str) -> str:
    try:
        blocking(how)
    except Exception as error:
        return type(error).__name__
    return "nothing was raised"


@workflow
async def neighbour() -> str:
    return await fine()


HOWS = [
    "sys.exit",
    "SystemExit",
    "KeyboardInterrupt",
    "GeneratorExit",
    "CancelledError",
    "RecursionError",
    "BaseException",
    "ExceptionGroup",
    "Unshowable",
]
EVERYTHING = (in_a_thread, on_the_loop, in_def_code, neighbour, blocking, awaited, fine)


@pytest.mark.parametrize("shape", [in_a_thread, on_the_loop])
@pytest.mark.parametrize("how", [*HOWS, "StopIteration"])
def test_what_a_step_raises_fails_its_run_and_the_worker_lives(
    tmp_path: Path, how: str, shape: object
) -> None:
    if how == "StopIteration" and shape is on_the_loop:
        how = "SystemExit"  # a coroutine turns it into a RuntimeError by itself
    with working(tmp_path, *EVERYTHING) as client:
        failed = client.start(shape, how, id="bad")  # type: ignore[call-overload]
        error = failure_of(failed)
        kind = {"sys.exit": "SystemExit", "ExceptionGroup": "BaseExceptionGroup"}.get(how, how)
        assert kind in error.type or kind in error.message
        assert failed.status() == "failed"
        assert client.start(neighbour).result(SOON) == "the worker lives"


@pytest.mark.parametrize("how", HOWS)
def test_def_code_catches_what_a_step_raised_as_an_exception_that_ends_nothing(
    tmp_path: Path, how: str
) -> None:
    with working(tmp_path, *EVERYTHING) as client:
        caught = client.start(in_def_code, how).result(SOON)
    own = {"RecursionError": "RecursionError", "Unshowable": "Unshowable"}
    assert caught == own.get(how, StepFailed.__name__)


def test_a_step_that_exits_at_its_first_attempt_is_not_retried_by_default_policies(tmp_path: Path) -> None:
    tries: list[int] = []

    @step(retry=Retry(attempts=3, first="10ms"))
    def exits() -> None:
        tries.append(1)
        sys.exit(1)

    @workflow(name="exits_in_a_run")
    def body() -> None:
        exits()

    with working(tmp_path, body, exits) as client:
        assert "SystemExit" in failure_of(client.start(body)).message
    assert len(tries) == 1, "Retry(on=Exception) is about exceptions; SystemExit is none"


@pytest.mark.parametrize("how", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "RecursionError"])
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_what_a_workflow_body_raises_is_its_failure_and_the_worker_lives(
    tmp_path: Path, how: str, colour: str
) -> None:
    @workflow(name="a")
    async def awaited_body() -> None:
        _raise(how)

    @workflow(name="b")
    def blocking_body() -> None:
        _raise(how)

    with working(tmp_path, awaited_body, blocking_body, neighbour, fine) as client:
        run = client.start(blocking_body if colour == "def" else awaited_body)
        assert how in failure_of(run).type
        assert client.start(neighbour).result(SOON) == "the worker lives"
