"""Workflows of every shape, explored as their users would: nothing is said to fail that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dalsegno.testing import Play, explore
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
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_workflow_that_is_as_it_must_be_has_no_failure(name: str, count: Count) -> None:
    found = explore(SCENARIOS[name], pairs=15, passes=["crashes", "zombies", "failing steps", "pairs"])
    assert found.failures == [], str(found)
    assert found.plays > 30
    count("plays of explored workflows", found.plays)
