"""Which store is meant, and what is said when that cannot be told."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

from dalsegno.cli.stores import databases
from tests.cli.conftest import Cli
from tests.helpers.command import worker


def used(cli: Cli, *args: str) -> str:
    """Return the line in which a command tells its store."""
    said = cli("runs", "list", *args)
    assert said.exit_code == 0, said.output
    return said.stderr.splitlines()[0]


@pytest.fixture
def made(shop: Path, cli: Cli) -> Path:
    """A folder with one database of ours."""
    cli("start", "orders.py:nap", "--id", "n")
    return shop


def test_the_option_comes_first(made: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSEGNO_STORE", "sqlite:///none.db")
    assert used(cli, "--store", "orders.db") == f"store sqlite:///{made}/orders.db (--store)"
    assert used(cli, "--store", "sqlite:///orders.db") == f"store sqlite:///{made}/orders.db (--store)"
    assert (
        used(cli, "--store", f"sqlite:///{made}/orders.db") == f"store sqlite:///{made}/orders.db (--store)"
    )


def test_then_the_environment(made: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (made / "dalsegno.toml").write_text('store = "none.db"\n')
    monkeypatch.setenv("DALSEGNO_STORE", "sqlite:///orders.db")
    assert used(cli) == f"store sqlite:///{made}/orders.db (DALSEGNO_STORE)"


def test_then_the_nearest_configuration_whose_paths_are_its_own(
    made: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "pyproject.toml").write_text('[tool.dalsegno]\nstore = "sqlite:///orders.db"\n')
    inner = made / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    monkeypatch.chdir(inner)
    assert used(cli) == f"store sqlite:///{made}/orders.db ({made}/pyproject.toml)"
    (inner / "dalsegno.toml").write_text('store = "../orders.db"\n')
    assert used(cli) == f"store sqlite:///{made}/orders.db ({inner}/dalsegno.toml)"


def test_then_the_only_database_of_ours_here(made: Path, cli: Cli) -> None:
    apsw.Connection("theirs.db").execute("CREATE TABLE t (x)")
    (made / "note.db").write_text("not a database at all")
    assert used(cli) == "store orders.db (the only database here)"


def test_a_new_store_is_known_for_ours_while_a_worker_has_it_open(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop):
        assert list(databases(shop)) == [shop / "orders.db"]
        assert used(cli) == "store orders.db (the only database here)"


def test_several_databases_are_named_and_none_is_chosen(made: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n", "--store", "other.db")
    said = cli("runs", "list")
    assert said.exit_code == 5
    assert f"there are 2 databases of dalsegno in {made}: orders.db, other.db" in said.stderr


def test_where_nothing_is_found_it_is_told_what_was_looked_at(shop: Path, cli: Cli) -> None:
    said = cli("where", "x")
    assert said.exit_code == 5
    for place in (
        "--store",
        "DALSEGNO_STORE",
        "dalsegno.toml",
        "pyproject.toml",
        f"no database of dalsegno in {shop}",
    ):
        assert place in said.stderr
    assert said.stdout == ""


def test_looking_never_makes_a_store(shop: Path, cli: Cli) -> None:
    said = cli("where", "x", "--store", "typo.db")
    assert said.exit_code == 5
    assert f"There is no file {shop}/typo.db, which --store names as the store." in said.stderr
    assert not (shop / "typo.db").exists()


def test_a_file_that_is_no_store_is_left_as_it_is(shop: Path, cli: Cli) -> None:
    (shop / "note.db").write_text("not a database at all" * 100)
    said = cli("where", "x", "--store", "note.db")
    assert said.exit_code == 5
    assert "is damaged, or is no dalsegno store" in said.stderr
    assert (shop / "note.db").read_text() == "not a database at all" * 100


def test_a_store_in_memory_cannot_be_looked_at(shop: Path, cli: Cli) -> None:
    said = cli("where", "x", "--store", "memory:")
    assert said.exit_code == 5
    assert "is in no other process than its own" in said.stderr


def test_a_configuration_that_cannot_be_read_is_named(shop: Path, cli: Cli) -> None:
    (shop / "dalsegno.toml").write_text("store = \n")
    said = cli("where", "x")
    assert said.exit_code == 2
    assert f"{shop}/dalsegno.toml cannot be read" in said.stderr


# -- db


def test_migrating_makes_the_store_and_is_repeatable(shop: Path, cli: Cli) -> None:
    for _ in range(2):
        said = cli("db", "migrate", "--store", "new.db")
        assert said.exit_code == 0
        assert re.fullmatch(r"schema (\d+) of \1: up to date\n", said.stdout)
    assert list(databases(shop)) == [shop / "new.db"]


def test_a_store_with_a_newer_schema_is_refused(made: Path, cli: Cli) -> None:
    apsw.Connection("orders.db").execute("INSERT INTO migrations VALUES (99, 'later', 'x', 0)")
    said = cli("db", "migrate")
    assert said.exit_code == 5
    assert "has schema 99" in said.stderr


def test_a_sound_store_is_said_to_be_sound(made: Path, cli: Cli) -> None:
    said = cli("db", "check")
    assert (said.exit_code, said.stdout) == (0, "sound\n")
    assert cli("db", "check", "--json").stdout == '{\n  "sound": true,\n  "faults": []\n}\n'


def test_an_unsound_store_is_told_to_be_so(made: Path, cli: Cli) -> None:
    file = made / "orders.db"
    connection = apsw.Connection(str(file))
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'runs'").fetchall()[0]
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    file.write_bytes(content)
    said = cli("db", "check")
    assert said.exit_code == 1
    assert "is damaged" in said.stdout
    assert "restore a backup" in said.stderr
