"""``dalsegno worker``: real processes, and the signals that end them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import dalsegno, worker
from tests.helpers.waiting import until


def status(cli: Cli, id: str) -> str:
    return cli("where", id).stdout.split("  ")[2].split()[0]


def calls(shop: Path) -> list[str]:
    file = shop / "calls"
    return file.read_text().split() if file.exists() else []


def knocks(cli: Cli, shop: Path, id: str) -> None:
    """Start a run whose step stands at a door, and wait until it does."""
    cli("start", "orders.py:door", '"open"', "--id", id)
    until(lambda: len(calls(shop)) == 1, "it knocks")


def test_it_says_what_it_does_on_stderr(shop: Path) -> None:
    with worker(
        "orders.py", "--slots", "7", "--threads", "3", "--lease", "2s", "--queue", "slow", cwd=shop
    ) as it:
        assert f"worker of orders.py, pid {it.pid}" in it.said
        assert f"store      sqlite:///{shop}/orders.db (beside the file)" in it.said
        assert "greet v1" in it.said
        assert "slow; 7 slots, 3 threads" in it.said
        assert "lease      2s" in it.said


def test_the_app_in_the_file_gives_the_options(shop: Path) -> None:
    with worker("newer.py", cwd=shop) as it:
        assert "default; 7 slots" in it.said
        assert "(App 'orders')" in it.said


def test_the_first_sigterm_lets_a_step_under_way_end(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop) as it:
        knocks(cli, shop, "d")
        it.tell(signal.SIGTERM)
        it.says("SIGTERM: draining")
        assert status(cli, "d") == "running"
        (shop / "open").touch()
        assert it.ended() == 0
    assert "stopped; what is not finished goes on with the next worker" in it.said
    with worker("orders.py", cwd=shop):
        until(lambda: status(cli, "d") == "completed", "the run completes")
    assert calls(shop) == ["open"], "the step did not run again"


def test_what_does_not_end_within_the_grace_is_handed_on_and_not_failed(shop: Path, cli: Cli) -> None:
    with worker("orders.py", "--grace", "50ms", cwd=shop) as it:
        knocks(cli, shop, "d")
        it.tell(signal.SIGTERM)
        assert it.ended() == 0, "a step that does not end keeps the process from nothing"
    (shop / "open").touch()
    said = cli("where", "d").stdout
    assert "no worker is alive" in said
    assert "✗" not in said
    with worker("orders.py", cwd=shop):
        until(lambda: status(cli, "d") == "completed", "the run completes")


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_ends_it_at_once_and_fails_nothing(
    shop: Path, cli: Cli, second: signal.Signals, code: int
) -> None:
    with worker("orders.py", "--grace", "1m", cwd=shop) as it:
        knocks(cli, shop, "d")
        it.tell(signal.SIGTERM)
        it.says("draining")
        it.tell(second)
        assert it.ended() == code
    assert "stopped at once" in it.said
    assert status(cli, "d") == "running"
    (shop / "open").touch()
    with worker("orders.py", cwd=shop):
        until(lambda: status(cli, "d") == "completed", "the run completes")


def test_a_ctrl_c_drains_as_well(shop: Path) -> None:
    with worker("orders.py", cwd=shop) as it:
        it.tell(signal.SIGINT)
        assert it.ended() == 0
        assert "SIGINT: draining" in it.said


def test_a_wedged_worker_can_still_be_ended(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop) as it:
        cli("start", "orders.py:wedge", "--id", "w")
        until(lambda: calls(shop) == ["hog"], "the step has the loop")
        it.tell(signal.SIGTERM)
        it.tell(signal.SIGINT)
        assert it.ended() in (130, 143)


def test_after_a_kill_another_worker_goes_on_at_once(shop: Path, cli: Cli) -> None:
    with worker("orders.py", "--lease", "1m", cwd=shop) as it:
        knocks(cli, shop, "d")
        it.tell(signal.SIGKILL)
        assert it.ended() == -signal.SIGKILL
    (shop / "open").touch()
    with worker("orders.py", cwd=shop):
        until(lambda: status(cli, "d") == "completed", "the run completes", within=5)
    assert calls(shop) == ["open", "open"]
    assert cli("where", "d").stdout.count("✓ say") == 1, "the step that was done was not done again"


def test_several_files_are_one_worker(shop: Path, cli: Cli) -> None:
    (shop / "more.py").write_text("from dalsegno import workflow\n@workflow\ndef more(): return 1\n")
    with worker("orders.py", "more.py", "--store", "both.db", cwd=shop) as it:
        assert "worker of orders.py, more.py" in it.said
        assert cli("start", "more.py:more", "--store", "both.db", "--wait").stdout == "1\n"
        assert (
            cli("start", "orders.py:greet", '{"name": "ann"}', "--store", "both.db", "--wait").exit_code == 0
        )


def test_two_files_with_two_stores_are_refused(shop: Path) -> None:
    (shop / "more.py").write_text("from dalsegno import workflow\n@workflow\ndef more(): return 1\n")
    ended = dalsegno("worker", "orders.py", "more.py", cwd=shop)
    assert ended.returncode == 2
    assert "These files have different stores" in ended.stderr


def test_a_file_without_workflows_is_refused(shop: Path) -> None:
    (shop / "empty.py").write_text("x = 1\n")
    ended = dalsegno("worker", "empty.py", cwd=shop)
    assert ended.returncode == 2
    assert "empty.py has no workflow" in ended.stderr
    assert not (shop / "empty.db").exists()


def test_a_store_that_cannot_be_made_ends_it_with_5(shop: Path) -> None:
    ended = dalsegno("worker", "orders.py", "--store", "nowhere/orders.db", cwd=shop)
    assert ended.returncode == 5
    assert "does not exist" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_store_that_vanishes_under_it_ends_it_with_5(shop: Path, cli: Cli) -> None:
    with worker("orders.py", "--lease", "1s", cwd=shop) as it:
        for file in shop.glob("orders.db*"):
            file.unlink()
        assert it.ended() == 5
    assert "was deleted while it was open" in it.said
