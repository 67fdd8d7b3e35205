"""Large flows: what has to be looked through stays within bounds, and what was not is said."""

from __future__ import annotations

import pytest

from dalsegno.insight.flow import Frontier, certain, frontier, worlds
from dalsegno.insight.flow.outcomes import MOST_ALTERNATIVES, NOTHING, read_outcomes
from dalsegno.insight.flow.worlds import MOST_WORLDS
from tests.unit.insight.flow import short
from tests.unit.insight.flow.asking import flow_of, trail_of
from tests.unit.insight.flow.random_cases import pairs


def ask(flow: list[str], trail: str) -> Frontier:
    return frontier(flow_of(short.flow("\n".join(flow))), "p", trail_of(short.trail(trail)))


def exclusive(number: int) -> list[str]:
    return [f"h{number}: Begun -> A{number} | B{number}", f"j{number}: A{number} & B{number} -> C{number}"]


def test_choices_that_have_nothing_to_do_with_each_other_are_not_multiplied() -> None:
    flow = [line for number in range(50) for line in exclusive(number)]
    found = ask([*flow, "process: Begun .. A0"], "Begun")
    assert found.exact
    assert set(found.unreachable) == {f"C{number}" for number in range(50)}
    assert len(found.owed) == 100


def test_a_join_that_too_many_choices_lead_to_counts_as_one_that_may_open() -> None:
    long = [f"h{n}: L{n} | R{n} -> L{n + 1} | R{n + 1}" for n in range(1, 20)]
    flow = ["h0: L0 -> L1 | R1", *long, "pick: L20 | R20 -> A | B", "join: A & B -> C", "process: L0 .. A"]
    found = ask(flow, "L0")
    assert MOST_WORLDS < 2**20
    assert not found.exact
    assert "C" in {one.type for one in found.then}
    later = ask(
        flow, "L0 h0#1 L1<1 h1#2 L2<2 " + " ".join(f"h{n}#{n + 1} L{n + 1}<{n + 1}" for n in range(2, 18))
    )
    assert later.exact
    assert "C" in later.unreachable


def test_where_ways_around_an_event_were_not_tried_it_is_not_called_certain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow = [
        "pick: Begun -> A | B",
        "other: Begun -> P",
        "ja: A & P -> T",
        "jb: B & P -> T",
        "process: Begun .. T",
    ]
    known = ask(flow, "Begun")
    monkeypatch.setattr(certain, "MOST_TRIES", 0)
    given_up = ask(flow, "Begun")
    assert [(known.exact, known.then[0].certain), (given_up.exact, given_up.then[0].certain)] == [
        (True, True),
        (False, False),
    ]


def test_all_joins_of_a_case_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "MOST_TOGETHER", 1)
    found = ask([*exclusive(1), *exclusive(2), "process: Begun .. A1"], "Begun")
    assert not found.exact
    assert {one.type for one in found.then} & {"C1", "C2"}


def test_a_handler_with_too_many_outcomes_may_give_all_of_them_or_none() -> None:
    part = {"one_of": pairs("A", "B", "C")}
    many = read_outcomes({"all_of": [part] * 7})
    assert MOST_ALTERNATIVES < 3**7
    assert [each.types for each in many.most] == [{"A", "B", "C"}]
    assert many.least == (NOTHING,)
