"""What is asked of many runs is found by an index, and a range of ids holds just those that begin so."""

from __future__ import annotations

import re

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.store.migrate import read_migrations
from dalsegno.store.protocol import beyond
from dalsegno.store.queries import read_queries


def _plan(name: str) -> str:
    connection = apsw.Connection(":memory:")
    for migration in read_migrations("sqlite"):
        connection.execute(migration.text).fetchall()
    query = read_queries("sqlite", "?")[name]
    count = max(int(number) for number in re.findall(r"\?(\d+)", query.text))
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query.text}", (None,) * count).fetchall()
    return " / ".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("list_runs_by_id", "USING INDEX sqlite_autoindex_runs_1 (namespace=? AND id>? AND id<?)"),
        ("list_runs_of_case", "USING INDEX runs_case (case_id=?"),
        ("find_run", "USING INDEX sqlite_autoindex_runs_1 (namespace=? AND id=?"),
        ("seek_run", "(namespace=? AND id=?"),
    ],
)
def test_runs_are_looked_up_by_an_index(name: str, index: str) -> None:
    plan = _plan(name)
    assert index in plan and "SCAN" not in plan, plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("count_pending", "INDEX runs_due"),
        ("pending_since", "INDEX runs_due"),
        ("count_running", "INDEX runs_session"),
        ("running_since", "INDEX runs_session"),
        ("count_waiting", "COVERING INDEX runs_waiting"),
        ("waiting_since", "COVERING INDEX runs_waiting"),
        ("late_cases", "INDEX cases_due"),
        ("still_cases", "INDEX cases_state (namespace=? AND state=?)"),
    ],
)
def test_what_is_counted_for_metrics_and_alerts_meets_nothing_that_has_ended(name: str, index: str) -> None:
    plan = _plan(name)
    assert (
        index in plan
        and "sqlite_autoindex_runs" not in plan
        and "SCAN runs " not in f"{plan} ".replace("SCAN runs USING INDEX runs_due", "")
    ), plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("read_case", "(namespace=? AND id=?"),
        ("case_of_key", "USING INDEX cases_key (key=?"),
        ("cases_by_value", "USING INDEX case_aliases_value (value=?"),
        ("members_of", "merged_cases_into (into_case_id=?"),
        ("move_aliases", "USING INDEX case_aliases_case (case_id=?"),
        ("move_members", "merged_cases_into (into_case_id=?"),
        ("closing_events", "USING INDEX events_case (case_id=?"),
        ("first_of_case", "USING INDEX events_case (case_id=?"),
        ("list_cases", "USING INDEX cases_state (namespace=? AND state=? AND process=? AND started_at>?"),
        ("list_late_cases", "USING INDEX cases_due (namespace=? AND due_at>?"),
        ("size_of_trail", "events USING COVERING INDEX events_case (case_id=?"),
        ("size_of_trail", "runs USING COVERING INDEX runs_case (case_id=?"),
        ("trail_events", "USING INDEX events_case (case_id=?"),
        ("trail_reactions", "SEARCH r USING PRIMARY KEY (event=?"),
        ("trail_runs", "USING INDEX runs_case (case_id=?"),
        ("trail_dead_letters", "(run=?"),
    ],
)
def test_cases_are_looked_up_by_an_index(name: str, index: str) -> None:
    plan = _plan(name)
    scanned = re.findall(r"SCAN (?!JSON_EACH|CONSTANT|e VIRTUAL|found)\w+", plan)
    assert index in plan and scanned in ([], ["SCAN m"]), plan


@pytest.mark.parametrize("name", ["list_cases", "list_late_cases"])
def test_a_page_of_cases_is_taken_from_the_index_in_its_order(name: str) -> None:
    assert "TEMP B-TREE" not in _plan(name)


def test_a_list_takes_the_newest_first_and_sorts_nothing() -> None:
    plan = _plan("list_runs")
    assert plan == "SCAN runs", plan


@given(st.text(min_size=1, max_size=5), st.text(max_size=5))
def test_a_text_begins_so_if_and_only_if_it_lies_in_the_range(prefix: str, text: str) -> None:
    for candidate in (text, prefix + text):
        behind = beyond(prefix)
        within = prefix <= candidate and (behind is None or candidate < behind)
        assert within == candidate.startswith(prefix)


def test_nothing_lies_behind_the_last_of_all_texts() -> None:
    assert beyond("\U0010ffff") is None
    assert beyond("a\U0010ffff") == "b"
    assert beyond("\ud7ff") == "\ue000"
