"""``dalsegno where``, asked about runs that a real worker brought where they stand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import Working, worker
from tests.helpers.waiting import until


def stands(cli: Cli, id: str, *texts: str) -> str:
    """Wait until where says all of it, and return what it says."""

    def look() -> str:
        said = cli("where", id).stdout
        return said if all(text in said for text in texts) else ""

    try:
        return until(look, f"where {id} says {texts}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says\n{cli('where', id).stdout}") from None


@pytest.fixture
def at_work(shop: Path) -> Iterator[Working]:
    with worker("orders.py", "--lease", "1s", cwd=shop) as working:
        yield working


def test_a_run_without_any_worker(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:greet", '{"name": "ann"}', "--id", "g")
    said = cli("where", "g")
    assert said.exit_code == 0
    assert "and no worker is alive" in said.stdout
    assert "next: dalsegno worker FILE.py" in said.stdout
    assert "store orders.db (the only database here)" in said.stderr


def test_a_run_that_completed(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:greet", '{"name": "ann"}', "--id", "g")
    said = stands(cli, "g", "completed")
    assert "✓ say" in said


def test_a_run_that_waits_for_a_signal_shows_how_to_send_it(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:approve", "--id", "a")
    said = stands(cli, "a", "waits for signal underwriter")
    assert "· underwriter  waits for this signal since" in said
    assert "next: dalsegno runs signal a underwriter '{...}'" in said
    cli("runs", "signal", "a", "underwriter", "true", "--sender", "ann")
    assert "✓ underwriter" in stands(cli, "a", "completed", "signal from ann")


def test_a_run_that_sleeps(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    assert "(in 1d 23h)" in stands(cli, "n", "waits for a timer, in 1d 23h")


def test_a_run_between_two_attempts(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:flaky", "--id", "f")
    said = stands(cli, "f", "charge: attempt 2 of 5, in 5", "after ValueError: no funds")
    assert "✗ charge" in said


def test_a_run_that_waits_for_its_child_says_what_the_child_waits_for(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:family", "--id", "f", "--case", "smith")
    stands(cli, "f", "waits for child run the-child, which waits for signal underwriter")
    assert "child of f" in cli("where", "the-child").stdout
    case = cli("where", "smith").stdout
    assert case.startswith("case smith: 2 runs")


def test_a_step_that_takes_its_time(at_work: Working, cli: Cli, shop: Path) -> None:
    cli("start", "orders.py:door", '"open"', "--id", "d")
    stands(cli, "d", f"knock has been running on worker pid {at_work.pid} (orders.py) for ")
    (shop / "open").touch()
    stands(cli, "d", "completed")


def test_a_worker_whose_loop_a_step_blocks(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:wedge", "--id", "w")
    stands(cli, "w", f"the loop of worker pid {at_work.pid} (orders.py) has stood still for")
    found = cli("doctor")
    assert found.exit_code == 1
    assert "its loop has stood still" in found.stdout


def test_a_worker_that_was_killed(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:door", '"open"', "--id", "d")
    stands(cli, "d", "running")
    at_work.tell(signal.SIGKILL)
    at_work.ended()
    stands(cli, "d", f"its worker, pid {at_work.pid} (orders.py), is gone; no live worker has its code")


def test_a_worker_without_the_code(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    with worker("changed.py", cwd=shop) as other:
        said = cli("where", "n").stdout
        assert f"worker pid {other.pid} (changed.py) has not nap v1 (none of its versions)" in said


def test_a_worker_with_another_version(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:approve", "--id", "a")
    with worker("newer.py", cwd=shop):
        assert "has not approve v1 (version 2 only)" in cli("where", "a").stdout


def test_a_run_whose_code_changed_is_parked_until_somebody_retries_it(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop):
        cli("start", "orders.py:approve", "--id", "a")
        stands(cli, "a", "waits for signal")
    cli("runs", "signal", "a", "underwriter", "true")
    with worker("changed.py", cwd=shop):
        said = stands(cli, "a", "parked, since its journal and the code disagree: Run a, entry 1:")
        assert "dalsegno runs retry a" in said
    listed = cli("runs", "list", "--parked").stdout
    assert "parked: diverged" in listed
    assert cli("doctor").exit_code == 1
    with worker("orders.py", cwd=shop):
        assert cli("runs", "retry", "a").exit_code == 0
        stands(cli, "a", "completed")


def test_a_compensation_that_failed_waits_for_a_person(at_work: Working, cli: Cli, shop: Path) -> None:
    cli("start", "orders.py:trip", "--id", "t")
    said = stands(cli, "t", "parked: compensation failed for book")
    assert "✗ unbook" in said
    assert "undoes book: OSError: the hotel does not answer" in said
    (shop / "mended").touch()
    assert cli("runs", "retry", "t", "--sender", "bob").exit_code == 0
    said = stands(cli, "t", "failed (compensated)", "KeyError: 'no seat'")
    assert "to be tried again, says bob" in said
    assert "✓ unbook" in said


def test_a_store_that_another_process_holds(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    hold = "import apsw, sys; c = apsw.Connection('orders.db'); c.execute('BEGIN IMMEDIATE'); print('held', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}; sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=shop,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = cli("where", "n").stdout
        held = cli("doctor")
        assert holder.stdin is not None
        holder.stdin.close()
    assert f"the store is held by pid {holder.pid}: nobody else can write" in said
    assert f"kill -CONT {holder.pid}" in said
    assert held.exit_code == 1


def test_one_json_document(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:approve", "--id", "a")
    stands(cli, "a", "waits for signal")
    document = json.loads(cli("where", "a", "--json").stdout)
    (run,) = document["runs"]
    assert run["why"]["kind"] == "waiting for a signal"
    assert run["trail"][0]["name"] == "say"
    assert run["at"].endswith("Z")


def test_what_is_not_there(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n-1")
    cli("start", "orders.py:nap", "--id", "n-2")
    missing = cli("where", "x")
    assert missing.exit_code == 3
    assert missing.stdout == ""
    assert "No run and no case is called 'x'" in missing.stderr
    several = cli("where", "n-")
    assert several.exit_code == 3
    assert "n-2, n-1" in several.stderr
    assert cli("where", "n-2").exit_code == 0
