"""Which calls of handlers a heartbeat reports: those under way for a while, and no more than it can carry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dalsegno import Retry
from dalsegno.core.clock import SECOND
from dalsegno.core.notes import LongAttempt
from dalsegno.events.long_calls import LongCalls


def plan(number: int, retry: Retry | None = None) -> Any:
    options = SimpleNamespace(retry=retry)
    return SimpleNamespace(number=number, handler=SimpleNamespace(name="ship", options=options))


def test_a_call_is_told_once_it_has_taken_longer_than_a_second() -> None:
    calls, ship = LongCalls(), plan(3, Retry(attempts=5))
    assert calls.of([(7, ship)], 0) == ()
    assert calls.of([(7, ship)], SECOND) == ()
    assert calls.of([(7, ship)], SECOND + 1) == (LongAttempt(-7, 3, "ship", 1, 5, 0),)


def test_a_call_that_ended_is_forgotten_and_one_anew_counts_from_its_own_beginning() -> None:
    calls, ship = LongCalls(), plan(3)
    calls.of([(7, ship)], 0)
    assert calls.of([], 2 * SECOND) == ()
    assert calls.of([(7, ship)], 3 * SECOND) == ()
    assert [each.began_at for each in calls.of([(7, ship)], 5 * SECOND)] == [3 * SECOND]


def test_of_very_many_calls_a_bounded_number_is_told() -> None:
    calls, ship = LongCalls(), plan(3)
    many = [(number, ship) for number in range(1, 1_001)]
    calls.of(many, 0)
    assert len(calls.of(many, 2 * SECOND)) == 100
