"""The demo kills its own worker; its ledger, and a second one that knows nothing of us, find what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.promise("P1", "P6", "P9", "P11")

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"charged_twice": 0, "done_twice": 0, "lost": 0, "incomplete": 0, "not_undone": 0}


def _demo(folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "dalsegno", "demo", "--dir", str(folder), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _recount(services: Path) -> dict[str, str]:
    command = [sys.executable, str(ROOT / "tools" / "recount.py"), str(services)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    pairs = (line.strip().split(": ", 1) for line in told.splitlines()[1:])
    return {name.replace(" ", "_"): figure for name, figure in pairs}


def _agrees(folder: Path, figures: dict[str, Any]) -> None:
    assert {name: figures[name] for name in GOOD} == GOOD
    recounted = _recount(folder / "services.jsonl")
    for name in (*GOOD, "orders", "completed", "compensated", "executed_twice", "recognized"):
        assert recounted[name] == str(figures[name]), name


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "services.jsonl").read_text().splitlines()]


def _planted(folder: Path, lines: list[dict[str, Any]]) -> dict[str, str]:
    file = folder / "planted.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return _recount(file)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, _demo(folder, "--orders", "80", "--seed", "7")


def test_a_killed_demo_ends_with_nothing_lost_and_nothing_charged_twice(
    played: tuple[Path, dict[str, Any]],
) -> None:
    folder, figures = played
    assert figures["orders"] == 80 and len(figures["kills"]) == 1
    assert figures["completed"] + figures["compensated"] + figures["failed_otherwise"] == 80
    _agrees(folder, figures)


def test_a_planted_second_charge_a_lost_order_and_a_missing_refund_are_found(
    played: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = played
    lines = _lines(folder)
    charge = next(line for line in lines if line["action"] == "charge" and line["outcome"] == "done")
    again = {**charge, "key": charge["key"] + "-another"}
    assert _planted(folder, [*lines, again])["charged_twice"] == "1"
    answer = next(line for line in lines if line["outcome"] == "completed")
    assert _planted(folder, [line for line in lines if line is not answer])["lost"] == "1"
    refund = next(line for line in lines if line["action"] == "refund" and line["outcome"] == "done")
    kept = [line for line in lines if line["action"] != "refund" or line["order"] != refund["order"]]
    assert _planted(folder, kept)["not_undone"] == "1"


def test_a_kill_in_the_middle_of_undoing_leaves_nothing_half_undone(tmp_path: Path) -> None:
    figures = _demo(tmp_path, "--orders", "120", "--seed", "11", "--during-compensation", "--workers", "2")
    _agrees(tmp_path, figures)


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_at_any_kill_moment_the_ledger_balances(tmp_path: Path, kill_at: float, workers: str) -> None:
    seed = str(int(kill_at * 100))
    figures = _demo(tmp_path, "--kill-at", str(kill_at), "--seed", seed, "--workers", workers)
    _agrees(tmp_path, figures)
