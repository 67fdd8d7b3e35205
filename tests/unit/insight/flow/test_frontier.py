"""Who owes what, after what, and by when."""

from __future__ import annotations

import pytest

from dalsegno.insight.flow import Awaited, Debtor, Frontier, frontier, read_flow
from tests.unit.insight.flow import short
from tests.unit.insight.flow.asking import trail_of

ORDER = """
    pay: Placed -> Paid | Declined
    second: Placed -> Paid?
    ship: Paid & Labelled -> Shipped
    confirm: Shipped -> Confirmed
    process: Placed .. Confirmed | Declined
"""


def ask(flow: str, trail: str, **due: int) -> Frontier:
    plain = short.flow(flow)
    for each in plain["handlers"]:
        each["due"] = due.get(each["name"])
    read = read_flow(plain["handlers"], [plain["process"]], plain["emitters"])
    return frontier(read, "p", trail_of(short.trail(trail)))


def test_each_reaction_that_may_emit_it_owes_it() -> None:
    (paid, declined) = ask(ORDER, "Placed second#1!").owed
    assert paid.by == (
        Debtor("s.pay", 1, "Placed", "open"),
        Debtor("s.second", 1, "Placed", "dead letter"),
    )
    assert (paid.stuck, declined.by) == (False, paid.by[:1])


def test_what_only_dead_letters_owe_is_stuck() -> None:
    (paid,) = ask(ORDER, "Placed pay#1 second#1!").owed
    assert paid.stuck


def test_it_is_due_by_what_its_handler_declares_after_its_event() -> None:
    (paid, _) = ask(ORDER, "Placed second#1", pay=300).owed
    assert [debtor.due_at for debtor in paid.by] == [1 + 300]


def test_a_round_of_a_join_is_due_after_the_event_that_made_it_whole() -> None:
    (shipped,) = ask(ORDER, "Placed pay#1 second#1 Labelled Paid<1", ship=50).owed
    assert shipped.by == (Debtor("s.ship", 3, "Paid", "open", 53),)


def test_what_comes_later_says_of_whom_and_after_what() -> None:
    found = {later.type: later for later in ask(ORDER, "Placed").then}
    assert (found["Shipped"].by, found["Shipped"].after) == (("s.ship",), ("Paid", "Labelled"))
    assert (found["Confirmed"].by, found["Confirmed"].after) == (("s.confirm",), ("Shipped",))


def test_a_type_that_is_there_may_be_owed_again() -> None:
    (paid,) = [owed for owed in ask(ORDER, "Placed pay#1 Paid<1 Placed").owed if owed.type == "Paid"]
    assert paid.again


def test_an_open_run_owes_without_an_event() -> None:
    found = ask("run desk: Placed\npay: Placed -> Paid\nprocess: Placed .. Paid", "desk:")
    assert found.owed[0].by == (Debtor("desk", None, None, "running"),)


def test_a_workflow_that_has_not_begun_is_awaited_until_one_of_its_events_is_there() -> None:
    flow = "run desk: Opened, Closed\nbill: Opened -> Billed\nprocess: Opened .. Closed & Billed"
    assert ask(flow, "Billed").awaited == (Awaited("Opened", ("desk",)), Awaited("Closed", ("desk",)))
    assert ask(flow, "Opened").awaited == ()


def test_nothing_is_awaited_of_others_once_a_case_has_ended() -> None:
    assert [one.type for one in ask(ORDER, "Placed pay#1 Paid<1 second#1").awaited] == ["Labelled"]
    assert ask(ORDER, "Placed pay#1 Declined<1 second#1").awaited == ()


def test_a_case_that_can_reach_none_of_its_ends_is_lost() -> None:
    flow = "pay: Placed -> Paid?\nprocess: Placed .. Paid"
    assert not ask(flow, "Placed").lost
    assert ask(flow, "Placed pay#1").lost
    assert not ask(flow, "Placed pay#1 Paid<1").lost


def test_the_handlers_of_a_workflow_that_reacts_are_no_workflows_to_wait_for() -> None:
    plain = short.flow(
        "run ship: Shipped\nship: Paid -> Shipped\npay: Placed -> Paid?\nprocess: Placed .. Shipped"
    )
    for each in (*plain["handlers"], *plain["emitters"]):
        each["place"] = "shop.py:7" if each["name"] == "ship" else "shop.py:1"
    read = read_flow(plain["handlers"], [plain["process"]], plain["emitters"])
    found = frontier(read, "p", trail_of(short.trail("Placed pay#1")))
    assert found.lost and not found.awaited


def test_a_process_that_there_is_not_has_no_frontier() -> None:
    with pytest.raises(KeyError):
        frontier(read_flow([]), "order", trail_of(short.trail("Placed")))


def test_what_comes_later_is_told_in_the_order_in_which_it_may_come() -> None:
    flow = (
        "pay: Placed -> Paid | Declined\nship: Paid -> Shipped | Lost\nrefund: Lost -> Refunded\n"
        "reject: Declined | Refunded -> Rejected\nconfirm: Shipped -> Confirmed\n"
        "process: Placed .. Confirmed | Rejected"
    )
    later = [each.type for each in ask(flow, "Placed pay#1 Paid<1").then]
    # From the beginning Rejected is nearer, and not from here.
    assert later == ["Confirmed", "Refunded", "Rejected"]
