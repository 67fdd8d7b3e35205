"""What a person expects of the frontier, case by case; the oracle must expect the same."""

from __future__ import annotations

import pytest

from dalsegno.insight.flow import frontier
from tests.unit.insight.flow import oracle, short
from tests.unit.insight.flow.asking import flow_of, said, trail_of

ORDER = """
    pay: Placed -> Paid | Declined
    reserve: Placed -> Reserved | SoldOut
    ship: Paid & Reserved -> Shipped
    confirm: Shipped -> Confirmed
    release: Declined -> Released? undoes Reserved
    refund: SoldOut | CalledOff -> Refunded? undoes Paid
    process: Placed .. Confirmed | Declined | SoldOut cancel CalledOff
"""
CHOICE = """
    decide: Asked -> Yes | No
    both: Yes & No -> Both
    tell: Yes -> Told?
    process: Asked .. Told | No
"""
ITEMS = """
    split: Ordered -> Item*
    pick: Item -> Picked | Missing
    sort: Picked & Missing -> Sorted
    process: Ordered .. Picked | Missing
"""
AGAIN = """
    charge: Due -> Charged | Refused
    remind: Refused -> Due?
    thank: Charged -> Thanked
    process: Due .. Thanked
"""
TICKET = """
    run ticket: Opened, Solved
    bill: Solved -> Billed
    ask: Solved -> Surveyed?
    tell: Solved -> Told
    close: Billed & Told -> Closed
    process: Opened .. Closed
"""
WEBHOOK = """
    start: Placed -> PaymentAsked
    ship: PaymentAsked & PaymentArrived -> Shipped
    process: Placed .. Shipped
"""
PAIRS = """
    left: Begun -> A
    right: Begun -> B?
    join: A & B -> C
    process: Begun .. C
"""
TWICE = """
    one: Begun -> M
    two: Begun -> M
    pick: M -> X | Y
    join: X & Y -> Z
    process: Begun .. Z
"""
EITHER = """
    pick: Begun -> A | B
    other: Begun -> P
    ja: A & P -> T + U
    jb: B & P -> T
    keep~: P -> K
    process: Begun .. T
"""

