"""``dalsegno contracts``: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli

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
