"""At every prefix of random mixed cases, the frontier is what looking through all worlds finds."""

from __future__ import annotations

import pytest

from tests.unit.insight.flow.asking import ask

FLOWS, CASES = 50, 20


@pytest.mark.parametrize("seed", range(10))
def test_at_every_prefix_of_a_thousand_random_cases_the_frontier_is_that_of_the_oracle(seed: int) -> None:
    asked = ask(seed, flows=FLOWS, cases=CASES)
    assert asked.different is None, asked.different
    assert asked.cases == FLOWS * CASES == 1_000
    assert asked.prefixes > 2_000
