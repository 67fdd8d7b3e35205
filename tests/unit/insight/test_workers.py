"""Who is judged alive, wedged, silent or gone."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Session
from dalsegno.insight.workers import Workers, judge

NOW = 3_600 * SECOND
LEASE = 10 * SECOND


def session(**changes: int) -> Session:
    """A worker that beat three seconds ago, its loop turning."""
    beat = NOW - 3 * SECOND
    made = Session(
        number=1, pid=77, pid_start=1, pid_namespace="ns", boot_id="b", host="here", python="3.11",
        program="orders.py", lease=LEASE, lease_until=beat + LEASE, commits=0, loop_turn_at=beat,
        opened_at=0, fenced_at=None,
    )  # fmt: skip
    return replace(made, **changes)


def test_a_worker_within_its_lease_is_live() -> None:
    assert judge(session(), NOW).state == "live"


def test_an_idle_worker_is_live_however_long_ago_its_heart_beat() -> None:
    idle = session(lease_until=NOW + 1, loop_turn_at=NOW + 1 - LEASE)
    assert judge(idle, NOW).state == "live"


def test_a_worker_whose_heart_beats_and_whose_loop_stands_is_wedged() -> None:
    view = judge(session(loop_turn_at=NOW - 8 * SECOND), NOW)
    assert (view.state, view.seconds, view.alive) == ("wedged", 8.0, True)


def test_a_worker_whose_lease_is_over_is_silent() -> None:
    view = judge(session(lease_until=NOW - 2 * SECOND, loop_turn_at=0), NOW)
    assert (view.state, view.seconds, view.alive) == ("silent", 2.0, False)


def test_a_worker_whose_process_ended_is_gone_before_its_lease_is_over() -> None:
    view = judge(session(), NOW, lambda _: True)
    assert (view.state, view.alive) == ("gone", False)


def test_only_live_workers_count_for_what_can_be_run() -> None:
    live, dead = judge(session(), NOW), judge(session(number=2, lease_until=0), NOW)
    workers = Workers({1: live, 2: dead}, frozenset({("order", "1", 1), ("order", "2", 2), ("ship", "1", 2)}))
    assert workers.able("order", "1") == (live,)
    assert workers.able("order", "2") == ()
    assert workers.versions("order") == ("1",)
    assert workers.versions("ship") == ()
