"""``dalsegno flow``: the picture of a process, and one that was committed held to the code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dalsegno
from tests.cli.conftest import Cli

SRC = Path(dalsegno.__file__).parents[1]

PROGRAM = """
from dataclasses import dataclass
from dalsegno import App, Process, Service, emit, event, step, workflow

@event(key="id")
@dataclass
class Opened:
    id: str

@event(key="id")
@dataclass
class Solved:
    id: str

@event(key="id")
@dataclass
class Billed:
    id: str

@event(key="id", nobody=True)
@dataclass
class Noted:
    id: str

@step
def solve(id: str) -> None:
    emit(Solved(id))

@workflow
def ticket(id: str) -> None:
    emit(Opened(id))
    solve(id)

billing = Service("billing")

@billing.on()
def bill(e: Solved) -> Billed:
    return Billed(e.id)

@billing.on(emits=Noted)
@workflow
def archive(e: Billed) -> None:
    emit(Noted(e.id))

process = Process("ticket", starts=Opened, ends=Billed, due="1h")
app = App("desk")
"""

PICTURE = """\
process ticket
  starts with  Opened
  ends with    Billed
  due after    1h

workflow ticket  emits Opened, Solved

Solved
  billing.bill     -> Billed

Billed
  billing.archive  -> None   (emits Noted)

nobody takes: Opened, Noted
"""


@pytest.fixture
def desk(shop: Path) -> Path:
    (shop / "desk.py").write_text(PROGRAM)
    return shop


def test_it_draws_what_services_and_workflows_declare(desk: Path, cli: Cli) -> None:
    said = cli("flow", "ticket", "desk.py")
    assert said.exit_code == 0
    assert said.stdout == PICTURE


def test_without_a_program_it_draws_what_workers_have_registered(desk: Path, cli: Cli) -> None:
    play = """
import time, desk
with desk.app as client:
    client.start(desk.ticket, "1").result()
    while not client.events.list("Noted"):
        time.sleep(0.01)
"""
    subprocess.run(
        [sys.executable, "-c", play], check=True, env={**os.environ, "PYTHONPATH": str(SRC)}, cwd=desk
    )
    said = cli("flow", "ticket")
    assert (said.exit_code, said.stdout) == (0, PICTURE)
    idle = cli("flow", "ticket", "--unused", "1d")
    assert (idle.exit_code, idle.stdout) == (0, "")
    assert (
        idle.stderr == "store desk.db (the only database here)\nno steps of process ticket not taken for 1d\n"
    )
    now = json.loads(cli("flow", "ticket", "desk.py", "--unused", "0s", "--json").stdout)
    assert [(one["by"], one["type"]) for one in now["unused"]][:2] == [
        ("ticket", "Opened"),
        ("ticket", "Solved"),
    ]
    missing = cli("flow", "order", "--store", "desk.db")
    assert missing.exit_code == 3
    assert "Its processes: ticket." in missing.stderr


def test_it_draws_as_mermaid_and_as_json(desk: Path, cli: Cli) -> None:
    assert cli("flow", "ticket", "desk.py", "--mermaid").stdout.startswith("flowchart LR\n")
    document = json.loads(cli("flow", "ticket", "desk.py", "--json").stdout)
    assert document["workflows"] == [{"name": "ticket", "gives": ["Opened", "Solved"], "awaits": []}]


@pytest.mark.parametrize(("file", "form"), [("t.txt", []), ("t.mmd", ["--mermaid"]), ("t.json", ["--json"])])
def test_a_committed_picture_is_up_to_date_until_the_code_changes(
    desk: Path, cli: Cli, file: str, form: list[str]
) -> None:
    (desk / file).write_text(cli("flow", "ticket", "desk.py", *form).stdout)
    same = cli("flow", "ticket", "desk.py", "--check", file)
    assert (same.exit_code, same.stdout) == (0, "")
    (desk / "later.py").write_text(PROGRAM.replace("-> Billed:", "-> Billed | None:"))
    other = cli("flow", "ticket", "later.py", "--check", file)
    assert other.exit_code == 1
    assert other.stdout.startswith(f"--- {file}\n+++ declared\n")
    assert f"{file} is outdated" in other.stderr


def test_a_picture_in_a_page_is_its_first_mermaid_block(desk: Path, cli: Cli) -> None:
    chart = cli("flow", "ticket", "desk.py", "--mermaid").stdout
    (desk / "page.md").write_text(f"# Tickets\n\n```mermaid\n{chart}```\n\nAnd so on.\n")
    assert cli("flow", "ticket", "desk.py", "--check", "page.md").exit_code == 0
    (desk / "page.md").write_text(f"# Tickets\n\n```mermaid\n{chart.replace('Billed', 'Paid')}```\n")
    assert cli("flow", "ticket", "desk.py", "--check", "page.md").exit_code == 1


def test_it_says_what_is_missing(desk: Path, cli: Cli) -> None:
    unknown = cli("flow", "order", "desk.py")
    assert unknown.exit_code == 3
    assert "Its processes: ticket." in unknown.stderr
    missing = cli("flow", "ticket", "desk.py", "--check", "nowhere.mmd")
    assert missing.exit_code == 4
    assert "There is no file nowhere.mmd." in missing.stderr
    (desk / "page.md").write_text("nothing here")
    assert "has no Mermaid block" in cli("flow", "ticket", "desk.py", "--check", "page.md").stderr
