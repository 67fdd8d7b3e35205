"""``dalsegno services``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_events import place, shipped
from tests.helpers.command import Working, worker
from tests.helpers.waiting import until


@pytest.fixture
def at_work(shop: Path, cli: Cli) -> Iterator[Working]:
    with worker("shop.py", "--lease", "1s", cwd=shop) as working:
        until(lambda: "shipping" in cli("services", "list").stdout, "the services are known")
        yield working


def listed(cli: Cli) -> dict[str, dict[str, object]]:
    found = json.loads(cli("services", "list", "--json").stdout)["services"]
    return {service["name"]: service for service in found}


def test_services_are_listed_with_how_far_they_are(shop: Path, at_work: Working, cli: Cli) -> None:
    place(cli, "1")
    until(
        lambda: all(one["lag_events"] == 0 for one in listed(cli).values()) and shipped(shop), "all is read"
    )
    heading, payments, shipping = cli("services", "list").stdout.splitlines()
    assert heading.split() == ["SERVICE", "LAG", "BEHIND", "BLOCKED", "DEAD", "PARTITIONS", "STATE"]
    assert payments.split() == ["payments", "0", "-", "0", "0", "64/64", "at", "work"]
    assert shipping.startswith("shipping")
    said = cli("services", "show", "payments").stdout
    assert "position  2 (up to date)" in said
    assert "authorize  OrderPlaced -> PaymentAuthorized" in said
    assert json.loads(cli("services", "show", "payments", "--json").stdout)["service"]["position"] == 2


def test_a_service_is_paused_and_resumed_by_somebody(shop: Path, at_work: Working, cli: Cli) -> None:
    assert cli("services", "pause", "shipping", "--by", "ann").exit_code == 0
    again = cli("services", "pause", "shipping")
    assert again.exit_code == 4
    assert "it is paused already" in again.stderr
    assert "paused by ann" in cli("services", "list").stdout
    assert cli("services", "resume", "shipping").exit_code == 0
    assert cli("services", "resume", "shipping").exit_code == 4


def test_a_replay_is_told_before_it_is_done(shop: Path, at_work: Working, cli: Cli) -> None:
    place(cli, "1")
    place(cli, "2")
    until(lambda: len(shipped(shop)) == 2, "both are shipped")
    plan = cli("services", "replay", "shipping", "--after", "0")
    assert "would react again to 2 events behind event 0; --yes does it" in plan.stderr
    assert listed(cli)["shipping"]["generation"] == 1
    assert cli("events", "replay", "--service", "shipping", "--since", "1h", "--yes").exit_code == 0
    until(lambda: len(shipped(shop)) == 4, "both are shipped again")
    assert listed(cli)["shipping"]["generation"] == 2
    assert cli("services", "replay", "shipping").exit_code == 2
    assert cli("services", "replay", "shipping", "--after", "99").exit_code == 2


def test_a_service_that_lost_nothing_has_nothing_to_skip(shop: Path, at_work: Working, cli: Cli) -> None:
    said = cli("services", "skip", "payments")
    assert said.exit_code == 4
    assert "has lost no events" in said.stderr


@pytest.mark.parametrize("verb", [("show",), ("pause",), ("resume",), ("skip",), ("replay", "--after", "0")])
def test_a_service_that_is_not_there_is_not_found(
    shop: Path, at_work: Working, cli: Cli, verb: tuple[str, ...]
) -> None:
    said = cli("services", *verb, "cash")
    assert said.exit_code == 3
    assert "It knows: payments, shipping" in said.stderr


def test_what_a_service_keeps_of_a_key_is_shown(shop: Path, at_work: Working, cli: Cli) -> None:
    place(cli, "1")
    until(lambda: cli("services", "state", "shipping", "1").exit_code == 0, "it is kept")
    heading, *data = cli("services", "state", "shipping", "1").stdout.splitlines()
    assert heading.startswith("1  kept by shipping with event 2, ")
    assert json.loads("".join(data)) == {"times": 1}
    document = json.loads(cli("services", "state", "shipping", "1", "--json").stdout)
    assert (document["state"], document["event"], document["key"]) == ({"times": 1}, 2, "1")
    missing = cli("services", "state", "shipping", "2")
    assert (missing.exit_code, "keeps nothing of key '2'" in missing.stderr) == (3, True)
    assert cli("services", "state", "payments", "1").exit_code == 2
    assert cli("services", "state", "nobody", "1").exit_code == 3
