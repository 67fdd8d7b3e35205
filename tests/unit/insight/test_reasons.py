"""The one reason that holds, for each way in which a run can stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dalsegno.client.standing import Awaited, Doing, Reason, Trouble, WorkerView
from dalsegno.core.clock import HOUR, MINUTE, SECOND, to_datetime
from dalsegno.core.runs import (
    COMPENSATING,
    COMPENSATION_FAILED,
    DIVERGED,
    KILLS_ITS_WORKER,
    UNWRITABLE,
    Run,
    Status,
)
from dalsegno.insight.proposals import next_commands
from dalsegno.insight.reasons import Facts, why
from dalsegno.insight.workers import Workers

NOW = 1_800_000_000 * SECOND
LIVE = WorkerView(5, 77, "here", "orders.py", "3.11", to_datetime(NOW), "live")
NOBODY = Workers({}, frozenset())
ONE = Workers({5: LIVE}, frozenset({("order", "1", 5)}))


def run(status: Status = Status.WAITING, **changes: Any) -> Run:
    return Run(**{"number": 1, "namespace": "default", "id": "order-1", "workflow": "order", "version": "1"}
               | {"status": status} | changes)  # fmt: skip


def facts(row: Run, workers: Workers = ONE, **known: Any) -> Facts:
    return Facts(**{"run": row, "now": NOW, "workers": workers, "holder": None} | known)


def told(row: Run, workers: Workers = ONE, **known: Any) -> tuple[Reason, str]:
    reason = why(facts(row, workers, **known))
    return reason.kind, reason.text


def state(state: str, seconds: float = 4) -> Workers:
    return Workers({5: replace(LIVE, state=state, seconds=seconds)}, ONE.abilities)


def awaited(kind: str, name: str = "", **changes: Any) -> Awaited:
    return Awaited(kind, name, 1, to_datetime(NOW - MINUTE), **changes)


def test_an_ended_run_says_how_it_ended() -> None:
    assert told(run(Status.COMPLETED)) == (Reason.COMPLETED, "completed")
    assert told(run(Status.CANCELLED, reason="compensated")) == (Reason.CANCELLED, "cancelled (compensated)")
    error = Trouble("shop.NoFunds", "0 left")
    assert told(run(Status.FAILED), error=error) == (Reason.FAILED, "failed with NoFunds: 0 left")


def test_a_run_that_waits_for_a_signal_names_it() -> None:
    assert told(run(), waits=[awaited("signal", "underwriter")]) == (
        Reason.SIGNAL,
        "waits for signal underwriter",
    )


def test_a_signal_comes_before_the_timer_that_bounds_it() -> None:
    bounded = [awaited("timer", due_at=to_datetime(NOW + HOUR)), awaited("signal", "underwriter")]
    assert told(run(due_at=NOW + HOUR), waits=bounded) == (
        Reason.SIGNAL,
        "waits for signal underwriter (and timer)",
    )


def test_a_timer_says_when_it_fires() -> None:
    waits = [awaited("timer", due_at=to_datetime(NOW + HOUR))]
    assert told(run(due_at=NOW + HOUR), waits=waits) == (Reason.TIMER, "waits for a timer, in 1h")


def test_a_retry_says_which_attempt_when_and_after_what() -> None:
    retry = awaited(
        "retry", "charge", due_at=to_datetime(NOW + 12 * SECOND), attempt=3, of=5, detail="shop.NoFunds: 0"
    )
    assert told(run(due_at=NOW + 12 * SECOND), waits=[retry]) == (
        Reason.RETRY,
        "charge: attempt 3 of 5, in 12s, after NoFunds: 0",
    )
    unbounded = replace(retry, of=0, detail="")
    assert told(run(), waits=[unbounded])[1] == "charge: attempt 3, in 12s"


def test_a_child_is_named_by_its_run_id() -> None:
    assert told(run(), waits=[awaited("child", "ship", detail="order-1.4")]) == (
        Reason.CHILD,
        "waits for child run order-1.4",
    )


def test_a_due_run_needs_a_live_worker() -> None:
    due = run(Status.PENDING, due_at=NOW - 3 * SECOND)
    assert told(due, NOBODY) == (Reason.NO_WORKER, "due 3s ago, and no worker is alive")
    assert told(due, state("silent"))[0] is Reason.NO_WORKER
    assert told(due, state("gone"))[0] is Reason.NO_WORKER


def test_a_due_run_needs_a_worker_that_has_its_code() -> None:
    due = run(Status.PENDING, due_at=NOW, workflow="ship")
    assert told(due) == (
        Reason.LACKS_CODE,
        "due now, and worker pid 77 (orders.py) has not ship v1 (none of its versions)",
    )


def test_a_due_run_needs_a_worker_that_has_its_version() -> None:
    due = run(Status.PENDING, due_at=NOW, version="2")
    assert told(due) == (
        Reason.LACKS_CODE,
        "due now, and worker pid 77 (orders.py) has not order v2 (version 1 only)",
    )


def test_a_due_run_needs_a_worker_whose_loop_turns() -> None:
    due = run(Status.PENDING, due_at=NOW)
    assert told(due, state("wedged")) == (
        Reason.WEDGED,
        "due now, and the loop of worker pid 77 (orders.py) has stood still for 4s",
    )


def test_a_due_run_with_all_it_needs_is_about_to_be_claimed() -> None:
    assert told(run(Status.PENDING, due_at=NOW)) == (
        Reason.DUE,
        "due now; worker pid 77 (orders.py) has its code, and is about to claim it",
    )


def test_a_run_that_is_due_for_long_though_a_worker_has_its_code_says_what_may_keep_it() -> None:
    text = told(run(Status.PENDING, due_at=NOW - MINUTE))[1]
    assert text.endswith("has its code, but its slots are full, or it serves another queue")


def test_a_waiting_run_that_became_due_asks_for_a_worker_like_any_other() -> None:
    overdue = [awaited("timer", due_at=to_datetime(NOW - MINUTE))]
    assert told(run(due_at=NOW - MINUTE), NOBODY, waits=overdue) == (
        Reason.NO_WORKER,
        "due 1m ago, and no worker is alive",
    )


def test_a_run_of_a_later_time_is_not_yet_due() -> None:
    assert told(run(Status.PENDING, due_at=NOW + HOUR), NOBODY) == (Reason.NOT_YET_DUE, "not yet due, in 1h")


def test_a_claimed_run_runs_on_its_worker() -> None:
    claimed = run(Status.RUNNING, session=5)
    assert told(claimed) == (Reason.RUNNING, "running on worker pid 77 (orders.py)")
    doing = [Doing("charge", 3, 2, 5, to_datetime(NOW - MINUTE))]
    assert told(claimed, doing=doing) == (
        Reason.STEP_RUNNING,
        "charge has been running on worker pid 77 (orders.py) for 1m, attempt 2 of 5",
    )


def test_a_claimed_run_stands_when_its_worker_is_wedged() -> None:
    kind, text = told(run(Status.RUNNING, session=5), state("wedged"))
    assert kind is Reason.WEDGED
    assert text == "the loop of worker pid 77 (orders.py) has stood still for 4s: none of its runs moves"


@pytest.mark.parametrize(
    ("workers", "text"),
    [
        (state("gone"), "its worker, pid 77 (orders.py), is gone; no live worker has its code"),
        (
            state("silent"),
            "the lease of its worker, pid 77 (orders.py), ran out 4s ago; no live worker has its code",
        ),
        (NOBODY, "its worker was judged dead; no live worker has its code"),
    ],
)
def test_a_claimed_run_whose_worker_is_no_more_says_so(workers: Workers, text: str) -> None:
    assert told(run(Status.RUNNING, session=5), workers) == (Reason.NO_WORKER, text)


def test_who_takes_over_is_named() -> None:
    heir = replace(LIVE, session=6, pid=88)
    workers = Workers(
        {5: replace(LIVE, state="gone"), 6: heir}, frozenset({("order", "1", 5), ("order", "1", 6)})
    )
    text = told(run(Status.RUNNING, session=5), workers)[1]
    assert text.endswith("is gone; worker pid 88 (orders.py) takes over")


def test_a_held_store_comes_before_everything_that_would_need_it() -> None:
    held = (Reason.STORE_HELD, "the store is held by pid 77, orders.py: nobody else can write")
    assert told(run(Status.RUNNING, session=5), holder=77) == held
    assert told(run(Status.PENDING, due_at=NOW), NOBODY, holder=9)[1].startswith(
        "the store is held by pid 9:"
    )


def test_a_held_store_does_not_concern_a_run_that_only_waits() -> None:
    assert told(run(), waits=[awaited("signal", "x")], holder=77)[0] is Reason.SIGNAL


def test_a_compensating_run_says_how_far_it_is() -> None:
    row = run(Status.RUNNING, session=5, reason=COMPENSATING)
    kind, text = told(row, undone=1, to_undo=3)
    assert kind is Reason.COMPENSATING
    assert text == "compensating: 1 of 3 undone; running on worker pid 77 (orders.py)"


def test_a_compensation_that_waits_for_its_retry_says_so() -> None:
    retry = awaited("retry", "refund", due_at=to_datetime(NOW + SECOND), attempt=2, of=3)
    row = run(reason=COMPENSATING, due_at=NOW + SECOND)
    assert told(row, waits=[retry], undone=0, to_undo=2) == (
        Reason.COMPENSATING,
        "compensating: 0 of 2 undone; refund: attempt 2 of 3, in 1s",
    )


@pytest.mark.parametrize(
    ("row", "known", "text"),
    [
        (
            run(reason=DIVERGED),
            {"error": Trouble("dalsegno.errors.Diverged", "entry 1: step 'a', not 'b'.\nMend it.")},
            "parked, since its journal and the code disagree: entry 1: step 'a', not 'b'.",
        ),
        (
            run(reason=KILLS_ITS_WORKER, crashes=6),
            {},
            "parked: 6 workers in a row died while they ran it",
        ),
        (
            run(reason=COMPENSATION_FAILED),
            {"waits": [awaited("person", "refund, release")]},
            "parked: compensation failed for refund, release",
        ),
        (
            run(reason=UNWRITABLE),
            {"error": Trouble("ValueError", "no")},
            "parked: cannot be written: no",
        ),
    ],
)
def test_a_parked_run_says_why(row: Run, known: dict[str, Any], text: str) -> None:
    assert told(row, **known) == (Reason.PARKED, text)


def test_a_parked_run_that_was_told_to_retry_waits_for_a_worker() -> None:
    assert told(run(reason=DIVERGED, due_at=NOW), NOBODY)[0] is Reason.NO_WORKER


def test_the_next_command_fits_the_reason_and_can_be_pasted() -> None:
    spaced = facts(run(id="order 1"), waits=[awaited("signal", "Yes | No way")])
    assert next_commands(spaced, Reason.SIGNAL) == (
        "dalsegno runs signal 'order 1' Yes '{...}'",
        "dalsegno runs signal 'order 1' 'No way' '{...}'",
    )
    assert "dalsegno runs retry order-1" in next_commands(facts(run()), Reason.PARKED)
    assert next_commands(facts(run(), waits=[awaited("child", "x", detail="c-1")]), Reason.CHILD) == (
        "dalsegno where c-1",
    )
    assert next_commands(facts(run(), holder=9), Reason.STORE_HELD)[0] == "ps -p 9"


OF_CASES = {
    Reason.NOT_EMITTED, Reason.FILTERED, Reason.DUPLICATE, Reason.NOT_KNOWN,
    Reason.SERVICE_PAUSED, Reason.LAG, Reason.RETENTION_PASSED,
}  # fmt: skip


def test_every_reason_but_the_passing_ones_proposes_something() -> None:
    waits = [awaited("signal", "x"), awaited("child", "y", detail="c")]
    events = [awaited("signal", "event Paid")]
    silent = [
        reason
        for reason in Reason
        if reason not in OF_CASES
        and not next_commands(facts(run(), waits=events if reason is Reason.EVENT else waits), reason)
    ]
    assert silent == [Reason.NOT_YET_DUE]


def test_a_run_whose_code_waits_for_itself_waits_for_nothing() -> None:
    assert told(run())[0] is Reason.NOTHING


def test_a_full_disk_comes_before_everything_that_would_need_a_commit() -> None:
    said = (Reason.STORE_FULL, "no space is left on the disk of the store: commits wait for some")
    assert told(run(Status.RUNNING, session=5), full=True) == said
    assert told(run(Status.PENDING, due_at=NOW), NOBODY, full=True) == said
    assert told(run(), waits=[awaited("signal", "x")], full=True)[0] is Reason.SIGNAL
