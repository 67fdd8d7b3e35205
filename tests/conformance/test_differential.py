"""Memory and SQLite, given the same groups, answer alike and hold the same rows."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from dalsegno.core.writes import Write
from tests.conformance import twins, witness
from tests.conformance.twins import ThreadedTwins, Twins
from tests.helpers.counts import Count

pytestmark = pytest.mark.promise("P2", "P3", "P4", "P5")

VERBS = {item.__name__ for item in get_args(Write)}
IN_VAIN = {
    "Watch in vain",
    "Seen in vain",
    "Tell in vain",
    "Seen STALE",
    "Serve in vain",
    "RebuildCases in vain",
}
REFUSALS = {"ROLLED_BACK", "CONFLICT", "FENCED", "STALE", "MISSED", "NUMBER_TAKEN", "CHILD_EXISTS"}


def explore(machine: type[Twins], examples: int, count: Count, *, shrink: bool) -> None:
    """Play this many stories, each of 40 steps; the same ones at each call, or those of the machine's seed."""
    before = twins.written()
    seeded = hasattr(machine, "_hypothesis_internal_use_seed")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=not seeded,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    count("writes compared", twins.written() - before)


def test_memory_and_sqlite_answer_alike_whatever_is_written(count: Count) -> None:
    twins.succeeded.clear()
    witness.seen.clear()
    explore(Twins, 45, count, shrink=True)
    happened = +(twins.succeeded + witness.seen)  # a run in which some of it never did would prove little
    missing = (VERBS | IN_VAIN | REFUSALS | witness.OCCASIONS) - happened.keys()
    assert not missing, f"never happened: {missing}; what did: {dict(happened)}"


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("number", range(1, 11))
def test_memory_and_sqlite_answer_alike_in_many_more_stories(number: int, count: Count) -> None:
    explore(seed(number)(type(f"Twins{number}", (Twins,), {})), 300, count, shrink=True)


def test_memory_and_sqlite_with_threads_answer_alike_whatever_is_written(count: Count) -> None:
    explore(ThreadedTwins, 5, count, shrink=False)
