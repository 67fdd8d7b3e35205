"""Code that a journal no longer fits is parked by name, and goes on once it is mended (64, 65, 66)."""

from __future__ import annotations

import random as stdlib_random
import time
import uuid as stdlib_uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import dalsegno
from dalsegno import Client, receive, sleep, step, workflow
from dalsegno.errors import RunFailed
from tests.bad_input.kit import SOON, working
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P3", "P11")

RAN: list[str] = []


@step
def pick(value: Any) -> str:
    RAN.append("pick")
    return f"picked {value}"


@step
def charge(amount: int) -> int:
    RAN.append(f"charge {amount}")
    return amount


@step
def pack() -> None:
    RAN.append("pack")


def _code(body: Callable[[], Any]) -> Any:
    """Make a workflow of one name, whatever its code."""
    return workflow(name="changing")(body)


def _stands(client: Client, reason: str | None) -> Any:
    """Wait until the run has come to rest, for a reason or for none."""
    run = client.run("r")
    until(lambda: run.info().status == "waiting" and run.info().reason == reason, f"waiting: {reason}")
    return run


def _begun(folder: Path, body: Any) -> None:
    """Run code up to the signal that it waits for, and end the worker."""
    RAN.clear()
    with working(folder, body) as client:
        client.start(body, id="r")
        _stands(client, None)


def _diverged(folder: Path, body: Any) -> str:
    """Replay with this code; hold that it is parked, not looping; return what the journal says of it."""
    before = list(RAN)
    with working(folder, body) as client:
        run = client.run("r")
        client.signal("r", "go")
        _stands(client, "parked: diverged")
        changed = run.info().changed_at
        for _ in range(3):  # whatever else goes on here, it is not taken up again
            client.runs()
        assert run.info().changed_at == changed
        assert before == RAN, "nothing was run"
        runtime = client._client._operations
        row = client._portal.call(runtime.row("r"))
        assert row.error is not None
        return row.error.decode()


def before() -> list[Any]:
    charge(1)
    pack()
    return [receive(str).result()]


def added() -> list[Any]:
    pick("new")
    charge(1)
    pack()
    return [receive(str).result()]


def removed() -> list[Any]:
    pack()
    return [receive(str).result()]


def reordered() -> list[Any]:
    pack()
    charge(1)
    return [receive(str).result()]


def renamed() -> list[Any]:
    step(name="bill")(charge.function)(1)
    pack()
    return [receive(str).result()]


def other_input() -> list[Any]:
    charge(2)
    pack()
    return [receive(str).result()]


def timer_instead() -> list[Any]:
    sleep("1h")
    pack()
    return [receive(str).result()]


def ends_early() -> list[Any]:
    return []


def appended() -> list[Any]:
    charge(1)
    pack()
    word = receive(str).result()
    return [word, charge(3)]


