"""Causes that lie with processes: a worker that was killed, one whose loop stands still, one who holds the store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dalsegno.client.standing import Reason
from tests.helpers.command import Working, dalsegno, worker
from tests.helpers.waiting import until

PROGRAM = """
import time
from dataclasses import dataclass

from dalsegno import App, Process, Service, event


@event(key="order")
@dataclass
class Placed:
    order: str


@event(key="order")
@dataclass
class Shipped:
    order: str


shipping, order = Service("shipping"), Process("order", starts=Placed, ends=Shipped)


@shipping.on()
async def ship(e: Placed) -> Shipped:
    time.sleep(60)  # the loop stands still
    return Shipped(e.order)


app = App("c", lease="5s")
"""


@pytest.fixture
def hired(tmp_path: Path) -> Iterator[Working]:
    """Hire a worker in a process of its own."""
    (tmp_path / "c.py").write_text(PROGRAM)
    with worker("c.py", cwd=tmp_path) as working:
        yield working


def place(folder: Path) -> None:
    said = dalsegno("events", "emit", "c.py:Placed", '{"order": "1"}', "--store", "c.db", cwd=folder)
    assert said.returncode == 0, said.stderr


def explained(folder: Path) -> list[dict[str, Any]]:
    said = dalsegno("explain", "order-1", "--store", "c.db", "--json", cwd=folder)
    assert said.returncode == 0, said.stderr
    found: list[dict[str, Any]] = json.loads(said.stdout)["reasons"]
    return found


def binds(folder: Path, wanted: Reason) -> dict[str, Any]:
    """Wait until this reason binds, and return it."""

    def told() -> dict[str, Any] | None:
        first = explained(folder)[:1]
        return first[0] if first and first[0]["kind"] == wanted else None

    found = until(told, f"{wanted} binds", within=20)
    assert found is not None
    return found


def test_the_loop_of_its_worker_stands_still(hired: Working, tmp_path: Path) -> None:
    place(tmp_path)
    found = binds(tmp_path, Reason.WEDGED)
    assert found["evidence"]["pid"] == hired.pid


def test_its_worker_was_killed_while_its_lease_ran(hired: Working, tmp_path: Path) -> None:
    services = ("services", "list", "--store", "c.db", "--json")
    until(lambda: "shipping" in dalsegno(*services, cwd=tmp_path).stdout, "its service is known", within=20)
    hired.tell(signal.SIGKILL)
    hired.ended()
    place(tmp_path)
    (told, *_) = explained(tmp_path)
    assert (told["kind"], told["text"]) == (Reason.NO_WORKER, "no worker is alive")


def test_another_process_holds_the_store(hired: Working, tmp_path: Path) -> None:
    place(tmp_path)
    hold = "import apsw, sys; c = apsw.Connection('c.db'); c.execute('BEGIN IMMEDIATE'); print('held', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == b"held\n"
            found = binds(tmp_path, Reason.STORE_HELD)
        finally:
            other.kill()
    assert found["evidence"]["pid"] == other.pid
    assert found["next"][0] == f"ps -p {other.pid}"
