"""A plan is a word that means one thing, and a point has a name that a person understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.commit import Beat, Claim, Commit, Emit, EndSession, Rest, Retry, Send, Start
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Joined, Laned, React, ReactedAs, Reaction
from dalsegno.core.runs import Status
from dalsegno.core.transact import Transact
from dalsegno.testing.plans import CrashPlan, MalformedPlan, Mishap, parse_option
from dalsegno.testing.script import Place, Script, written

MISHAPS = st.lists(
    st.tuples(st.integers(1, 999_999), st.sampled_from(Mishap)), unique_by=lambda each: each[0], max_size=6
)
PLANS = st.one_of(
    MISHAPS.map(lambda given: CrashPlan(tuple(sorted(given)))),
    st.integers(1, 9_999).map(lambda n: CrashPlan(order=n)),
    st.integers(1, 9_999).map(lambda n: CrashPlan(hash_seed=n)),
    st.integers(1, 9_999).map(lambda n: CrashPlan(again=n)),
)


@given(PLANS)
def test_a_plan_reads_back_as_it_was_written(plan: CrashPlan) -> None:
    assert CrashPlan.parse(str(plan)) == plan


@given(PLANS, st.integers(1, 99))
def test_a_plan_may_say_which_exploration_of_its_test_it_means(plan: CrashPlan, nth: int) -> None:
    assert parse_option(f"{nth}:{plan}") == (nth, plan)
    assert parse_option(f" {plan} ") == (1, plan)


@given(st.text(alphabet="0123456789balzrtohd,: -é", max_size=12))
def test_any_other_text_is_refused_with_one_error(text: str) -> None:
    try:
        nth, plan = parse_option(text)
    except MalformedPlan:
        return
    assert parse_option(f"{nth}:{plan}") == (nth, plan)


def test_a_script_says_what_its_plan_comes_to() -> None:
    script = Script(CrashPlan.parse("1a,2z,9b"))
    assert script.visit(Place.STEP, "charge of o-1", "o-1") == (1, Mishap.AFTER)
    assert script.visit(Place.CALL, "bank.charge", "o-1") == (2, Mishap.ZOMBIE)
    assert script.visit(Place.WRITE, "claim", "") == (3, None)
    assert script.unreached == [9]
    assert script.tell() == [
        "1a  the process dies after step charge of o-1",
        "2z  the process stands still past its lease before call bank.charge",
        "9b  the process dies before point 9, which it never came to",
    ]


STEP = Entry(1, Kind.STEP, 1, "charge")


class Numbered:
    """Names by numbers alone."""

    def run(self, number: int) -> str:
        return f"run {number}"

    def event(self, number: int) -> str:
        return f"event {number}"

    def handler(self, service: int, number: int) -> str:
        return f"handler {service}.{number}"


PAID = NewEvent(type="Paid", key="a")
RUN = Start(2, "default", "pay#4", "pay", "1")


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ([Start(1, "default", "o-1", "w", "1")], "start of o-1"),
        ([Claim(1, "default", 5)], "claim"),
        ([Send(Kind.SIGNAL, run_id="o-1", name="Paid")], "signal Paid to o-1"),
        ([Send(Kind.CANCEL, run=7)], "cancel to run 7"),
        ([Retry("default", "o-1")], "retry of o-1"),
        ([Commit(7, 1, 1, 0, (STEP,))], "commit of run 7: charge returned"),
        (
            [Commit(7, 1, 1, 0, (Entry(1, Kind.STEP, 1, "a", outcome=Outcome.CANCELLED),))],
            "commit of run 7: a was cancelled",
        ),
        (
            [Commit(7, 1, 1, 0, (Entry(1, Kind.ATTEMPT, 1, "a", attempt=2),), rest=Rest(Status.WAITING, 0))],
            "commit of run 7: attempt 2 of a failed, it is waiting",
        ),
        (
            [Commit(7, 1, 1, 0, rest=Rest(Status.FAILED, 0, "compensated"))],
            "commit of run 7: it is failed (compensated)",
        ),
        ([Commit(7, 1, 1, 0, timers=(Timer(1, 5),))], "commit of run 7: a timer is set"),
        ([Commit(7, 1, 1, 0, reason="x")], "commit of run 7: what it waits for"),
        (
            [Commit(7, 1, 1, 0, starts=(Start(2, "default", "c", "w", "1"),)), Claim(1, "default", 1)],
            "commit of run 7: child c begins + claim",
        ),
        ([Commit(7, 1, 1, 0, (STEP,), events=(PAID,))], "commit of run 7: charge returned, emits Paid a"),
        ([Emit((PAID, NewEvent(type="Said")))], "emit of Paid a, Said"),
        (
            [React(1, 2, 1, reactions=(Reaction(4, 5), Reaction(6, 5, ReactedAs.STALE)), events=(PAID,))],
            "handler 2.5 of event 4 is done, handler 2.5 of event 6 is stale, emits Paid a",
        ),
        (
            [React(1, 2, 1, reactions=(Reaction(4, 5, ReactedAs.RUN),), laned=(Laned(RUN, 5, 4),))],
            "handler 2.5 of event 4 goes on as a run",
        ),
        (
            [
                React(
                    1,
                    2,
                    1,
                    reactions=(Reaction(4, 5, ReactedAs.RUN),),
                    joined=(Joined(RUN, Send(Kind.SIGNAL), 5, "a", 1, 3),),
                )
            ],
            "handler 2.5 of event 4 joins",
        ),
        ([Transact(lambda _: None, "handler pay")], "transaction of handler pay"),
        ([React(1, 2, 1, positions=((0, 9),))], ""),
        ([EndSession(3)], ""),
        ([Beat(3, 1, 0)], ""),
    ],
)
def test_a_write_is_named_by_what_it_holds_and_a_heartbeat_is_no_point(
    group: list[object], told: str
) -> None:
    assert written(group, Numbered())[0] == told
