"""``dalsegno cases``, and ``dalsegno db rebuild-cases``."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Process, Service, event
from tests.cli.conftest import Cli
from tests.helpers.waiting import until


@event(key="claim")
@dataclass
class Filed:
    claim: str
    policy: str


@event(key="claim")
@dataclass
class Assessed:
    claim: str


@event(key="claim")
@dataclass
class Settled:
    claim: str


@event(key="claim")
@dataclass
class Withdrawn:
    claim: str
    why: str


claim = Process("claim", starts=Filed, ends=Settled, cancel=Withdrawn, due="1ms", keys={"policy": "policy"})
assessors = Service("assessors")


@assessors.on(attempts=1, due="1h")
def assess(e: Filed) -> Assessed:
    if e.claim == "3":
        raise ValueError("it cannot be read")
    return Assessed(e.claim)


@pytest.fixture
def claims(shop: Path) -> None:
    app = App("claims", include=[claim, assessors], store=f"sqlite:///{shop}/claims.db", lease="1s")
    with app as client:
        client.emit(Filed("1", "p-1"), Filed("2", "p-2"), Filed("3", "p-3"))
        client.emit(Settled("1"))
        until(lambda: len(client.dead_letters.list()) == 1, "one cannot be assessed")
        until(lambda: len(client.events.list("Assessed")) == 2, "the others are")


def listed(cli: Cli, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("cases", *options, "--json").stdout)
    return found


@pytest.mark.usefixtures("claims")
def test_cases_are_listed_by_process_and_state_a_page_at_a_time(cli: Cli) -> None:
    heading, *rows = cli("cases", "list").stdout.splitlines()
    assert heading.split() == ["CASE", "PROCESS", "STATE", "BEGAN", "DUE", "OVER"]
    assert [row.split()[:4] for row in rows] == [
        ["claim-3", "claim", "open,", "late"],
        ["claim-2", "claim", "open,", "late"],
        ["claim-1", "claim", "ended", rows[2].split()[3]],
    ]
    assert "ago" in rows[0] and "Settled" in rows[2]
    page = listed(cli, "list", "claim", "--state", "open", "--limit", "1")
    assert [case["id"] for case in page["cases"]] == ["claim-3"]
    following = listed(cli, "list", "claim", "--limit", "5", "--before", str(page["next"]))
    assert ([case["id"] for case in following["cases"]], following["next"]) == (["claim-2", "claim-1"], None)
    assert "no such case" in cli("cases", "list", "refund").stderr
    assert listed(cli, "list", "--since", "1h", "--until", "30m")["cases"] == []
    assert [case["id"] for case in listed(cli, "late")["cases"]] == ["claim-2", "claim-3"]


@pytest.mark.usefixtures("claims")
def test_a_case_is_shown_with_all_that_it_left(cli: Cli) -> None:
    said = cli("cases", "show", "claim-3").stdout
    assert said.splitlines()[0].split() == ["claim-3", "claim", "open,", "late"]
    assert "key 3" in said and "policy p-3" in said
    assert "assessors.assess  run assessors.assess#3 waiting (parked: dead letter)" in said
    assert "dead letter 1 of assessors.assess: ValueError: it cannot be read" in said
    assert "next: dalsegno dead-letters show 1" in said
    story = json.loads(cli("cases", "show", "p-2", "--json").stdout)
    assert (story["case"]["id"], story["keys"]) == ("claim-2", {"policy": ["p-2"]})
    assert [each["type"] for each in story["events"]] == ["Filed", "Assessed"]
    absent = cli("cases", "show", "claim-9")
    assert absent.exit_code == 3
    assert "There is no case 'claim-9'" in absent.stderr


@pytest.mark.usefixtures("claims")
def test_each_answer_about_cases_names_the_command_that_is_of_use_now(cli: Cli) -> None:
    store = " --store claims.db"
    stuck = cli("cases", "stuck", "--store", "claims.db")
    assert stuck.stderr.splitlines()[1:] == ["1 of 2 cases", f"next: dalsegno where claim-3{store}"]
    late = cli("cases", "late", "claim", "--store", "claims.db")
    assert late.stderr.splitlines()[1:] == ["2 shown", f"next: dalsegno cases why claim --late{store}"]
    shown = cli("cases", "show", "claim-3", "--store", "claims.db").stdout
    proposed = f"dalsegno dead-letters show 1{store} · dalsegno where claim-3{store}"
    assert shown.splitlines()[-1] == f"  next: {proposed}"
    assert cli("cases", "why").stderr.splitlines()[1:] == ["2 open cases"]
    cli("cases", "cancel", "claim-2", '{"why": "a mistake"}')
    assert cli("cases", "why").stderr.splitlines()[1:] == ["1 open case"]
    assert cli("cases", "late", "refund").stderr.splitlines()[1:] == ["no open case is late"]
    assert "next:" not in cli("cases", "show", "claim-1").stdout


@pytest.mark.usefixtures("claims")
def test_a_case_is_cancelled_once_and_with_what_its_event_needs(cli: Cli) -> None:
    refused = cli("cases", "cancel", "claim-2")
    assert refused.exit_code == 2
    assert "why" in refused.stderr
    assert cli("cases", "cancel", "claim-2", "[]").exit_code == 2
    done = cli("cases", "cancel", "claim-2", '{"why": "a mistake"}', "--by", "ann")
    assert done.exit_code == 0, done.stderr
    (withdrawn,) = json.loads(cli("events", "list", "--type", "Withdrawn", "--json").stdout)["events"]
    assert withdrawn["data"] == {"claim": "2", "why": "a mistake"}
    again = cli("cases", "cancel", "claim-2", '{"why": "again"}')
    assert again.exit_code == 4
    assert "it is over" in again.stderr
    assert listed(cli, "list", "--state", "cancelled")["cases"][0]["end"] == "Withdrawn"


def test_the_rows_of_cases_are_made_anew(shop: Path, cli: Cli) -> None:
    app = App("claims", include=[claim], store=f"sqlite:///{shop}/claims.db", slots=0)
    with app as client:
        client.emit(Filed("1", "p-1"), Filed("2", "p-2"))
        client.emit(Settled("1"))
    before = cli("cases", "list", "--json").stdout
    with sqlite3.connect(shop / "claims.db") as file:
        file.execute("UPDATE cases SET state = 'open', due_at = 5")
        file.execute("DELETE FROM case_aliases")
    file.close()
    done = cli("db", "rebuild-cases")
    assert (done.exit_code, done.stdout) == (0, "2 cases\n")
    after = cli("cases", "list", "--json").stdout
    assert json.loads(after)["cases"] == json.loads(before)["cases"]
    assert json.loads(cli("cases", "show", "p-1", "--json").stdout)["case"]["id"] == "claim-1"


@pytest.mark.usefixtures("claims")
def test_a_case_is_shown_as_it_was(cli: Cli) -> None:
    story = json.loads(cli("cases", "show", "claim-1", "--json").stdout)
    past = json.loads(cli("cases", "show", "claim-1", "--at", story["events"][0]["at"], "--json").stdout)
    assert (past["case"]["state"], past["events"][0]["type"]) == ("open", "Filed")
    assert story["case"]["state"] == "ended"
    happened = cli("cases", "show", "claim-1", "--at", story["case"]["ended_at"], "--happened", "--json")
    assert json.loads(happened.stdout)["case"]["state"] == "ended"
    before = cli("cases", "show", "claim-1", "--at", "365d")
    assert (before.exit_code, "had not begun" in before.stderr) == (3, True)
    wrong = cli("cases", "show", "claim-1", "--happened")
    assert (wrong.exit_code, "--at" in wrong.stderr) == (2, True)


@pytest.mark.usefixtures("claims")
def test_the_time_of_cases_is_told(cli: Cli) -> None:
    said = cli("cases", "times", "claim-3").stdout.splitlines()
    assert said[0].split()[:3] == ["claim-3", "claim", "open"]
    assert [line.split()[0] for line in said[1:5]] == ["running", "retrying", "queued", "waiting"]
    assert "past case" in said[-1]
    assert any(line.split("until")[0].strip() == "owed: Assessed by assessors.assess," for line in said), said
    told = json.loads(cli("cases", "times", "claim-1", "--json").stdout)
    assert (told["times"]["case"], told["forecast"]) == ("claim-1", None)
    beside = cli("cases", "compare", "claim-3", "claim-1").stdout
    assert "they part at " in beside and "which only claim-1 has" in beside
    assert beside.splitlines()[0].split() == ["claim-3", "claim-1"]
    assert cli("cases", "compare", "claim-3", "claim-9").exit_code == 3
    pace = cli("flow", "claim", "--times", "--store", "claims.db").stdout
    assert pace.splitlines()[0] == "process claim: its last 1 cases that ended"
    assert "all of it" in pace
    assert json.loads(cli("flow", "claim", "--times", "--json", "--store", "claims.db").stdout)["cases"] == 1
