"""``dalsegno schemas``, and workers of two versions beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import dalsegno, worker
from tests.helpers.waiting import until

pytestmark = pytest.mark.promise("P8")

HEAD = """
from dataclasses import dataclass
from pathlib import Path
from dalsegno import Service, downcast, event, upcast

def note(name, e):
    with (Path(__file__).parent / name).open("a") as file:
        print(e, file=file)
"""
V1 = """
@event("Placed", version=1, key="order_id")
@dataclass
class {name}:
    order_id: str
"""
V2 = """
@event("Placed", version=2, key="order_id")
@dataclass
class Placed:
    order_id: str
    cents: int
"""
CASTS = """
@upcast
def newer(old: PlacedOnce) -> Placed:
    return Placed(old.order_id, 100)

@downcast
def older(new: Placed) -> PlacedOnce:
    return PlacedOnce(new.order_id)
"""
HANDLER = """
{service} = Service("{service}")

@{service}.on
def take(e: {name}) -> None:
    note("{service}", e)
"""
OLD = HEAD + V1.format(name="Placed") + HANDLER.format(service="books", name="Placed")
NEW = (
    HEAD
    + V1.format(name="PlacedOnce")
    + V2
    + CASTS
    + HANDLER.format(service="mail", name="Placed")
    + HANDLER.format(service="archive", name="PlacedOnce")
)
WRONG = HEAD + V2 + HANDLER.format(service="mail", name="Placed")
STORE = ("--store", "shop.db")


@pytest.fixture
def two(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with an old program, a new one, and a wrong one."""
    for name, text in (("old", OLD), ("new", NEW), ("wrong", WRONG)):
        (shop / f"{name}.py").write_text(text, encoding="utf-8")
    return shop


@pytest.fixture
def deployed(two: Path) -> Path:
    with worker("old.py", *STORE, cwd=two):
        pass
    return two


def test_what_is_registered_is_listed_and_shown(deployed: Path, cli: Cli):
    heading, line = cli("schemas", "list", *STORE).stdout.splitlines()
    assert heading.split() == ["TYPE", "VERSION", "FORMAT", "MODE", "REGISTERED", "EVENTS", "READ", "BY"]
    assert line.split()[:4] == ["Placed", "1", "json", "backward"]
    until(lambda: "books.take" in cli("schemas", "list", *STORE).stdout, "the handler is known")
    (found,) = json.loads(cli("schemas", "list", "Placed", *STORE, "--json").stdout)["schemas"]
    assert found["schema"]["$defs"]["Placed"]["required"] == ["order_id"]
    assert cli("schemas", "list", "Unheard", *STORE).stdout == ""
    said = cli("schemas", "show", "Placed", *STORE).stdout
    for told in ("Placed v1", "read by     books.take", "made from a class", '"order_id"'):
        assert told in said
    unknown = cli("schemas", "show", "Unheard", *STORE)
    assert unknown.exit_code == 3
    assert "No version of Unheard is registered" in unknown.stderr


def test_a_program_is_checked_before_it_is_deployed(deployed: Path, cli: Cli):
    good = cli("schemas", "check", "new.py", *STORE)
    assert good.exit_code == 0
    assert "all 2 can be deployed" in good.stdout
    wrong = cli("schemas", "check", "wrong.py", *STORE)
    assert wrong.exit_code == 1
    assert "does not find `cents`" in wrong.stdout
    told = cli("schemas", "check", "wrong.py", *STORE, "--json")
    assert told.exit_code == 1
    (finding,) = json.loads(told.stdout)["findings"]
    (verdict,) = finding["verdicts"]
    assert (finding["ok"], verdict["compatible"], verdict["incompatibilities"][0]["rule"]) == (
        False,
        False,
        "required_missing",
    )
    assert "wrong.py" in finding["where"]
    (row,) = json.loads(cli("schemas", "list", *STORE, "--json").stdout)["schemas"]
    assert row["version"] == 1  # a check writes nothing


def test_a_program_is_not_checked_against_a_store_that_is_not_there(two: Path, cli: Cli):
    assert cli("schemas", "check", "new.py", "--store", "nowhere.db").exit_code == 5
    assert not (two / "nowhere.db").exists()


def test_a_worker_whose_events_do_not_fit_does_not_start(deployed: Path):
    ended = dalsegno("worker", "wrong.py", *STORE, cwd=deployed)
    assert ended.returncode == 1
    assert "Placed v2 cannot be registered" in ended.stderr
    assert "ready" not in ended.stderr


