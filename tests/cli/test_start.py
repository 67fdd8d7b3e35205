"""``dalsegno start``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.helpers.command import worker

ANN = '{"name": "ann"}'


def test_the_id_is_data_and_everything_else_is_talk(shop: Path, cli: Cli) -> None:
    said = cli("start", "orders.py:greet", ANN, "--id", "g")
    assert (said.exit_code, said.stdout) == (0, "g\n")
    assert "greet v1: pending" in said.stderr
    assert f"store sqlite:///{shop}/orders.db (beside the file)" in said.stderr


def test_a_run_without_a_given_id_gets_one(shop: Path, cli: Cli) -> None:
    assert len(cli("start", "orders.py:greet", ANN).stdout.strip()) == 26


def test_the_same_start_twice_is_one_run(shop: Path, cli: Cli) -> None:
    for _ in range(2):
        assert cli("start", "orders.py:greet", '{"name": "ann", "party": 1}', "--id", "g").exit_code == 0
    assert cli("start", "orders.py:greet", ANN, "--id", "g").exit_code == 0, "the default says the same"
    assert cli("runs", "list").stdout.count("greet") == 1


def test_the_same_id_with_another_input_is_a_conflict(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:greet", ANN, "--id", "g")
    other = cli("start", "orders.py:greet", '{"name": "bob"}', "--id", "g")
    assert other.exit_code == 4
    assert "was started with another input" in other.stderr
    assert "Traceback" not in other.stderr


def test_input_may_come_from_a_file_or_standard_input(shop: Path, cli: Cli) -> None:
    (shop / "ann.json").write_text(ANN)
    assert cli("start", "orders.py:greet", "@ann.json", "--id", "g").exit_code == 0
    assert cli("start", "orders.py:greet", "-", "--id", "g", input=ANN).exit_code == 0


def test_a_module_is_as_good_as_a_path(shop: Path, cli: Cli) -> None:
    assert cli("start", "orders:greet", ANN, "--id", "g").exit_code == 0
    assert (shop / "orders.db").is_file()


def test_a_module_in_a_package_is_imported_by_its_full_name(shop: Path, cli: Cli) -> None:
    package = shop / "company" / "shop"
    package.mkdir(parents=True)
    (shop / "company" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "names.py").write_text("NAME = 'greet'\n")
    (package / "hello.py").write_text(
        "from dalsegno import workflow\nfrom .names import NAME\n@workflow(name=NAME)\ndef hello(): ...\n"
    )
    assert cli("start", "company/shop/hello.py", "--id", "g").exit_code == 0
    assert "greet v1" in cli("where", "g", "--store", "company/shop/hello.db").stdout


def test_the_app_in_the_file_names_the_store(shop: Path, cli: Cli) -> None:
    said = cli("start", "newer.py:approve", "--id", "a")
    assert f"store sqlite:///{shop}/orders.db (App 'orders')" in said.stderr
    said = cli("start", "newer.py:approve", "--id", "a", "--store", "other.db")
    assert f"store sqlite:///{shop}/other.db (--store)" in said.stderr


def test_without_an_app_the_configured_store_is_meant(
    shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "dalsegno.toml").write_text('store = "here.db"\n')
    cli("start", "orders.py:nap", "--id", "n")
    assert f"store sqlite:///{shop}/here.db" in cli("where", "n").stderr
    monkeypatch.setenv("DALSEGNO_STORE", "sqlite:///there.db")
    cli("start", "orders.py:nap", "--id", "n")
    assert (shop / "there.db").is_file()


def test_waiting_prints_the_result(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop):
        said = cli("start", "orders.py:greet", ANN, "--wait")
    assert (said.exit_code, said.stdout) == (0, '"hello ann"\n')


def test_waiting_ends_with_1_when_the_run_fails(shop: Path, cli: Cli) -> None:
    with worker("orders.py", cwd=shop):
        said = cli("start", "orders.py:broken", "--id", "b", "--wait")
    assert said.exit_code == 1
    assert "RuntimeError: out of luck" in said.stderr


def test_waiting_ends_with_6_when_the_run_is_cancelled(shop: Path, cli: Cli) -> None:
    cli("start", "orders.py:nap", "--id", "n")
    cli("runs", "cancel", "n")
    with worker("orders.py", cwd=shop):
        assert cli("start", "orders.py:nap", "--id", "n", "--wait").exit_code == 6


def test_waiting_without_a_worker_says_so_and_times_out(shop: Path, cli: Cli) -> None:
    said = cli("start", "orders.py:greet", ANN, "--id", "g", "--timeout", "10ms")
    assert said.exit_code == 124
    assert "no live worker has greet v1 yet: dalsegno worker FILE" in said.stderr
    assert "Run g had no result after 10ms" in said.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("orders.py:greet", '{"name": '), "The input is no JSON"),
        (("orders.py:greet", "ann"), "Text must be quoted twice"),
        (("orders.py:greet", '{"nome": "x"}'), "does not fit greet(guest: 'Guest') -> 'str'"),
        (("orders.py:greet", "@none.json"), "The input @none.json cannot be read: No such file"),
        (("orders.py:nothing",), "There is no workflow 'nothing' here"),
        (("orders.py",), "write FILE:WORKFLOW"),
        (("none.py:greet",), "There is no file none.py"),
        (("none:greet",), "There is no file and no module none"),
        (("orders.py:greet", ANN, "--id", " "), "The run id ' ' is blank"),
        (("orders.py:greet", ANN, "--timeout", "soon"), "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    shop: Path, cli: Cli, args: tuple[str, ...], text: str
) -> None:
    said = cli("start", *args)
    assert said.exit_code == 2, said.output
    assert text in said.stderr
    assert "Traceback" not in said.stderr


def test_a_file_that_cannot_be_imported_is_told_with_its_line(shop: Path, cli: Cli) -> None:
    (shop / "bad.py").write_text("import dalsegno\n\n1 / 0\n")
    said = cli("start", "bad.py:x")
    assert said.exit_code == 2
    assert f"bad.py cannot be imported: ZeroDivisionError: division by zero ({shop}/bad.py:3)." in said.stderr
    assert "Traceback" not in said.stderr
    assert "Traceback" in cli("start", "bad.py:x", "--debug").stderr


def test_a_file_named_like_a_module_that_is_there_is_refused(shop: Path, cli: Cli) -> None:
    (shop / "json.py").write_text("x = 1\n")
    said = cli("start", "json.py:x")
    assert said.exit_code == 2
    assert "Rename the file." in said.stderr


def test_two_apps_in_one_file_cannot_be_told_apart(shop: Path, cli: Cli) -> None:
    (shop / "two.py").write_text("from dalsegno import App\na = App('a')\nb = App('b')\n")
    said = cli("start", "two.py:x")
    assert said.exit_code == 2
    assert "has several Apps: a, b." in said.stderr
