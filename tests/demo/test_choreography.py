"""Five services without a conductor, their worker killed: their own ledgers, counted twice, balance."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dalsegno.cli.demo.choreography import counting

pytestmark = pytest.mark.promise("P1", "P8", "P11")

ROOT = Path(__file__).resolve().parents[2]
GOOD = dict.fromkeys(
    ("charged_twice", "done_twice", "lost", "unpaid_shipped", "incomplete", "not_undone", "never_placed"), 0
)

AGAIN = "INSERT INTO deeds SELECT key || '-', action, order_id, answer, at FROM deeds WHERE answer = 'done' "
FIRST = "SELECT key FROM deeds WHERE answer = 'done' AND action = "
STANDING = """SELECT order_id FROM deeds WHERE answer = 'done' AND action = 'charge'
    EXCEPT SELECT order_id FROM deeds WHERE action = 'refund' LIMIT 1"""
PLANTED = {
    "charged_twice": ("payment", f"{AGAIN} AND action = 'charge' LIMIT 1"),
    "done_twice": ("notification", f"{AGAIN} LIMIT 1"),
    "lost": ("orders", f"DELETE FROM deeds WHERE key = ({FIRST} 'complete' LIMIT 1)"),
    "unpaid_shipped and incomplete": ("payment", f"DELETE FROM deeds WHERE order_id IN ({STANDING})"),
    "not_undone": ("payment", f"DELETE FROM deeds WHERE key = ({FIRST} 'refund' LIMIT 1)"),
    "never_placed": (
        "customers",
        "DELETE FROM placed WHERE order_id = (SELECT order_id FROM placed LIMIT 1)",
    ),
}


def _demo(folder: Path, *options: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "dalsegno",
        "demo",
        "--choreography",
        "--dir",
        str(folder),
        "--json",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _recount(ledgers: Path) -> dict[str, int]:
    command = [sys.executable, str(ROOT / "tools" / "recount_ledgers.py"), "--json", str(ledgers)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    counted: dict[str, int] = json.loads(told.stdout)[str(ledgers)]
    assert told.returncode == (any(counted[name] for name in GOOD)), told.stderr
    return counted


def _agrees(folder: Path, figures: dict[str, Any]) -> None:
    recounted = _recount(folder / "ledgers")
    assert {name: recounted[name] for name in GOOD} == GOOD
    assert recounted == {name: figures[name] for name in recounted}
    assert recounted["completed"] + recounted["rejected"] == recounted["orders"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("choreography")
    return folder, _demo(folder, "--orders", "80", "--seed", "7", "--kills", "2")


def test_every_order_of_killed_services_ends_and_nothing_unpaid_is_shipped(
    played: tuple[Path, dict[str, Any]],
) -> None:
    folder, figures = played
    assert figures["orders"] == 80 and len(figures["kills"]) == 2
    assert figures["sent_again"] > 0 and figures["called_again"] > 0
    assert min(figures[name] for name in ("declined", "sold_out", "unreachable")) > 0
    _agrees(folder, figures)


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_in_a_ledger_is_found_by_both_counts(
    played: tuple[Path, dict[str, Any]], tmp_path: Path, planted: str
) -> None:
    folder, _ = played
    file, change = PLANTED[planted]
    found = set(planted.split(" and "))
    ledgers = tmp_path / "ledgers"
    shutil.copytree(folder / "ledgers", ledgers)
    with closing(sqlite3.connect(ledgers / f"{file}.db")) as ledger, ledger:
        ledger.execute(change)
    again = _recount(ledgers)
    assert {name for name in GOOD if again[name]} == found
    own = counting.count(ledgers)
    assert {name for name in GOOD if own.figures()[name]} == found
    assert own.wrong()


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_ten_kills_at_any_moments_lose_nothing_and_repeat_nothing(
    tmp_path: Path, seed: str, workers: str
) -> None:
    figures = _demo(tmp_path, "--seed", seed, "--workers", workers)
    assert len(figures["kills"]) == 10
    _agrees(tmp_path, figures)
