"""At every prefix of random mixed cases, the frontier is what looking through all worlds finds."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.helpers.counts import Count
from tests.unit.insight.flow.asking import ask
from tests.unit.insight.flow.random_cases import RandomCase, random_flow

FLOWS, CASES = 50, 20


@pytest.mark.parametrize("seed", range(10))
def test_at_every_prefix_of_a_thousand_random_cases_the_frontier_is_that_of_the_oracle(
    seed: int, count: Count
) -> None:
    asked = ask(seed, flows=FLOWS, cases=CASES)
    assert asked.different is None, asked.different
    assert asked.cases == FLOWS * CASES == 1_000
    assert asked.prefixes > 2_000
    count("random cases held to the oracle of worlds", asked.cases)
    count("prefixes of these cases", asked.prefixes)


def test_the_random_cases_are_mixed() -> None:
    styles: Counter[str] = Counter()
    had: Counter[str] = Counter()
    for number in range(FLOWS * 4):
        rng = random.Random(f"mixed/{number}")
        flow = random_flow(rng)
        styles[flow["style"]] += 1
        for form in ("maybe", "many", "all_of", "one_of"):
            had[form] += any(form in str(each["follows"]) for each in flow["handlers"])
        had["joins"] += any(each["joins"] for each in flow["handlers"])
        had["undoes"] += any(each["compensates"] for each in flow["handlers"])
        had["filtered"] += any(each["filtered"] for each in flow["handlers"])
        had["emits"] += any(each["emits"] for each in flow["handlers"])
        *_, last = RandomCase(flow, rng).prefixes()
        had["cancelled"] += last["cancelled"] is not None
        had["runs"] += bool(last["runs"])
        had["keys"] += len({event[2] for event in last["events"]}) > 1
        had["repeated"] += len({event[1] for event in last["events"]}) < len(last["events"])
        had |= dict.fromkeys(last["reactions"].values(), 1)
    assert set(styles) == {"choreographed", "orchestrated", "hybrid"}
    assert min(styles.values()) > 20
    assert {"done", "dead letter", "cancelled", "passed", "filtered"} <= set(had)
    assert all(
        had[each] > 10
        for each in ("maybe", "many", "all_of", "one_of", "joins", "undoes", "filtered", "emits",
                     "cancelled", "runs", "keys", "repeated")
    )  # fmt: skip
