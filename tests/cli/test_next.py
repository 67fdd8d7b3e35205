"""The commands that where and explain propose do what they say when they are pasted, templates filled in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import worker
from tests.helpers.waiting import until

FILLED = {"FILE.py": "parcel.py"}


@pytest.fixture
def at_work(shop: Path) -> Iterator[Path]:
    """Stand in a folder in which a worker of the parcels is at work."""
    with worker("parcel.py", cwd=shop):
        yield shop


def case(cli: Cli, name: str) -> dict[str, Any]:
    said = cli("where", name, "--json", "--store", "parcels.db")
    found: dict[str, Any] = json.loads(said.stdout)["case"] if said.exit_code == 0 else {}
    return found


def reasons(cli: Cli, name: str) -> list[str]:
    return [each["kind"] for each in case(cli, name).get("reasons", ())]


def paste(cli: Cli, command: str, data: str = "") -> None:
    """Run a command as it was proposed."""
    for template, what in FILLED.items():
        command = command.replace(template, what)
    _, *args = shlex.split(command.replace("{...}", data))
    said = cli(*args, "--store", "parcels.db")
    assert said.exit_code == 0, (command, said.output)


def test_an_event_from_outside(cli: Cli, at_work: Path) -> None:
    cli("events", "emit", "parcel.py:Packed", '{"parcel": "1"}', "--store", "parcels.db")
    until(lambda: "waiting for a join" in reasons(cli, "parcel-1"), "it waits for a join")
    found = case(cli, "parcel-1")
    (emit,) = [each for each in found["next"] if "events emit" in each]
    paste(cli, emit, '{"parcel": "1"}')
    until(lambda: case(cli, "parcel-1")["state"] == "ended", "it is sent")


def test_a_dead_letter(cli: Cli, at_work: Path) -> None:
    cli("events", "emit", "parcel.py:Packed", '{"parcel": "torn"}', "--store", "parcels.db")
    until(lambda: "dead letter" in reasons(cli, "parcel-torn"), "it is a dead letter")
    show, redrive = case(cli, "parcel-torn")["next"][:2]
    (at_work / "glue").touch()
    paste(cli, show)
    paste(cli, redrive)
    until(lambda: "dead letter" not in reasons(cli, "parcel-torn"), "it is stamped")


def test_a_paused_service(cli: Cli, at_work: Path) -> None:
    cli("services", "pause", "desk", "--store", "parcels.db")
    numbers = count(1)

    def held() -> dict[str, Any] | None:  # its worker sees within a second that it is paused
        number = str(next(numbers))
        cli("events", "emit", "parcel.py:Packed", json.dumps({"parcel": number}), "--store", "parcels.db")
        found = case(cli, f"parcel-{number}")
        return found if [each["kind"] for each in found["reasons"]] == ["service paused"] else None

    found = until(held, "a parcel is held")
    assert found is not None
    (resume,) = found["next"]
    paste(cli, resume)
    until(lambda: "waiting for a join" in reasons(cli, found["id"]), "it is stamped")


def test_a_signal(cli: Cli, at_work: Path) -> None:
    options = ("--id", "i-3", "--case", "parcel-3", "--store", "parcels.db")
    assert cli("start", "parcel.py:inspect", '"3"', *options).exit_code == 0
    until(lambda: _run(cli, "i-3")["reasons"][0]["kind"] == "waiting for a signal", "it waits")
    (signal,) = _run(cli, "i-3")["next"]
    paste(cli, signal.replace("'{...}'", "'\"fine\"'"))
    until(lambda: _run(cli, "i-3")["status"] == "completed", "it has its verdict")


def _run(cli: Cli, name: str) -> dict[str, Any]:
    said = cli("where", name, "--json", "--store", "parcels.db")
    found: dict[str, Any] = json.loads(said.stdout)["runs"][0]
    return found
