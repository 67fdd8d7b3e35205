"""``dalsegno contracts``: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dalsegno
from tests.cli.conftest import Cli

SRC = Path(dalsegno.__file__).parents[1]

PLAY = """
import time
import desk
from dalsegno import App
with App("desk", include=[desk], store="{address}") as client:
    client.emit(desk.Asked("1"))
    while not client.events.list("Answered"):
        time.sleep(0.01)
"""

FAULTY = """
from dataclasses import dataclass
from dalsegno import Service, event

@event(key="id", outside=True)
@dataclass
class Asked:
    id: str

@event(key="id")
@dataclass
class Answered:
    id: str

desk = Service("desk")

@desk.on()
def answer(e: Asked) -> Answered:
    return Answered(e.id)
"""


def test_check_says_where_it_is_wrong_and_how_to_mend_it(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(FAULTY)
    said = cli("contracts", "check", "desk.py")
    assert said.exit_code == 1
    first, *more = said.stdout.splitlines()
    assert first.startswith("desk.py:17  no-handler  Answered is handled by nobody")
    assert any("nobody=True" in line for line in more)
    assert "    see desk.py:10" in more
    assert more[-1] == "1 finding in 1 service, 1 handler, 2 events, 0 processes"


def test_check_in_json_and_of_a_program_that_is_well(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(
        FAULTY.replace('id")\n@dataclass\nclass Answered', 'id", nobody=True)\n@dataclass\nclass Answered')
    )
    said = cli("contracts", "check", "desk.py", "--json")
    assert said.exit_code == 0
    assert json.loads(said.stdout) == {
        "ok": True,
        "findings": [],
        "notes": [],
        "looked": {"services": 1, "handlers": 1, "events": 2, "processes": 0},
    }


def test_a_program_without_services_says_so(shop: Path, cli: Cli) -> None:
    said = cli("contracts", "check", "orders.py")
    assert said.exit_code == 0
    assert "orders.py has no service" in said.stderr


def test_asyncapi_prints_a_document_of_one_service(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(FAULTY)
    said = cli("contracts", "asyncapi", "desk", "desk.py", "--version", "3.1.4")
    assert said.exit_code == 0
    document = json.loads(said.stdout)
    assert document["info"] == {"title": "desk", "version": "3.1.4"}
    assert {each["action"] for each in document["operations"].values()} == {"receive", "send"}


def test_asyncapi_of_a_service_that_there_is_not_names_those_that_there_are(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(FAULTY)
    said = cli("contracts", "asyncapi", "till", "desk.py")
    assert said.exit_code == 3
    assert "no service till" in said.stderr and "Its services: desk" in said.stderr


def test_observed_holds_a_program_to_what_a_store_has_seen(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(FAULTY.replace("-> Answered:", "-> Answered | Asked:"))
    address = f"sqlite:///{shop}/seen.db"
    done = subprocess.run(
        [sys.executable, "-c", PLAY.format(address=address)], cwd=shop, env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (shop / "desk.py").write_text(
        FAULTY.replace("Answered", "Replied").replace('id")\n', 'id", nobody=True)\n')
    )
    plain = cli("contracts", "check", "desk.py")
    assert plain.exit_code == 0
    said = cli("contracts", "check", "desk.py", "--observed", address, "--json")
    assert said.exit_code == 1
    (finding,) = json.loads(said.stdout)["findings"]
    assert finding["rule"] == "observed" and "Answered, which desk.answer emitted" in finding["what"]
    assert finding["line"] == 17


def test_a_store_that_is_not_there_is_not_made(shop: Path, cli: Cli) -> None:
    (shop / "desk.py").write_text(FAULTY)
    said = cli("contracts", "check", "desk.py", "--observed", "none.db")
    assert said.exit_code == 5 and not (shop / "none.db").exists()
