"""``dalsegno runs``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import Working, running, worker
from tests.helpers.waiting import until


@pytest.fixture
def at_work(shop: Path) -> Iterator[Working]:
    with worker("orders.py", "--lease", "1s", cwd=shop) as working:
        yield working


@pytest.fixture
def waiting(at_work: Working, cli: Cli) -> str:
    """A run that waits for a signal."""
    cli("start", "orders.py:approve", "--id", "app-1")
    until(lambda: "waits for signal" in cli("where", "app-1").stdout, "it waits")
    return "app-1"


# -- list


def test_runs_are_listed_newest_first(shop: Path, cli: Cli) -> None:
    for name in ("n-1", "n-2"):
        cli("start", "orders.py:nap", "--id", name, "--case", f"case-{name}")
    cli("start", "orders.py:approve", "--id", "a-1")
    lines = cli("runs", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["RUN", "a-1", "n-2", "n-1"]
    assert "3 shown of 3 pending" in cli("runs", "list").stderr


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (("--workflow", "nap"), ["n-2", "n-1"]),
        (("--prefix", "a-"), ["a-1"]),
        (("--case", "case-n-1"), ["n-1"]),
        (("--status", "pending", "--status", "waiting"), ["a-1", "n-2", "n-1"]),
        (("--status", "failed"), []),
        (("--parked",), []),
        (("--limit", "1"), ["a-1"]),
    ],
)
def test_a_list_can_be_narrowed(shop: Path, cli: Cli, args: tuple[str, ...], ids: list[str]) -> None:
    for name in ("n-1", "n-2"):
        cli("start", "orders.py:nap", "--id", name, "--case", f"case-{name}")
    cli("start", "orders.py:approve", "--id", "a-1")
    page = json.loads(cli("runs", "list", "--json", *args).stdout)
    assert [run["id"] for run in page["runs"]] == ids


def test_a_list_goes_on_where_its_page_ended(shop: Path, cli: Cli) -> None:
    for name in ("n-1", "n-2", "n-3"):
        cli("start", "orders.py:nap", "--id", name)
    page = json.loads(cli("runs", "list", "--limit", "2", "--json").stdout)
    rest = cli("runs", "list", "--before", str(page["next"])).stdout
    assert "n-1" in rest
    assert "n-2" not in rest


# -- show


def test_a_run_is_shown_with_its_values(waiting: str, cli: Cli) -> None:
    cli("runs", "signal", "app", "underwriter", "true", "--sender", "ann")
    until(lambda: cli("runs", "watch", waiting).exit_code == 0, "it completes")
    said = cli("runs", "show", waiting).stdout
    assert 'say          "asked"' in said
    assert "underwriter  signal from ann  true" in said
    assert "result   true" in said
    document = json.loads(cli("runs", "show", waiting, "--json").stdout)
    assert [entry["value"] for entry in document["entries"]] == ["asked", True]
    assert document["output"] is True


def test_a_failed_run_is_shown_with_its_error_and_on_demand_the_whole_traceback(
    at_work: Working, cli: Cli
) -> None:
    cli("start", "orders.py:broken", "--id", "b", "--wait")
    said = cli("runs", "show", "b").stdout
    assert "error    RuntimeError: out of luck" in said
    assert len(cli("runs", "show", "b", "--full").stdout) >= len(said)


# -- watch


def test_watching_ends_with_the_run_and_its_code(at_work: Working, cli: Cli) -> None:
    cli("start", "orders.py:broken", "--id", "b")
    said = cli("runs", "watch", "b", "--timeout", "20s")
    assert said.exit_code == 1
    assert "✓ say" in said.stdout
    assert said.stdout.splitlines()[-1].endswith("failed: RuntimeError: out of luck")


def test_watching_a_cancelled_run_ends_with_6(waiting: str, cli: Cli) -> None:
    cli("runs", "cancel", waiting)
    assert cli("runs", "watch", waiting).exit_code == 6


def test_watching_tells_what_comes_while_it_watches(waiting: str, cli: Cli) -> None:
    with running("runs", "watch", waiting, "--ndjson") as watching:
        assert watching.stdout is not None
        before = [json.loads(watching.stdout.readline()) for _ in range(2)]
        cli("runs", "signal", waiting, "underwriter", "true", "--sender", "ann")
        news = [json.loads(line) for line in watching.stdout]
        assert watching.wait(20) == 0
    assert [before[0]["name"], before[1]["status"]] == ["say", "waiting"]
    assert [(each["name"], each["source"]) for each in news if "name" in each] == [("underwriter", "ann")]
    assert news[-1]["status"] == "completed"


def test_watching_may_be_bounded(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    said = cli("runs", "watch", "n", "--timeout", "10ms")
    assert said.exit_code == 124
    assert "Run n has not ended after 10ms; it is pending." in said.stderr


# -- signal


def test_a_signal_with_an_id_is_taken_once(waiting: str, cli: Cli) -> None:
    first = cli("runs", "signal", waiting, "other", '{"a": 1}', "--id", "s-1")
    again = cli("runs", "signal", waiting, "other", '{"a": 1}', "--id", "s-1")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "accepted" in first.stderr
    assert "had been accepted before" in again.stderr
    assert "· other" in cli("where", waiting).stdout


def test_a_signal_to_a_run_that_has_ended_is_refused_with_4(waiting: str, cli: Cli) -> None:
    cli("runs", "cancel", waiting)
    cli("runs", "watch", waiting)
    said = cli("runs", "signal", waiting, "underwriter", "true")
    assert said.exit_code == 4
    assert "has ended (cancelled)" in said.stderr


def test_a_signal_to_nobody_ends_with_3(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    assert cli("runs", "signal", "x", "underwriter", "true").exit_code == 3


def test_a_payload_that_is_no_json_is_a_usage_error(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    assert cli("runs", "signal", "n", "x", "{").exit_code == 2


# -- cancel and retry


def test_a_cancel_is_asked_for_once_and_says_who_asked(waiting: str, cli: Cli) -> None:
    assert "cancel asked for" in cli("runs", "cancel", waiting, "--sender", "ann").stderr
    cli("runs", "watch", waiting)
    assert "asked for by ann" in cli("where", waiting).stdout
    again = cli("runs", "cancel", waiting)
    assert again.exit_code == 4
    assert "has ended (cancelled), so it cannot be cancelled" in again.stderr


def test_a_cancel_that_nobody_has_taken_yet_is_no_conflict(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    assert cli("runs", "cancel", "n", "--sender", "ann").exit_code == 0
    again = cli("runs", "cancel", "n")
    assert again.exit_code == 0
    assert "had been asked for before" in again.stderr
    assert "cancel from ann, not taken yet" in cli("where", "n").stdout


def test_only_a_parked_run_can_be_retried(waiting: str, cli: Cli) -> None:
    said = cli("runs", "retry", waiting)
    assert said.exit_code == 4
    assert "Run app-1 is waiting, not parked." in said.stderr
