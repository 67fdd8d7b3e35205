"""How answers look: the text for people to the letter, and the names in the JSON."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC
from textwrap import dedent

import pytest

from dalsegno.core import failure
from dalsegno.core.clock import HOUR, MINUTE, SECOND
from dalsegno.core.commit import Rest
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.failure import Failure
from dalsegno.core.notes import Wait
from dalsegno.core.runs import Status
from dalsegno.insight.journal import read_journal
from dalsegno.insight.listing import count_runs, list_runs
from dalsegno.insight.paint import Style
from dalsegno.insight.render import render_where, to_json
from dalsegno.insight.search import find_run
from dalsegno.insight.tables import render_counts, render_journal, render_page
from dalsegno.insight.whereabouts import where
from dalsegno.store.protocol import RunQuery
from tests.unit.insight.stage import Stage

UTC_STYLE = Style(zone=UTC)


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.start(1, "order-1", case="case-1")
    made.worker()
    made.claim()
    return made


def shown(stage: Stage, style: Style = UTC_STYLE, option: str = "") -> str:
    return render_where(asyncio.run(where(stage.store, "default", "order-1")), style, option=option)


def error(type_: str = "builtins.ValueError", message: str = "no funds") -> bytes:
    return failure.encode(Failure(type_, message))


def test_a_waiting_run_reads_as_a_trail_with_what_is_owed_at_its_end(stage: Stage) -> None:
    stage.commit(
        1,
        Entry(1, Kind.ATTEMPT, 1, "charge_payment", outcome=Outcome.ERROR, attempt=1, data=error()),
        Entry(2, Kind.STEP, 1, "charge_payment", attempt=2, data=b'"p"'),
        Entry(3, Kind.SIGNAL, 2, "Address", source="ann", data=b"1"),
    )
    stage.clock.go_on(MINUTE)
    stage.waits(
        1,
        Wait("timer", "timer", 4, stage.since(), due_at=stage.since() + HOUR),
        Wait("signal", "underwriter", 3, stage.since()),
        due_at=stage.since() + HOUR,
    )
    stage.clock.go_on(12 * MINUTE + 8 * SECOND)
    assert shown(stage) == dedent("""\
        order-1  order v1  waiting 12m08s: waits for signal underwriter (and timer)
          case case-1 · at orders.py:7
          ✗ charge_payment  08:00:00  attempt 1 failed: ValueError: no funds
          ✓ charge_payment  08:00:00  attempt 2
          ✓ Address         08:00:00  signal from ann
          · timer           fires at 09:01:00 (in 47m52s)
          · underwriter     waits for this signal since 08:01:00 (12m08s)
          next: dalsegno runs signal order-1 underwriter '{...}'""")


def test_an_undone_run_shows_which_step_undid_which(stage: Stage) -> None:
    stage.commit(
        1,
        Entry(1, Kind.STEP, 1, "charge", attempt=1, data=b'"p"'),
        Entry(2, Kind.STEP, 2, "ship", outcome=Outcome.UNKNOWN, attempt=1, data=error("TimeoutError", "30s")),
        Entry(3, Kind.STEP, 3, "unship", attempt=1, source="#2", data=b"null"),
        Entry(4, Kind.STEP, 4, "refund", attempt=1, source="#1", data=b"null"),
    )
    stage.commit(1, rest=Rest(Status.FAILED, 0, reason="compensated", error=error()))
    stage.clock.go_on(SECOND)
    assert shown(stage) == dedent("""\
        order-1  order v1  failed (compensated) 1s ago: ValueError: no funds
          case case-1
          ✓ charge  08:00:00
          ? ship    08:00:00  whether it happened is not known: TimeoutError: 30s
          ✓ unship  08:00:00  undoes ship
          ✓ refund  08:00:00  undoes charge
          next: dalsegno runs show order-1""")


def test_a_retry_tells_its_error_once(stage: Stage) -> None:
    stage.commit(1, Entry(1, Kind.ATTEMPT, 1, "charge", outcome=Outcome.ERROR, attempt=1, data=error()))
    due = stage.since() + 12 * SECOND
    stage.waits(
        1, Wait("retry", "charge", 1, stage.since(), due, 2, 5, "builtins.ValueError: no funds"), due_at=due
    )
    text = shown(stage)
    assert text.splitlines()[0] == (
        "order-1  order v1  waiting 0s: charge: attempt 2 of 5, in 12s, after ValueError: no funds"
    )
    assert "  · charge  attempt 2 of 5 at 08:00:12 (in 12s)\n" in text


def test_ascii_and_colour_are_a_matter_of_style(stage: Stage) -> None:
    stage.commit(1, Entry(1, Kind.STEP, 1, "charge", attempt=1, data=b"1"))
    assert "  + charge  08:00:00" in shown(stage, Style(zone=UTC, symbols=False))
    assert "\x1b[32m✓\x1b[0m charge" in shown(stage, Style(zone=UTC, colour=True))


def test_commands_carry_the_option_that_names_the_store(stage: Stage) -> None:
    stage.waits(1, Wait("signal", "go", 1, stage.since()))
    assert "runs signal order-1 go '{...}' --store x.db" in shown(stage, option=" --store x.db")


def test_nothing_that_a_run_says_can_steer_the_terminal(stage: Stage) -> None:
    stage.commit(1, Entry(1, Kind.SIGNAL, 1, "s\x1b[2J", source="\x1b]0;x\x07", data=b"1"))
    stage.waits(1, Wait("signal", "\x1b[31mred", 2, stage.since()))
    assert "\x1b" not in shown(stage)


def test_the_json_has_the_fields_by_name_and_times_in_utc(stage: Stage) -> None:
    stage.waits(1, Wait("signal", "go", 1, stage.since()))
    document = json.loads(to_json(asyncio.run(where(stage.store, "default", "order-1"))))
    (run,) = document["runs"]
    assert document["found_by"] == "run"
    assert run["why"] == {"kind": "waiting for a signal", "text": "waits for signal go"}
    assert run["since"] == "2027-01-15T08:00:00Z"
    assert run["waits"][0]["name"] == "go"
    assert set(run) >= {"id", "workflow", "version", "status", "reason", "case_id", "trail", "next"}


def test_a_list_is_columns_under_a_heading(stage: Stage) -> None:
    stage.start(2, "order-22")
    page = asyncio.run(list_runs(stage.store, RunQuery()))
    assert render_page(page, UTC_STYLE) == dedent("""\
        RUN       WORKFLOW  STATUS   SINCE  STARTED   REASON
        order-22  order v1  pending  0s     08:00:00
        order-1   order v1  running  0s     08:00:00""")
    assert page.next is None


def test_a_full_page_tells_where_the_next_one_begins(stage: Stage) -> None:
    stage.start(2, "order-22")
    first = asyncio.run(list_runs(stage.store, RunQuery(limit=1)))
    assert [run.id for run in first.runs] == ["order-22"]
    second = asyncio.run(list_runs(stage.store, RunQuery(limit=1, before=first.next)))
    assert [run.id for run in second.runs] == ["order-1"]


def test_no_runs_are_no_lines(stage: Stage) -> None:
    page = asyncio.run(list_runs(stage.store, RunQuery(workflow="none")))
    assert render_page(page, UTC_STYLE) == ""


def test_counts_name_all_six_statuses_and_show_those_that_occur(stage: Stage) -> None:
    counts = asyncio.run(count_runs(stage.store, "default"))
    assert list(counts) == ["pending", "running", "waiting", "completed", "failed", "cancelled"]
    assert render_counts(counts) == "1 running"
    assert render_counts({}) == "no runs"


def test_a_run_in_full_shows_each_value(stage: Stage) -> None:
    stage.commit(
        1,
        Entry(1, Kind.STEP, 1, "charge", attempt=1, data=b'{"id":"p-1"}'),
        Entry(2, Kind.SIGNAL, 2, "go", source="ann", data=b"true"),
    )
    stage.commit(1, rest=Rest(Status.COMPLETED, 0, output=b'"done"'))

    async def read() -> str:
        run = await find_run(stage.store, "default", "order-1")
        journal = await read_journal(stage.store, run)
        assert json.loads(to_json(journal))["entries"][0]["value"] == {"id": "p-1"}
        return render_journal(journal, UTC_STYLE)

    assert asyncio.run(read()) == dedent("""\
        order-1  order v1  completed
          started  08:00:00  on Python 3.11
          input    {"n":1}
          ✓    1 08:00:00  charge  {"id":"p-1"}
          ✓    2 08:00:00  go      signal from ann  true
          result   "done\"""")
