"""The bench still works: every measure of our own is taken once, as small as can be. What it finds is not judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dalsegno

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the bench reads memory and CPU time from /proc"
)

MEASURES = {
    "a live case: cases.get",
    "a live case: cases.get ÷ a row by a connection at hand",
    "a live case: cases.show ÷ a row by a connection at hand",
    "a live case: where ÷ a row by a connection at hand",
    "a process is declared: CPU of 1,000 events ÷ without it",
    "a live case: cases.get ÷ on the shortest log",
    "a live case: cases.show",
    "a live case: cases.show ÷ on the shortest log",
    "a live case: where",
    "a live case: where ÷ on the shortest log",
    "a process is declared: events written and handled ÷ without it",
    "CPU of 1,000 events, all processes",
    "CPU of 1,000 orders, all processes",
    "a service that was down: events handled",
    "a service that was down: events out of the order of their key",
    "a service that was down: most memory of its worker",
    "emit to handled, one alone",
    "events emitted",
    "events handled",
    "events on the log: cost of handling one ÷ at 20",
    "finished runs in the file: cost of an order ÷ at 20",
    "import dalsegno ÷ import asyncio, sqlite3, json",
    "one order alone",
    "recovery after kill -9: all done",
    "recovery after kill -9: first run goes on",
    "recovery after kill -9: recorded steps that ran again",
    "replay: from opening the worker to the result",
    "runs under way at once: cost of each ÷ at 100",
    "sleeping runs: accepted",
    "sleeping runs: memory added",
    "throughput",
    "throughput ÷ floor",
    "throughput ÷ peer",
    "workers on one file: throughput ÷ one worker's",
    "workers that share a service: events handled ÷ one worker's",
}


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT / "bench" / script), *arguments]
    env = os.environ | {"PYTHONPATH": str(Path(dalsegno.__file__).resolve().parents[1])}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=110, check=False)


def test_one_command_takes_every_measure_of_ours_and_writes_table_json_and_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before <!-- figures: written by bench/run.py --> old <!-- end of figures --> after")
    done = run("run.py", "--tiny", "--no-peers", "--json", "out.json", "--page", "page.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())
    assert {row["measure"] for row in written["rows"]} == MEASURES
    for row in written["rows"]:
        assert row["value"] >= 0 and row["calibration_ms"] > 0, row
        assert row["measure"] in done.stdout
    assert written["missing"] == {"peers": "left out by --no-peers"}
    assert "not measured: peers" in done.stdout
    repeated = [row["value"] for row in written["rows"] if row["unit"] == "steps"]
    assert repeated == [0, 0], "no recorded step runs again after a kill"
    early = [row["value"] for row in written["rows"] if row["measure"].endswith("the order of their key")]
    assert early == [0], "events of one key are handled in their order"
    text = page.read_text()
    assert text.startswith("before ") and text.endswith(" after") and "old" not in text
    assert "### Throughput" in text
    assert f"Python {written['machine']['python']}, SQLite {written['machine']['sqlite']}" in text
    assert "*Not measured*: peers, because: left out by --no-peers\n" in text


def test_a_peer_that_does_not_install_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a folder is needed")
    only = ("--tiny", "--only", "throughput,events", "--cache", "cache", "--json", "out.json")
    done = run("run.py", *only, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    missing = json.loads((tmp_path / "out.json").read_text())["missing"]
    assert set(missing) == {
        "DBOS Transact",
        "Celery chain",
        "Prefect",
        "Restate",
        "FastStream, JetStream",
        "FastStream, JetStream that syncs",
    }
    assert all(missing.values())


def test_our_orders_run_against_the_floor(tmp_path: Path) -> None:
    few = ("--runs", "10", "--rounds", "1", "--latencies", "5", "--json", "out.json")
    done = run("orders.py", *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["steps"] for row in json.loads((tmp_path / "out.json").read_text())} == {"async def", "def"}


def test_the_three_trackings_are_laid_side_by_side() -> None:
    command = [sys.executable, "-m", "bench.trackings", "--cases", "3", "--rounds", "1"]
    env = os.environ | {"PYTHONPATH": str(Path(dalsegno.__file__).resolve().parents[1])}
    done = subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    said, heading, rule, *lines = done.stdout.splitlines()
    assert said == "3 cases of 5 events, 1 rounds"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows] == ["event_sourced", "stamp", "front_controller"]
    assert all(len(row) == heading.count("|") - 1 == rule.count("|") - 1 for row in rows)
    stamps = {row[0]: int(row[5]) for row in rows}
    assert stamps["stamp"] > 0
    assert stamps["event_sourced"] == stamps["front_controller"] == 0, "only one of them travels with events"
