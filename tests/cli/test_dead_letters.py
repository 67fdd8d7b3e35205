"""``dalsegno dead-letters``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cli.conftest import Cli
from tests.cli.test_events import place, shipped
from tests.helpers.command import Working, worker
from tests.helpers.waiting import until


@pytest.fixture
def at_work(shop: Path) -> Iterator[Working]:
    with worker("shop.py", "--lease", "1s", cwd=shop) as working:
        yield working


def letters(cli: Cli, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("dead-letters", "list", "--json", *args).stdout)[
        "dead_letters"
    ]
    return found


@pytest.fixture
def dead(at_work: Working, cli: Cli) -> None:
    """Two dead letters: orders 1 and 2."""
    place(cli, "1", -5)
    place(cli, "2", -7)
    until(lambda: len(letters(cli)) == 2, "both are dead letters")


@pytest.mark.usefixtures("dead")
def test_dead_letters_are_listed_and_grouped(cli: Cli) -> None:
    lines = cli("dead-letters", "list").stdout.splitlines()
    assert lines[0].split() == ["LETTER", "EVENT", "HANDLER", "KEY", "STATE", "SINCE", "TRIED", "ERROR"]
    assert "payments.authorize" in lines[1]
    assert {one["key"] for one in letters(cli)} == {"1", "2"}
    assert letters(cli, "--handler", "payments.authorize", "--limit", "1")[0]["number"] == 2
    assert letters(cli, "--service", "shipping") == letters(cli, "--state", "resolved") == []
    (group,) = json.loads(cli("dead-letters", "groups", "--json").stdout)["groups"]
    assert (group["count"], group["cause"], group["example"]) == (2, "ValueError in authorize", 1)
    assert "ValueError in authorize" in cli("dead-letters", "groups").stdout


@pytest.mark.usefixtures("dead")
def test_the_doctor_finds_them(cli: Cli) -> None:
    said = cli("doctor")
    assert said.exit_code == 1
    assert "2 dead letters wait for a person: ValueError in authorize" in said.stdout


@pytest.mark.usefixtures("dead")
def test_a_dead_letter_is_shown_in_full_and_where_points_to_it(cli: Cli) -> None:
    number = next(one["number"] for one in letters(cli) if one["key"] == "1")
    place(cli, "1", 6)
    until(lambda: "wait for it" in cli("dead-letters", "show", str(number)).stdout, "one waits behind it")
    said = cli("dead-letters", "show", str(number)).stdout
    assert "ValueError: -5 cannot be paid" in said
    assert 'data     {"order_id":"1","amount":-5}' in said
    assert "case order-1" in said
    assert "raise ValueError" in said
    assert f"next: dalsegno dead-letters redrive {number}" in said
    (run,) = [one["run"] for one in letters(cli) if one["key"] == "1"]
    where = cli("where", run).stdout
    assert f"dead letter {number} since" in where
    assert f"next: dalsegno dead-letters show {number}" in where
    behind = json.loads(cli("dead-letters", "show", str(number), "--json").stdout)["behind"][0]
    said = cli("where", behind).stdout
    assert f"blocked behind key '1': {run} is before it" in said
    assert f"next: dalsegno where '{run}'" in said


@pytest.mark.usefixtures("dead")
def test_one_is_redriven_at_once_and_twice_is_a_no_op(shop: Path, cli: Cli) -> None:
    (shop / "mended").touch()
    done = cli("dead-letters", "redrive", "1", "--by", "ann", "--why", "mended")
    assert done.exit_code == 0
    assert "1 of 1 to be tried again" in done.stderr
    until(lambda: len(letters(cli, "--state", "resolved")) == 1, "it is resolved")
    again = cli("dead-letters", "redrive", "1")
    assert again.exit_code == 4
    assert "it is not open any more" in again.stderr
    said = cli("dead-letters", "show", "1").stdout
    assert "redrive by ann: mended" in said
    (letter,) = letters(cli, "--state", "resolved")
    assert "redrive: mended, says ann" in cli("where", letter["run"]).stdout


@pytest.mark.usefixtures("dead")
def test_a_group_is_shown_before_it_is_redriven(shop: Path, cli: Cli) -> None:
    plan = cli("dead-letters", "redrive", "--group", "1")
    assert "2 would be redriven; --yes does it" in plan.stderr
    assert len(plan.stdout.splitlines()) == 2
    (shop / "mended").touch()
    done = cli("dead-letters", "redrive", "--service", "payments", "--yes", "--json")
    assert [one["outcome"] for one in json.loads(done.stdout)["letters"]] == ["redriven", "redriven"]
    until(lambda: sorted(shipped(shop)) == ["1", "2"], "both are shipped")
    assert json.loads(cli("dead-letters", "redrive", "--all", "--yes", "--json").stdout)["letters"] == []


@pytest.mark.usefixtures("dead")
def test_which_are_to_be_redriven_must_be_said_in_one_way(cli: Cli) -> None:
    for args in ((), ("1", "--all"), ("--group", "1", "--service", "payments")):
        said = cli("dead-letters", "redrive", *args)
        assert said.exit_code == 2
        assert "Say which" in said.stderr


@pytest.mark.usefixtures("dead")
def test_one_is_edited_and_its_data_must_fit_where_the_code_is_named(shop: Path, cli: Cli) -> None:
    data = letters(cli)[0]
    number, key = str(data["number"]), data["key"]
    wrong = cli("dead-letters", "edit", number, '{"order_id": 7}', "--code", "shop.py")
    assert wrong.exit_code == 4
    assert "does not fit OrderPlaced" in wrong.stderr
    assert cli("dead-letters", "edit", number, "{").exit_code == 2
    right = json.dumps({"order_id": key, "amount": 3})
    done = cli("dead-letters", "edit", number, right, "--code", "shop.py", "--why", "typo", "--by", "ann")
    assert done.exit_code == 0
    until(lambda: shipped(shop) == [key], "it is shipped")
    assert "edit by ann: typo" in cli("dead-letters", "show", number).stdout
    assert "(edited; the event has another)" in cli("dead-letters", "show", number).stdout


@pytest.mark.usefixtures("dead")
def test_without_data_the_editor_opens_with_what_there_is(
    shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(click, "edit", lambda text, extension: text)
    same = cli("dead-letters", "edit", "1")
    assert same.exit_code == 2
    assert "Nothing was edited" in same.stderr
    monkeypatch.setattr(click, "edit", lambda text, extension: text.replace("-", ""))
    assert cli("dead-letters", "edit", "1").exit_code == 0
    until(lambda: len(shipped(shop)) == 1, "it is shipped")


@pytest.mark.usefixtures("dead")
def test_one_is_discarded_for_a_reason(cli: Cli) -> None:
    assert cli("dead-letters", "discard", "1").exit_code == 2
    assert cli("dead-letters", "discard", "1", "--why", "a test order", "--by", "ann").exit_code == 0
    until(lambda: len(letters(cli, "--state", "discarded")) == 1, "it is discarded")
    again = cli("dead-letters", "discard", "1", "--why", "again")
    assert again.exit_code == 4
    assert "it is not open any more" in again.stderr
    (letter,) = letters(cli, "--state", "discarded")
    assert "discard: a test order, says ann" in cli("where", letter["run"]).stdout


@pytest.mark.usefixtures("dead")
def test_a_group_is_shown_before_it_is_discarded(cli: Cli) -> None:
    plan = cli("dead-letters", "discard", "--group", "2", "--why", "test orders")
    assert "2 would be discarded; --yes does it" in plan.stderr
    assert len(letters(cli)) == 2
    done = cli(
        "dead-letters", "discard", "--cause", "ValueError in authorize", "--why", "test orders", "--yes"
    )
    assert "2 of 2 discarded" in done.stderr
    until(lambda: len(letters(cli, "--state", "discarded")) == 2, "both are discarded")
    assert {one["why"] for one in letters(cli, "--state", "discarded")} == {"test orders"}


@pytest.mark.usefixtures("dead")
def test_a_cause_is_found_by_the_name_of_its_error_and_others_are_told(cli: Cli) -> None:
    assert len(letters(cli, "--cause", "ValueError")) == 2
    plan = cli("dead-letters", "redrive", "--cause", "ValueError")
    assert "2 would be redriven; --yes does it" in plan.stderr
    for wrong in ("KeyError", "Value", "ValueError in auth"):
        for said in (
            cli("dead-letters", "list", "--cause", wrong),
            cli("dead-letters", "redrive", "--cause", wrong),
        ):
            assert f"is or begins with {wrong!r}; there are: ValueError in authorize" in said.stderr
    assert "there are:" not in cli("dead-letters", "list", "--service", "shipping").stderr


def test_what_is_not_there_is_not_found(shop: Path, cli: Cli) -> None:
    place(cli, "1")
    for args in (("show", "9"), ("redrive", "9"), ("edit", "9", "{}"), ("discard", "9", "--why", "x")):
        assert cli("dead-letters", *args).exit_code == 3
    assert cli("dead-letters", "list", "--service", "cash").exit_code == 3
    assert cli("dead-letters", "list").exit_code == 0
