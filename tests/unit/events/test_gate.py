"""When a handler may be called for a new event, and when a reaction that is a run may be tried."""

from __future__ import annotations

import pytest

from dalsegno.core.clock import SECOND
from dalsegno.events.gate import Gate
from dalsegno.events.options import Circuit
from tests.helpers.clock import StandingClock

pytestmark = pytest.mark.asyncio


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def gate(clock: StandingClock) -> Gate:
    return Gate(clock, None, Circuit(failures=2, cooldown="10s"))


def fail(gate: Gate, times: int) -> None:
    for _ in range(times):
        gate.heard(object(), failed=True)


async def test_nobody_is_held_before_it_has_failed_often_enough(gate: Gate) -> None:
    fail(gate, 1)
    assert gate.held(object()) == 0
    gate.heard(object(), failed=False)
    fail(gate, 1)
    assert gate.held(object()) == 0


async def test_what_failed_before_is_held_until_the_circuit_may_be_tried(
    gate: Gate, clock: StandingClock
) -> None:
    told: list[float | None] = []
    gate.told = told.append
    fail(gate, 2)
    clock.go_on(4 * SECOND)
    assert gate.held(object()) == 6
    assert told == [10]


async def test_one_is_a_probe_and_the_others_go_on_waiting(gate: Gate, clock: StandingClock) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    assert [gate.held(object()), gate.held(object()), gate.held(object())] == [0, 10, 10]


async def test_a_probe_of_which_nothing_is_heard_is_followed_by_another(
    gate: Gate, clock: StandingClock
) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    gate.held(object())
    clock.go_on(10 * SECOND)
    assert [gate.held(object()), gate.held(object())] == [0, 10]


async def test_a_probe_that_fails_opens_it_again(gate: Gate, clock: StandingClock) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    gate.held(object())
    clock.go_on(3 * SECOND)
    fail(gate, 1)
    assert gate.held(object()) == 10


async def test_a_probe_that_comes_through_closes_it_for_all(gate: Gate, clock: StandingClock) -> None:
    told: list[float | None] = []
    begun: list[int] = []
    fail(gate, 2)
    gate.told = told.append
    gate.enter(gate, object(), lambda: begun.append(1))
    assert begun == []
    clock.go_on(10 * SECOND)
    gate.held(object())
    gate.heard(object(), failed=False)
    assert (gate.held(object()), told, begun) == (0, [None], [1])


async def test_while_a_new_event_is_the_probe_what_failed_before_waits(
    gate: Gate, clock: StandingClock
) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    ticket = object()
    gate.enter(gate, ticket, lambda: None)
    assert gate.held(object()) == 5
    gate.left(ticket, failed=False)
    assert gate.held(object()) == 0


# -- a bound


@pytest.fixture
def narrow(clock: StandingClock) -> Gate:
    return Gate(clock, 2, None)


async def test_attempts_of_runs_and_calls_for_new_events_share_the_places(narrow: Gate) -> None:
    begun: list[int] = []
    one, two = object(), object()
    assert narrow.held(one) == 0
    narrow.enter(narrow, two, lambda: begun.append(1))
    narrow.enter(narrow, object(), lambda: begun.append(2))
    assert begun == [1]
    assert narrow.held(object()) > 0
    narrow.heard(one, failed=True)
    narrow.left(two, failed=False)
    assert begun == [1, 2]


async def test_those_that_are_sent_away_come_back_one_by_one(narrow: Gate, clock: StandingClock) -> None:
    first = object()
    narrow.held(first)
    clock.go_on(2 * SECOND)
    narrow.heard(first, failed=None)
    narrow.held(object())
    narrow.held(object())
    waits = [narrow.held(object()) for _ in range(4)]
    assert waits == pytest.approx([waits[0] * place for place in (1, 2, 3, 4)])
    assert 0.1 < waits[0] <= 0.5  # about as long as an attempt takes, through two places


async def test_the_next_free_place_is_kept_for_a_run_that_was_sent_away(
    narrow: Gate, clock: StandingClock
) -> None:
    begun: list[int] = []
    tickets = [object(), object()]
    for ticket in tickets:
        narrow.enter(narrow, ticket, lambda: None)
    seconds = narrow.held(object())
    narrow.enter(narrow, object(), lambda: begun.append(1))
    narrow.enter(narrow, object(), lambda: begun.append(2))
    narrow.left(tickets[0], failed=False)
    assert begun == []
    clock.go_on(int(seconds * SECOND) + 1)
    assert narrow.held(object()) == 0
    narrow.left(tickets[1], failed=False)
    assert begun == [1]


async def test_a_place_is_not_kept_for_ever_for_a_run_that_does_not_come(
    narrow: Gate, clock: StandingClock
) -> None:
    begun: list[int] = []
    tickets = [object(), object()]
    for ticket in tickets:
        narrow.enter(narrow, ticket, lambda: None)
    narrow.held(object())
    narrow.enter(narrow, object(), lambda: begun.append(1))
    narrow.left(tickets[0], failed=False)
    clock.go_on(2 * SECOND)
    narrow.enter(narrow, object(), lambda: begun.append(2))
    assert begun == [1]


async def test_an_attempt_that_nobody_waits_for_any_more_makes_room_and_is_no_failure(
    clock: StandingClock,
) -> None:
    gate = Gate(clock, 1, Circuit(failures=1, cooldown="10s"))
    lost = object()
    assert gate.held(lost) == 0
    gate.heard(lost, failed=None)
    assert gate.held(object()) == 0
