"""Where a run stands, gathered from a store; and which run is meant."""

from __future__ import annotations

import asyncio

import pytest

from dalsegno.client.standing import Reason, Standing
from dalsegno.client.whereabouts import Where
from dalsegno.core import failure
from dalsegno.core.clock import HOUR, SECOND
from dalsegno.core.commit import Beat, Rest
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.failure import Failure
from dalsegno.core.notes import LongAttempt, Wait
from dalsegno.core.runs import Status
from dalsegno.errors import RunNotFound
from dalsegno.insight.search import find_run
from dalsegno.insight.whereabouts import where
from tests.unit.insight.stage import SESSION, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def asked(stage: Stage, id: str, *, trail: int = 60) -> Where:
    return asyncio.run(where(stage.store, "default", id, trail=trail))


def only(stage: Stage, id: str) -> Standing:
    (run,) = asked(stage, id).runs
    return run


def test_a_new_run_waits_for_a_worker(stage: Stage) -> None:
    stage.start(1, "order-1")
    run = only(stage, "order-1")
    assert (run.status, run.why.kind) == ("pending", Reason.NO_WORKER)
    assert run.next == ("dalsegno worker FILE.py", "dalsegno doctor")


def test_a_claimed_run_names_its_worker_and_the_attempt_that_takes_its_time(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    assert only(stage, "order-1").why.kind is Reason.RUNNING
    long = LongAttempt(1, 1, "charge", 2, 5, stage.since())
    stage.clock.go_on(3 * SECOND)
    stage.store.apply([Beat(SESSION, 10 * SECOND, stage.store.lease_now(), (long,))])
    run = only(stage, "order-1")
    assert run.why.kind is Reason.STEP_RUNNING
    assert run.why.text == "charge has been running on worker pid 77 (orders.py) for 3s, attempt 2 of 5"
    assert run.worker is not None
    assert run.worker.pid == 77


def test_a_run_that_waits_for_a_signal_shows_its_trail_and_what_is_in_its_inbox(stage: Stage) -> None:
    stage.start(1, "order-1", case="case-1")
    stage.worker()
    stage.claim()
    stage.commit(1, Entry(1, Kind.STEP, 1, "charge", attempt=1, data=b"1"))
    stage.waits(1, Wait("signal", "underwriter", 2, stage.since()))
    stage.signal("order-1", "colour", "ann")
    run = only(stage, "order-1")
    assert [mark.name for mark in run.trail] == ["charge"]
    assert [(wait.kind, wait.name) for wait in run.waits] == [("signal", "underwriter")]
    assert [(kept.name, kept.source) for kept in run.kept] == [("colour", "ann")]
    assert (run.case_id, run.line) == ("case-1", "orders.py:7")
    # The signal made it due: it is looked at once more before it waits on.
    assert run.why.kind is Reason.DUE


def test_what_a_claimed_run_once_waited_for_is_not_told_any_more(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    stage.waits(1, Wait("signal", "underwriter", 1, stage.since()))
    stage.signal("order-1", "underwriter", "ann")
    stage.claim()
    assert only(stage, "order-1").waits == ()


def test_a_run_under_way_tells_what_else_it_waits_for(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    error = failure.encode(Failure("builtins.OSError", "busy"))
    failed = Entry(1, Kind.ATTEMPT, 1, "charge", outcome=Outcome.ERROR, attempt=1, data=error)
    due = stage.since() + SECOND
    held = Timer(3, due, retry=True)  # an event, which a service is too far behind for
    stage.commit(1, failed, timers=(Timer(1, due, retry=True), Timer(2, due + HOUR), held))
    by_op = {wait.op: wait for wait in only(stage, "order-1").waits}
    retry, timer = by_op[1], by_op[2]
    assert by_op[3].kind == "held"
    assert (retry.kind, retry.name, retry.attempt, retry.detail) == ("retry", "charge", 2, "OSError: busy")
    assert timer.kind == "timer"


def test_what_a_run_waits_for_does_not_depend_on_how_much_of_its_trail_is_shown(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    error = failure.encode(Failure("builtins.OSError", "busy"))
    for op, name in ((1, "charge"), (2, "reserve")):
        failed = Entry(op, Kind.ATTEMPT, op, name, outcome=Outcome.ERROR, attempt=1, data=error)
        stage.commit(1, failed, timers=(Timer(op, stage.since() + SECOND, retry=True),))
    (brief,) = asked(stage, "order-1", trail=1).runs
    assert (brief.earlier, [mark.name for mark in brief.trail]) == (1, ["reserve"])
    assert brief.waits == only(stage, "order-1").waits
    assert [wait.kind for wait in brief.waits] == ["retry", "retry"]


def test_a_run_that_waits_for_a_child_says_what_the_child_waits_for(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.start(2, "order-1.1", workflow="ship")
    stage.worker("order", "ship")
    stage.claim()
    stage.waits(1, Wait("child", "ship", 1, stage.since(), detail="order-1.1"))
    stage.waits(
        2, Wait("timer", "timer", 1, stage.since(), due_at=stage.since() + HOUR), due_at=stage.since() + HOUR
    )
    run = only(stage, "order-1")
    assert run.why.kind is Reason.CHILD
    assert run.why.text == "waits for child run order-1.1, which waits for a timer, in 1h"
    assert run.waits[0].run is not None
    assert run.waits[0].run.why.kind is Reason.TIMER


def test_a_chain_of_children_is_followed_a_few_levels_and_no_further(stage: Stage) -> None:
    stage.worker()
    for number in range(1, 9):
        stage.start(number, f"r{number}")
    stage.claim()
    for number in range(1, 9):
        stage.waits(number, Wait("child", "order", 1, stage.since(), detail=f"r{number + 1}"))
    run: Standing | None = only(stage, "r1")
    depth = 0
    while run is not None:
        run, depth = run.waits[0].run, depth + 1
    assert depth == 4


def test_a_failed_run_tells_its_error(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    error = failure.encode(Failure("shop.NoFunds", "0 left", traceback="Traceback…"))
    stage.commit(1, rest=Rest(Status.FAILED, 0, error=error))
    run = only(stage, "order-1")
    assert run.why.text == "failed with NoFunds: 0 left"
    assert run.error is not None
    assert run.error.traceback == "Traceback…"


def test_of_a_long_trail_the_end_is_kept(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    entries = [Entry(n, Kind.STEP, n, f"s{n}", outcome=Outcome.VALUE) for n in range(1, 1201)]
    stage.commit(1, *entries)
    (run,) = asked(stage, "order-1", trail=3).runs
    assert run.earlier == 1197
    assert [mark.name for mark in run.trail] == ["s1198", "s1199", "s1200"]


def test_a_case_gives_all_its_runs_in_the_order_of_their_start(stage: Stage) -> None:
    stage.start(1, "a", case="case-1")
    stage.start(2, "b", case="case-1")
    found = asked(stage, "case-1")
    assert found.found_by == "case"
    assert [run.id for run in found.runs] == ["a", "b"]


def test_a_run_is_found_by_how_its_id_begins(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.start(2, "ship-1")
    assert asked(stage, "or").runs[0].id == "order-1"
    assert asked(stage, "or").found_by == "prefix"


def test_an_id_outranks_the_case_and_the_prefix_of_that_name(stage: Stage) -> None:
    stage.start(1, "order", case="other")
    stage.start(2, "order-2", case="order")
    assert [run.id for run in asked(stage, "order").runs] == ["order"]


def test_a_beginning_that_several_ids_have_lists_them(stage: Stage) -> None:
    for number in range(1, 13):
        stage.start(number, f"order-{number}")
    assert asked(stage, "order-1").runs[0].id == "order-1"  # the id of one, and so no question
    with pytest.raises(RunNotFound) as caught:
        asked(stage, "order-")
    assert "order-12, order-11" in caught.value.what
    assert caught.value.what.endswith(", ….")
    assert len(caught.value.fields["candidates"]) == 10


def test_what_is_not_there_is_not_found(stage: Stage) -> None:
    with pytest.raises(RunNotFound, match="No run and no case is called 'x'"):
        asked(stage, "x")
    with pytest.raises(RunNotFound):
        asyncio.run(find_run(stage.store, "default", ""))