CHANGES = {
    added: ("entry 1", "step 'charge' (#1)", "step 'pick' (#1)"),
    removed: ("entry 1", "step 'charge' (#1)", "step 'pack' (#1)"),
    reordered: ("entry 1", "step 'charge' (#1)", "step 'pack' (#1)"),
    renamed: ("entry 1", "step 'charge' (#1)", "step 'bill' (#1)"),
    other_input: ("entry 1", "with input", "the same with input"),
    timer_instead: ("entry 1", "step 'charge' (#1)", "a timer (#1)"),
    ends_early: ("entry 1", "step 'charge' (#1)", "it came to its end after 0 operations"),
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_code_parks_the_run_by_name_and_a_retry_with_mended_code_goes_on(
    tmp_path: Path, change: Callable[[], Any]
) -> None:
    _begun(tmp_path, _code(before))
    error = _diverged(tmp_path, _code(change))
    for words in ("Run r, ", *CHANGES[change]):
        assert words in error
    with working(tmp_path, _code(before)) as client:
        run = _stands(client, "parked: diverged")
        assert run.status() == "waiting", "mended code alone does not take it up: somebody says so"
        assert run.retry()
        assert run.result(SOON) == ["go"]
    assert RAN == ["charge 1", "pack"], "no step ran twice"


def test_a_retry_without_mended_code_parks_it_again(tmp_path: Path) -> None:
    _begun(tmp_path, _code(before))
    _diverged(tmp_path, _code(added))
    with working(tmp_path, _code(added)) as client:
        assert client.run("r").retry()
        _stands(client, "parked: diverged")
        assert client.run("r").cancel()
    assert RAN == ["charge 1", "pack"]


def test_code_that_changed_behind_the_point_where_a_run_stands_just_goes_on(tmp_path: Path) -> None:
    _begun(tmp_path, _code(before))
    with working(tmp_path, _code(appended)) as client:
        client.signal("r", "go")
        assert client.run("r").result(SOON) == ["go", 3]


def _draws(value: Callable[[], Any]) -> Any:
    def body() -> list[Any]:
        picked = pick(value())
        return [picked, receive(str).result()]

    return _code(body)


UNSAFE: dict[str, Callable[[], Any]] = {
    "random.random": stdlib_random.random,
    "random.getrandbits": lambda: stdlib_random.getrandbits(60),
    "uuid.uuid4": lambda: str(stdlib_uuid.uuid4()),
    "time.time_ns": time.time_ns,
    "time.perf_counter": time.perf_counter,
    "datetime.now": lambda: str(datetime.now()),  # noqa: DTZ005
    "id()": lambda: id(object()) + time.monotonic_ns(),
}
SAFE: dict[str, Callable[[], Any]] = {
    "now": lambda: dalsegno.now().isoformat(),
    "uuid": lambda: str(dalsegno.uuid()),
    "random": lambda: dalsegno.random().random(),
    "set of words": lambda: ",".join(sorted({"a", "b", "c"})),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_clocks_and_chance_in_workflow_code_are_found_out_at_replay(tmp_path: Path, what: str) -> None:
    _begun(tmp_path, _draws(UNSAFE[what]))
    error = _diverged(tmp_path, _draws(UNSAFE[what]))
    assert "entry 1: the journal holds step 'pick' (#1) with input" in error
    assert "the code now asks for the same with input" in error
    assert "not deterministic" in error
    assert RAN == ["pick"]


@pytest.mark.parametrize("what", SAFE)
def test_the_runs_own_clock_and_chance_replay_alike(tmp_path: Path, what: str) -> None:
    _begun(tmp_path, _draws(SAFE[what]))
    with working(tmp_path, _draws(SAFE[what])) as client:
        client.signal("r", "go")
        picked, word = client.run("r").result(SOON)
        assert picked.startswith("picked ") and word == "go"
    assert RAN == ["pick"]


def test_an_input_that_the_code_no_longer_reads_parks_the_run_and_fails_nothing(tmp_path: Path) -> None:
    @workflow(name="changing")
    def takes_text(name: str) -> str:
        return name + receive(str).result()

    @workflow(name="changing")
    def takes_number(name: int) -> str:
        return str(name) + receive(str).result()

    with working(tmp_path, takes_text) as client:
        client.start(takes_text, "x", id="r")
        _stands(client, None)
    assert "is not stored as int" in _diverged(tmp_path, takes_number)
    with working(tmp_path, takes_text) as client:
        client.run("r").retry()
        assert client.run("r").result(SOON) == "xgo"


def test_a_run_whose_code_is_missing_here_stays_pending_until_a_worker_has_it(tmp_path: Path) -> None:
    @workflow(name="here")
    def here() -> str:
        return "here"

    @workflow(name="elsewhere")
    def elsewhere() -> str:
        return "elsewhere"

    with working(tmp_path, here) as client:
        run = client.start(elsewhere, id="r")
        assert client.start(here).result(SOON) == "here"
        assert run.status() == "pending"
    with working(tmp_path, here, elsewhere) as client:
        assert client.run("r").result(SOON) == "elsewhere"


def test_a_new_version_does_not_take_runs_of_an_old_one_and_the_old_one_finishes_them(tmp_path: Path) -> None:
    old = _code(before)
    new = workflow(name="changing", version=2)(added)
    _begun(tmp_path, old)
    with working(tmp_path, new) as client:
        client.signal("r", "go")
        fresh = client.start(new, id="fresh")
        until(lambda: fresh.info().status == "waiting", "the new version runs")
        assert client.run("r").info().reason is None
    with working(tmp_path, old, new) as client:
        assert client.run("r").result(SOON) == ["go"]
        client.signal("fresh", "too")
        assert client.run("fresh").result(SOON) == ["too"]


def test_a_failed_run_tells_its_failure_after_its_code_is_gone(tmp_path: Path) -> None:
    @workflow(name="changing")
    def fails() -> None:
        raise KeyError("sku")

    with working(tmp_path, fails) as client, pytest.raises(RunFailed):
        client.start(fails, id="r").result(SOON)
    with working(tmp_path) as client, pytest.raises(RunFailed, match="KeyError: 'sku'"):
        client.run("r").result(SOON)
