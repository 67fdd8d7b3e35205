"""Compensation debt: what a case that undoes itself has done, and not undone yet."""

from __future__ import annotations

import pytest

from dalsegno.insight.flow import Happened, Reacted, State, Trail, frontier
from tests.unit.insight.flow import short
from tests.unit.insight.flow.asking import flow_of, trail_of

FLOW = flow_of(
    short.flow("""
    pay: Placed -> Paid | Declined
    reserve: Placed -> Reserved | SoldOut
    release: Declined | CalledOff -> Released undoes Reserved
    refund: SoldOut | Released -> Refunded? undoes Paid
    ship: Paid & Reserved -> Shipped
    process: Placed .. Shipped | Declined | SoldOut cancel CalledOff
    """)
)


@pytest.mark.parametrize(
    ("trail", "owed"),
    [
        ("Placed Paid<1 Reserved<1", []),  # it goes forward
        ("Placed Declined<1", []),  # nothing was done yet that is to be undone
        ("Placed Reserved<1 Declined<1", [("Reserved", "open")]),
        ("Placed Reserved<1 Declined<1 release#3!", [("Reserved", "dead letter")]),
        ("Placed Reserved<1 Declined<1 release#3 Released<3", []),
        ("Placed Paid<1 Reserved<1 cancel:CalledOff", [("Paid", "later"), ("Reserved", "open")]),
        ("Placed Paid<1 cancel:CalledOff release#3-", [("Paid", "nobody")]),
        ("Placed Paid<1 SoldOut<1", [("Paid", "open")]),
        ("Placed Paid<1 SoldOut<1 refund#3", []),
        (
            "Placed pay#1 reserve#1 Paid<1 SoldOut<1 refund#3 Paid",
            [("Paid", "nobody")],
        ),  # paid again, after it was undone
    ],
)
def test_what_is_still_to_be_undone(trail: str, owed: list[tuple[str, str]]) -> None:
    found = frontier(FLOW, "p", trail_of(short.trail(trail))).debts
    assert [(debt.type, debt.state) for debt in found] == owed


def test_it_names_the_effect_and_who_undoes_it() -> None:
    (debt,) = frontier(FLOW, "p", trail_of(short.trail("Placed Reserved<1 Declined<1"))).debts
    assert (debt.event, debt.by) == (2, ("s.release",))


@pytest.mark.parametrize(("ended_at", "states"), [(25, []), (15, ["nobody"]), (None, ["nobody"])])
def test_an_effect_that_came_after_its_undoing_was_asked_for_is_undone_only_if_that_ended_later(
    ended_at: int | None, states: list[str]
) -> None:
    trail = Trail(
        (
            Happened(1, "Placed", "k"),
            Happened(2, "Declined", "k", 1, 10),
            Happened(3, "Reserved", "k", 1, 20),
        ),
        (
            Reacted(2, "s.release", State.DONE, ended_at),
            Reacted(1, "s.pay", State.DONE),
            Reacted(1, "s.reserve", State.DONE),
        ),
    )
    assert [debt.state for debt in frontier(FLOW, "p", trail).debts] == states