def test_an_old_worker_and_a_new_one_beside_each_other_each_read_their_own_version(two: Path, cli: Cli):
    def emit(order: str, version: int, **data: object) -> None:
        said = json.dumps({"order_id": order, **data})
        done = cli("events", "emit", "Placed", said, "--key", order, "--version", str(version), *STORE)
        assert done.exit_code == 0, done.stderr

    def read(name: str) -> list[str]:
        path = two / name
        return path.read_text("utf-8").splitlines() if path.exists() else []

    with worker("old.py", *STORE, cwd=two), worker("new.py", *STORE, cwd=two):
        emit("a", 1)
        until(lambda: all(read(name) for name in ("books", "mail", "archive")), "all have read the first")
        emit("b", 2, cents=5)
        until(lambda: len(read("mail")) == len(read("archive")) == 2, "the new worker has read the second")
    assert read("books")[:1] == ["Placed(order_id='a')"]
    assert sorted(read("archive")) == ["PlacedOnce(order_id='a')", "PlacedOnce(order_id='b')"]
    assert sorted(read("mail")) == ["Placed(order_id='a', cents=100)", "Placed(order_id='b', cents=5)"]
    listed = json.loads(cli("schemas", "list", *STORE, "--json").stdout)["schemas"]
    assert [(one["version"], one["handlers"]) for one in listed] == [
        (1, ["archive.take", "books.take"]),
        (2, ["mail.take"]),
    ]


AVRO = {"type": "record", "name": "shop.Paid", "fields": [{"name": "cents", "type": "long"}]}


def test_an_avro_schema_is_registered_listed_and_compared(two: Path, cli: Cli):
    pytest.importorskip("fastavro")
    paid = two / "paid.avsc"
    paid.write_text(json.dumps(AVRO), encoding="utf-8")
    assert cli("schemas", "register", "paid.avsc", "--dry-run", *STORE).exit_code == 5  # no store yet
    first = cli("schemas", "register", "paid.avsc", *STORE)
    assert (first.exit_code, first.stdout) == (0, "shop.Paid v1 is registered\n")
    again = cli("schemas", "register", "paid.avsc", *STORE, "--json")
    assert json.loads(again.stdout) == {"type": "shop.Paid", "version": 1, "registered": False}
    assert cli("schemas", "list", *STORE).stdout.splitlines()[1].split()[:4] == [
        "shop.Paid",
        "1",
        "avro",
        "backward",
    ]
    assert "avro, as it was written" in cli("schemas", "show", "shop.Paid", *STORE).stdout

    later = {**AVRO, "fields": [*AVRO["fields"], {"name": "by", "type": "string"}]}  # type: ignore[misc]
    paid.write_text(json.dumps(later), encoding="utf-8")
    for more in ((), ("--dry-run",)):
        wrong = cli("schemas", "register", "paid.avsc", "--version", "2", *STORE, *more)
        assert wrong.exit_code == 1
        assert "does not find `by`" in wrong.stdout + wrong.stderr
    assert (
        cli("schemas", "register", "paid.avsc", *STORE).exit_code == 1
    )  # another one under the same version
    later["fields"][1]["default"] = ""  # type: ignore[index]
    paid.write_text(json.dumps(later), encoding="utf-8")
    fits = cli("schemas", "register", "paid.avsc", "--version", "2", *STORE, "--dry-run")
    assert (fits.exit_code, "fits (backward)" in fits.stdout) == (0, True)
    (row,) = json.loads(cli("schemas", "list", *STORE, "--json").stdout)["schemas"]
    assert row["version"] == 1


def test_a_program_is_checked_against_a_schema_that_was_registered_by_hand(two: Path, cli: Cli):
    placed = two / "placed.json"
    placed.write_text('{"type": "object", "properties": {"order_id": {"type": "integer"}}}', encoding="utf-8")
    assert cli("schemas", "register", "placed.json", *STORE).exit_code == 2  # of which event?
    assert cli("schemas", "register", "placed.json", "--type", "Placed", *STORE).exit_code == 0
    wrong = cli("schemas", "check", "old.py", *STORE)
    assert wrong.exit_code == 1
    assert "Placed v1: the class does not read what is registered" in wrong.stdout
    assert "order_id" in wrong.stdout


def test_what_is_no_schema_is_refused(two: Path, cli: Cli):
    for name, text in (("a.avsc", '{"type": "record"}'), ("b.avsc", "{"), ("c.avsc", '"string"')):
        (two / name).write_text(text, encoding="utf-8")
        assert cli("schemas", "register", name, *STORE).exit_code == 2, name
