"""Verbs in the wrong place, and workflow code that reaches for the world: each has its name (74)."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dalsegno
from dalsegno import Client, receive, sleep, step, step_info, workflow
from dalsegno.errors import MisusedInRun, NotInRun, SideEffectInWorkflow, WrongColour
from tests.bad_input.kit import SOON, assert_tells, failure_of, working

HERE: dict[str, Any] = {}


@step
def plain(number: int = 1) -> int:
    return number


@step
async def awaited() -> int:
    return 2


@workflow
def inner() -> int:
    return plain()


@workflow
async def inner_awaited() -> int:
    return await awaited()


OUTSIDE: dict[str, Callable[[], object]] = {
    "sleep": lambda: sleep("1s"),
    "receive": lambda: receive(str),
    "now": dalsegno.now,
    "uuid": dalsegno.uuid,
    "random": dalsegno.random,
    "step_info": step_info,
    "plain.start": plain.start,
    "inner.start": inner.start,
}


@pytest.mark.parametrize("verb", OUTSIDE)
def test_a_verb_outside_a_run_is_refused_by_name(verb: str) -> None:
    with pytest.raises(NotInRun) as caught:
        OUTSIDE[verb]()
    assert_tells(caught.value, f"{verb}()")


@pytest.mark.parametrize("verb", [verb for verb in OUTSIDE if verb != "step_info"])
def test_a_verb_in_a_steps_body_or_in_another_thread_is_refused_by_name(tmp_path: Path, verb: str) -> None:
    heard: list[str] = []

    def call() -> None:
        try:
            OUTSIDE[verb]()
        except NotInRun as error:
            heard.append(error.what)

    @step(name="s")
    def body() -> None:
        call()
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    @workflow(name="w")
    def run() -> None:
        body()

    with working(tmp_path, run) as client:
        client.start(run).result(SOON)
    assert len(heard) == 2 and all(f"{verb}()" in what for what in heard)


def test_called_outside_a_run_steps_and_workflows_are_plain_functions() -> None:
    assert plain(7) == 7
    assert inner() == 1
    assert asyncio.run(inner_awaited()) == 2


def _wrong(body: Callable[[], Any], folder: Path) -> Any:
    run = workflow(name="w")(body)
    with working(folder, run, inner, inner_awaited) as client:
        return failure_of(client.start(run, id="r"))


async def _bare_step() -> int:
    return plain()


async def _bare_sleep() -> None:
    sleep("5s")


async def _bare_workflow() -> int:
    return inner()


async def _early_result() -> int:
    return plain.start().result()


def _async_step() -> object:
    return awaited()


def _async_workflow() -> object:
    return inner_awaited()


COLOURS: dict[Callable[[], Any], str] = {
    _bare_step: "Write `await plain.start(…)`.",
    _bare_sleep: "Write `await asyncio.sleep(5)`.",
    _bare_workflow: "Write `await inner.start(…)`.",
    _early_result: "Write `await promise`.",
    _async_step: "Write `awaited.start(…).result()`.",
    _async_workflow: "Write `inner_awaited.start(…).result()`.",
}


@pytest.mark.parametrize("body", COLOURS, ids=lambda body: body.__name__)
def test_a_call_of_the_wrong_colour_says_what_to_write(tmp_path: Path, body: Callable[[], Any]) -> None:
    error = _wrong(body, tmp_path)
    assert error.type == f"dalsegno.errors.{WrongColour.__name__}"
    assert COLOURS[body] in error.message


def _client_result() -> object:
    client: Client = HERE["client"]
    return client.run("other").result(1)


async def _client_start() -> object:
    client: Client = HERE["client"]
    return client.start(inner)


@pytest.mark.parametrize("body", [_client_result, _client_start], ids=lambda body: body.__name__)
def test_the_client_in_workflow_code_is_refused_by_name_and_the_worker_lives(
    tmp_path: Path, body: Callable[[], Any]
) -> None:
    run = workflow(name="w")(body)
    with working(tmp_path, run, inner) as client:
        HERE["client"] = client
        client.start(inner, id="other")
        error = failure_of(client.start(run))
        assert error.type == f"dalsegno.errors.{MisusedInRun.__name__}"
        assert client.start(inner).result(SOON) == 1


def test_a_promise_kept_beyond_its_run_or_taken_to_another_thread_disturbs_nobody(tmp_path: Path) -> None:
    heard: list[BaseException] = []

    def touch() -> None:
        for use in (HERE["promise"].result, lambda: HERE["promise"].result("1s")):
            try:
                use()
            except BaseException as error:
                heard.append(error)

    @workflow(name="w")
    async def leaves_it() -> str:
        HERE["promise"] = receive(str)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.shield(HERE["promise"])
        except TimeoutError:
            pass
        thread_answer = await meddle.start()
        HERE["promise"].cancel()
        return thread_answer

    @step
    def meddle() -> str:
        touch()
        return "met"

    with working(tmp_path, leaves_it, inner) as client:
        assert client.start(leaves_it).result(SOON) == "met"
        touch()
        assert client.start(inner).result(SOON) == 1
    assert len(heard) == 4
    assert all(isinstance(error, MisusedInRun | asyncio.CancelledError) for error in heard), heard


# -- side effects


def _loop_executor() -> object:
    return asyncio.get_running_loop().run_in_executor(None, print)


EFFECTS: dict[str, Callable[[], object]] = {
    "socket": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "name lookup": lambda: socket.getaddrinfo("localhost", 80),
    "url": lambda: urllib.request.urlopen("http://127.0.0.1:9/", timeout=1),
    "subprocess": lambda: subprocess.run([sys.executable, "-V"], check=False),
    "os.system": lambda: os.system("true"),
    "time.sleep": lambda: time.sleep(0.001),
    "open": lambda: open(os.devnull),  # noqa: SIM115
    "path": lambda: Path(os.devnull).read_text(),
    "remove": lambda: os.remove("/nowhere"),  # noqa: PTH107
    "thread": lambda: threading.Thread(target=print).start(),
    "fork": os.fork,
}


TOLD_SINCE = {"thread": (3, 12), "time.sleep": (3, 13)}
"""The Pythons that raise an audit event for it; older ones give nobody a way to refuse it."""


def _side_effect(name: str) -> str:
    try:
        EFFECTS[name]()
    except SideEffectInWorkflow as error:
        assert_tells(error, "@step")
        return "refused"
    return "done"


@workflow
def reaches(name: str) -> str:
    return _side_effect(name)


@workflow
async def reaches_awaited(name: str) -> str:
    await asyncio.sleep(0)
    return _side_effect(name)


@workflow
async def reaches_by_the_loop() -> list[str]:
    refused = []
    for reach in (
        _loop_executor,
        lambda: asyncio.to_thread(print),
        lambda: asyncio.open_connection("127.0.0.1", 9),
        lambda: asyncio.create_subprocess_exec("true"),
    ):
        try:
            coroutine: Any = reach()
            await coroutine
        except SideEffectInWorkflow:
            refused.append("refused")
    return refused


@step
def may(name: str) -> str:
    return _side_effect(name)


@workflow
def steps_may(name: str) -> str:
    return may(name)


@pytest.mark.parametrize("body", [reaches, reaches_awaited], ids=lambda body: body.name)
def test_workflow_code_that_reaches_for_the_world_is_refused_by_name(tmp_path: Path, body: Any) -> None:
    told = [name for name in EFFECTS if sys.version_info >= TOLD_SINCE.get(name, (3, 11))]
    with working(tmp_path, reaches, reaches_awaited) as client:
        runs = {name: client.start(body, name) for name in told}
        assert {name: run.result(SOON) for name, run in runs.items()} == dict.fromkeys(told, "refused")


def test_workflow_code_that_blocks_the_loop_is_warned_about_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @workflow(name="w")
    def computes() -> None:
        plain()
        ends = time.monotonic() + 0.15
        while time.monotonic() < ends:
            pass
        plain()

    with working(tmp_path, computes) as client:
        client.start(computes).result(SOON)
    assert "computed for" in caplog.text and "test_misuse.py" in caplog.text


def test_the_runs_loop_has_no_sockets_threads_or_processes(tmp_path: Path) -> None:
    with working(tmp_path, reaches_by_the_loop) as client:
        assert client.start(reaches_by_the_loop).result(SOON) == ["refused"] * 4


def test_a_step_may_do_all_of_it(tmp_path: Path) -> None:
    harmless = ["name lookup", "subprocess", "os.system", "time.sleep", "path", "thread"]
    with working(tmp_path, steps_may) as client:
        assert [client.start(steps_may, name).result(SOON) for name in harmless] == ["done"] * 6


def test_a_promise_that_nobody_waited_for_fails_the_run_by_name(tmp_path: Path) -> None:
    def forgets() -> None:
        plain.start(random.randint(1, 2))

    error = _wrong(forgets, tmp_path)
    assert error.type == "dalsegno.errors.PromiseNeverAwaited"
    assert "'plain' (#1)" in error.message and "p.cancel()" in error.message
