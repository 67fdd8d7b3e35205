"""Workflows of every shape, explored as their users would: nothing is said to fail that does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

import dalsegno
from dalsegno.testing import Play, explore
from examples import fan_out, loan_approval, nightly_report, order_saga, ticket
from tests.helpers.counts import Count
from tests.simulation import workflows as w


def just(workflow: Any, input: Any) -> Callable[[Play], None]:
    def scenario(play: Play) -> None:
        play.start(workflow, input, id="run")

    return scenario


def signalled_in_time(play: Play) -> None:
    run = play.start(w.signal_or_timeout, 1_000, id="run")
    play.sleep("1s")
    run.signal(w.Decision("her"))


def signalled_too_early(play: Play) -> None:
    run = play.start(w.mailbox, 3, id="run")
    for number in range(3):
        run.signal(w.Decision(f"by {number}"))


def signalled_one_by_one(play: Play) -> None:
    run = play.start(w.mailbox_in_def, 2, id="run")
    for name in "ab":
        play.sleep("1s")
        run.signal(w.Decision(name), id=name)


def a_loan_that_is_decided_on_the_second_day(play: Play) -> None:
    run = play.start(loan_approval.approve_loan, loan_approval.Application("77", "Ada", 1))
    play.sleep("30h")
    run.signal(loan_approval.Decision(approved=True, by="Edsger"), name="underwriter")
    run.result()


def a_ticket_that_is_escalated(play: Play) -> None:
    run = play.start(ticket.ticket, "it does not print")
    for name in ("assigned", "waiting", "closed"):
        play.sleep("5h")
        run.signal(ticket.Activity(name, "Ada"), id=name)
    run.result()


def three_nightly_reports(play: Play) -> None:
    first = date(2026, 11, 21)
    play.start(nightly_report.nightly_report, nightly_report.Night(first, first + timedelta(days=2)))
    play.sleep("4d")
    assert len(play.runs()) == 3


def orders(*cities: str) -> Callable[[Play], None]:
    def scenario(play: Play) -> None:
        order_saga.attempts.clear()
        for city in cities:
            play.start(order_saga.place_order, order_saga.Order("123", Decimal(20), city))

    return scenario


def cancelled(workflow: Any, input: Any) -> Callable[[Play], None]:
    def scenario(play: Play) -> None:
        run = play.start(workflow, input, id="run")
        play.sleep("2s")
        run.cancel()

    return scenario


SCENARIOS: dict[str, Callable[[Play], None]] = {
    "a group with a failing member": just(w.grouped, 3),
    "a race": just(w.raced, 3),
    "retries and timeouts": just(w.attempts, 2),
    "remedies": just(w.remedied, 2),
    "a signal in time": signalled_in_time,
    "signals too early": signalled_too_early,
    "children in def, one detached": just(w.parent_in_def, 1),
    "a failing child": just(w.parent_of_failing, 1),
    "a parent that gives up": just(w.impatient_parent, 2),
    "clean-up when cancelled": cancelled(w.cleaning_up, 5),
    "a cancelled saga": cancelled(w.buy_and_wait, w.Order("o")),
    "a saga that undoes itself": just(w.buy, w.Order("o", fails_at=3)),
    "a parallel saga with a timeout": just(w.buy_at_once, w.Order("o", fails_at=-2)),
    "promises in def": just(w.parallel_in_def, 3),
    "retries in def": just(w.attempts_in_def, 2),
    "a long sleep": just(w.long_sleep, 400),
    "naps side by side": just(w.naps, 3),
    "signals in def": signalled_one_by_one,
    "a timeout": just(w.signal_or_timeout, 3),
    "children": just(w.parent, 2),
    "a failing parent": just(w.failing_parent, 1),
    "clean-up in def": cancelled(w.cleaning_up_in_def, 5),
    "steps that never run twice": just(w.careful, 2),
    "the example of a fan": just(fan_out.count_all, list(fan_out.TEXTS)),
    "the example of a loan": a_loan_that_is_decided_on_the_second_day,
    "the example of a ticket": a_ticket_that_is_escalated,
    "the example of a report": three_nightly_reports,
    "the example of an order": orders("Milan"),
    "the example of an order that is undone": orders("Atlantis"),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_workflow_that_is_as_it_must_be_has_no_failure(name: str, count: Count) -> None:
    found = explore(SCENARIOS[name], pairs=15, passes=["crashes", "zombies", "failing steps", "pairs"])
    assert found.failures == [], str(found)
    assert found.plays > 30
    count("plays of explored workflows", found.plays)


def test_a_step_that_never_runs_twice_may_end_its_run_otherwise_where_nothing_else_may() -> None:
    assert explore(w.careful, 2, passes=["crashes"]).ok

    @dalsegno.step(at_most_once=True)
    def press(button: int) -> int:
        return button

    @dalsegno.workflow
    def presses(button: int) -> int:
        return press(button)

    found = explore(presses, 1, passes=["crashes", "zombies"])
    assert found.failures == [], str(found)
    assert found.warnings == []
