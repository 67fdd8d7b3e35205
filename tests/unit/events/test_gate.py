"""When a handler may be called, and what becomes of reactions that failed before while its circuit is open."""

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
        gate.heard(failed=True)


async def test_nobody_is_held_before_it_has_failed_often_enough(gate: Gate) -> None:
    fail(gate, 1)
    assert gate.held() == 0
    gate.heard(failed=False)
    fail(gate, 1)
    assert gate.held() == 0


async def test_what_failed_before_is_held_until_the_circuit_may_be_tried(
    gate: Gate, clock: StandingClock
) -> None:
    told: list[float | None] = []
    gate.told = told.append
    fail(gate, 2)
    clock.go_on(4 * SECOND)
    assert gate.held() == 6
    assert told == [10]


async def test_one_is_a_probe_and_the_others_go_on_waiting(gate: Gate, clock: StandingClock) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    assert [gate.held(), gate.held(), gate.held()] == [0, 10, 10]


async def test_a_probe_of_which_nothing_is_heard_is_followed_by_another(
    gate: Gate, clock: StandingClock
) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    gate.held()
    clock.go_on(10 * SECOND)
    assert [gate.held(), gate.held()] == [0, 10]


async def test_a_probe_that_fails_opens_it_again(gate: Gate, clock: StandingClock) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    gate.held()
    clock.go_on(3 * SECOND)
    fail(gate, 1)
    assert gate.held() == 10


async def test_a_probe_that_comes_through_closes_it_for_all(gate: Gate, clock: StandingClock) -> None:
    told: list[float | None] = []
    begun: list[int] = []
    fail(gate, 2)
    gate.told = told.append
    gate.enter(gate, object(), lambda: begun.append(1))
    assert begun == []
    clock.go_on(10 * SECOND)
    gate.held()
    gate.heard(failed=False)
    assert (gate.held(), told, begun) == (0, [None], [1])


async def test_while_a_new_event_is_the_probe_what_failed_before_waits(
    gate: Gate, clock: StandingClock
) -> None:
    fail(gate, 2)
    clock.go_on(10 * SECOND)
    ticket = object()
    gate.enter(gate, ticket, lambda: None)
    assert gate.held() == 5
    gate.left(ticket, failed=False)
    assert gate.held() == 0