TABLE = [
    # -- an order
    (
        "an order that was just placed owes a payment and a reservation, and each may go wrong",
        ORDER,
        "Placed",
        ("owed Paid Declined Reserved SoldOut · then Shipped Confirmed Released Refunded · unreachable CalledOff"
        " · ends possible possible possible"),
    ),
    (
        "once it is paid, it cannot be declined any more",
        ORDER,
        "Placed pay#1 Paid<1",
        ("owed Reserved SoldOut · then Shipped Confirmed Refunded · unreachable Declined Released CalledOff"
        " · ends possible unreachable possible"),
    ),
    (
        "once it is paid and reserved, all that is left is certain",
        ORDER,
        "Placed pay#1 Paid<1 reserve#1 Reserved<1",
        ("owed Shipped! · then Confirmed! · unreachable Declined Released SoldOut Refunded CalledOff"
        " · ends possible unreachable unreachable"),
    ),
    (
        "a decline makes shipping impossible, whatever becomes of the reservation",
        ORDER,
        "Placed pay#1 Declined<1",
        ("owed Reserved SoldOut Released · then Refunded · unreachable Paid Shipped Confirmed CalledOff"
        " · ends unreachable reached possible"),
    ),
    (
        "a reservation in dead letters is owed still, and nothing of it is certain",
        ORDER,
        "Placed pay#1 Paid<1 reserve#1!",
        ("owed Reserved SoldOut · then Shipped Confirmed Refunded · unreachable Declined Released CalledOff"
        " · ends possible unreachable possible"),
    ),
    (
        "a shipped order owes its confirmation",
        ORDER,
        "Placed pay#1 Paid<1 reserve#1 Reserved<1 ship#2 ship#3 Shipped<2",
        ("owed Confirmed! · unreachable Declined Released SoldOut Refunded CalledOff"
        " · ends possible unreachable unreachable"),
    ),
    (
        "a confirmed order owes nothing",
        ORDER,
        "Placed pay#1 Paid<1 reserve#1 Reserved<1 ship#2 ship#3 Shipped<2 confirm#4 Confirmed<4",
        "unreachable Declined Released SoldOut Refunded CalledOff · ends reached unreachable unreachable",
    ),
    (
        "after the release was passed over there is none",
        ORDER,
        "Placed pay#1 Declined<1 reserve#1 Reserved<1 release#2-",
        ("unreachable Paid Shipped Confirmed Released SoldOut Refunded CalledOff"
        " · ends unreachable reached unreachable"),
    ),
    (
        "a cancelled order goes forward no more, and is undone",
        ORDER,
        "Placed pay#1 Paid<1 cancel:CalledOff",
        ("owed Refunded · unreachable Declined Released Reserved SoldOut Shipped Confirmed"
        " · ends unreachable unreachable unreachable"),
    ),
    (
        "a failure before the cancelling is undone after it too",
        ORDER,
        "Placed pay#1 Declined<1 cancel:CalledOff refund#3",
        ("owed Released · unreachable Paid Reserved SoldOut Shipped Confirmed Refunded"
        " · ends unreachable reached unreachable"),
    ),
    # -- alternatives
    (
        "a join of two alternatives of one choice never opens",
        CHOICE,
        "Asked",
        "owed Yes No · then Told · unreachable Both · ends possible possible",
    ),
    (
        "asked twice, it may: once yes and once no",
        CHOICE,
        "Asked Asked",
        "owed Yes No · then Both Told · ends possible possible",
    ),
    (
        "after one yes the second question may bring the no",
        CHOICE,
        "Asked Asked decide#1 Yes<1 tell#3",
        "owed Yes No · then Both Told · ends possible possible",
    ),
    (
        "what is maybe is not certain, and then it is over",
        CHOICE,
        "Asked decide#1 Yes<1 tell#2",
        "unreachable No Both Told · ends unreachable unreachable",
    ),
    # -- repeated events
    (
        "of several items one may be picked and another be missing",
        ITEMS,
        "Ordered",
        "owed Item · then Picked Missing Sorted · ends possible possible",
    ),
    (
        "of one item that is there alone, only one of the two comes",
        ITEMS,
        "Ordered split#1 Item<1",
        "owed Picked Missing · unreachable Sorted · ends possible possible",
    ),
    (
        "of two items both may come",
        ITEMS,
        "Ordered split#1 Item<1 Item<1",
        "owed Picked Missing · then Sorted · ends possible possible",
    ),
    (
        "a picked item and a missing one of other keys are not sorted together",
        ITEMS,
        "Ordered split#1 Item<1 Item<1 pick#2 Picked@a<2 pick#3 Missing@b<3",
        "unreachable Sorted · ends reached reached",
    ),
    # -- what leads back
    (
        "a refused charge may be tried again, and so everything may come again",
        AGAIN,
        "Due charge#1 Refused<1",
        "owed Due · then Charged Refused Thanked · ends possible",
    ),
    (
        "a reminder that came to nothing ends it",
        AGAIN,
        "Due charge#1 Refused<1 remind#2",
        "unreachable Charged Thanked · ends unreachable",
    ),
    # -- half and half
    (
        "a run that is under way may emit any of its events, and services follow",
        TICKET,
        "ticket: Opened",
        "owed Opened Solved · then Billed Surveyed Told Closed · ends possible",
    ),
    (
        "once the run has solved it and ended, the services owe the rest",
        TICKET,
        "ticket: Opened Solved ticket.",
        "owed Billed! Surveyed Told! · then Closed! · ends possible",
    ),
    (
        "a run that ended without solving it leaves nothing to wait for",
        TICKET,
        "ticket: Opened ticket.",
        "unreachable Solved Billed Surveyed Told Closed · ends unreachable",
    ),
    (
        "a bill in dead letters holds the closing up, and the rest is certain",
        TICKET,
        "ticket. Opened Solved bill#2! ask#2",
        "owed Billed Told! · then Closed · unreachable Surveyed · ends possible",
    ),
    # -- from outside
    (
        "an event from outside is awaited, and what joins it may come",
        WEBHOOK,
        "Placed start#1 PaymentAsked<1",
        "awaited PaymentArrived · then Shipped · ends possible",
    ),
    (
        "one that came before what it joins is kept for it",
        WEBHOOK,
        "Placed PaymentArrived",
        "owed PaymentAsked! · then Shipped! · ends possible",
    ),
    # -- rounds of a join
    (
        "a second round of the same key needs a second event of each part",
        PAIRS,
        "Begun left#1 A<1 right#1 B<1 join#2 join#3 C<2 A",
        "ends reached",
    ),
    (
        "an open round takes the part that is yet to come",
        PAIRS,
        "Begun left#1 A<1",
        "owed B · then C · ends possible",
    ),
    (
        "a part that came twice does not stand for the other part",
        PAIRS,
        "Begun left#1 A<1 A right#1",
        "unreachable B C · ends unreachable",
    ),
    (
        "two ways to one event bring it twice, and so both alternatives",
        TWICE,
        "Begun",
        "owed M! · then X Y Z · ends possible",
    ),
    (
        "one of the two ways is left: one alternative comes, and not both",
        TWICE,
        "Begun one#1 two#1- M<1",
        "owed X Y · unreachable Z · ends unreachable",
    ),
    (
        "what each alternative brings by a join of its own is certain; a filter makes uncertain",
        EITHER,
        "Begun",
        "owed A B P! · then T! U K · ends possible",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("flow", "trail", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_frontier_is_what_a_person_expects(flow: str, trail: str, expected: str) -> None:
    plain, seen = short.flow(flow), short.trail(trail)
    wanted = short.expected(expected) | {"done": {event[1] for event in seen["events"]}}
    assert said(frontier(flow_of(plain), "p", trail_of(seen))) == wanted
    assert oracle.frontier(plain, seen) == wanted


def test_there_are_thirty_cases_and_each_says_something_else() -> None:
    assert len(TABLE) >= 30
    assert (
        len({(flow, trail) for _, flow, trail, _ in TABLE}) == len({name for name, *_ in TABLE}) == len(TABLE)
    )
