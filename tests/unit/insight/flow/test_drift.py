"""Events that are not as declared, and steps that nobody takes any more."""

from __future__ import annotations

from dalsegno.insight.flow import Drift, Edge, dead_edges, drift, edges
from tests.unit.insight.flow import short
from tests.unit.insight.flow.asking import flow_of, trail_of

FLOW = flow_of(
    short.flow("""
    run desk: Placed, Noted
    pay: Placed -> Paid | Declined
    ship: Paid & Noted -> Shipped
    other: Elsewhere -> Nowhere
    process: Placed .. Shipped
    """)
)


def drifted(trail: str) -> list[Drift]:
    return drift(FLOW, "p", trail_of(short.trail(trail)))


def test_a_case_that_goes_as_declared_has_no_drift() -> None:
    assert drifted("Placed Paid<1 Noted Shipped<2") == []


def test_an_event_that_nobody_declares_is_unknown() -> None:
    assert drifted("Placed Gifted<1") == [Drift(2, "Gifted", 1, "unknown")]


def test_an_event_of_another_process_is_foreign() -> None:
    assert drifted("Placed Nowhere") == [Drift(2, "Nowhere", None, "foreign")]


def test_an_event_that_nobody_gives_who_takes_its_cause_is_unannounced() -> None:
    assert drifted("Placed Paid<1 Declined<2") == [Drift(3, "Declined", 2, "unannounced")]


def test_a_workflow_may_emit_its_events_whatever_led_to_its_run() -> None:
    assert drifted("Placed Paid<1 Noted<2") == []


def test_an_event_whose_cause_is_not_of_the_case_is_not_judged_by_it() -> None:
    assert drifted("Placed Shipped<99") == []


def test_the_steps_of_a_process_are_those_of_its_handlers_and_workflows() -> None:
    assert set(edges(FLOW, FLOW.processes["p"])) == {
        Edge(("Placed",), "s.pay", "Paid"),
        Edge(("Placed",), "s.pay", "Declined"),
        Edge(("Paid", "Noted"), "s.ship", "Shipped"),
        Edge((), "desk", "Placed"),
        Edge((), "desk", "Noted"),
    }


def test_a_step_that_was_not_taken_since_then_is_dead_and_those_never_taken_come_first() -> None:
    seen = {
        (None, "desk", "Placed"): 200,
        (None, "desk", "Noted"): 90,
        ("Placed", "s.pay", "Paid"): 200,
        ("Noted", "s.ship", "Shipped"): 150,
        ("Paid", "s.ship", "Shipped"): 99,
    }
    found = dead_edges(FLOW, "p", seen, since=100)
    assert [(dead.edge.type, dead.last_at) for dead in found] == [("Declined", None), ("Noted", 90)]
