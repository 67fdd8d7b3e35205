"""Asks the frontier and the oracle for the same thing, in the same words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from dalsegno.insight.flow import (
    Flow,
    Frontier,
    Happened,
    Participant,
    Reacted,
    State,
    Trail,
    frontier,
    read_flow,
)
from tests.unit.insight.flow import oracle
from tests.unit.insight.flow.random_cases import Plain, RandomCase, random_flow


def flow_of(plain: Plain) -> Flow:
    return read_flow(plain["handlers"], [plain["process"]], plain["emitters"])


def trail_of(plain: Plain) -> Trail:
    return Trail(
        tuple(Happened(number, name, key, cause, number) for number, name, key, cause in plain["events"]),
        tuple(
            Reacted(event, handler, State(state)) for (event, handler), state in plain["reactions"].items()
        ),
        tuple(Participant(workflow, is_open) for workflow, is_open in plain["runs"]),
        plain["cancelled"],
    )


def said(found: Frontier) -> dict[str, Any]:
    """Say a frontier in the words of the oracle."""
    return {
        "done": set(found.done),
        "owed": {one.type for one in found.owed},
        "then": {one.type for one in found.then},
        "awaited": {one.type for one in found.awaited},
        "unreachable": set(found.unreachable),
        "certain": {one.type for one in (*found.owed, *found.then) if one.certain},
        "ends": [one.state for one in found.ends],
    }


class Asked(NamedTuple):
    """What was compared, and the first that differed, if one did: (case, prefix, what was said, the oracle)."""

    cases: int
    prefixes: int
    different: tuple[int, Plain, dict[str, Any], dict[str, Any]] | None


def ask(seed: int, *, flows: int, cases: int) -> Asked:
    """Compare every prefix of random cases; stop at the first that differs. A trail seen before is not asked again."""
    count = prefixes = 0
    for plain, rng in _flows(seed, flows):
        flow, known = flow_of(plain), set()
        for _ in range(cases):
            count += 1
            for trail in RandomCase(plain, rng).prefixes():
                name = (trail["events"], tuple(trail["reactions"].items()), trail["runs"], trail["cancelled"])
                if name in known:
                    continue
                known.add(name)
                prefixes += 1
                ours, true = said(frontier(flow, "p", trail_of(trail))), oracle.frontier(plain, trail)
                if ours != true:
                    return Asked(count, prefixes, (count, trail, ours, true))
        oracle.worlds.cache_clear()
    return Asked(count, prefixes, None)


def _flows(seed: int, flows: int) -> Iterator[tuple[Plain, random.Random]]:
    for number in range(flows):
        rng = random.Random(f"{seed}/{number}")
        yield random_flow(rng), rng
