"""Where the time of cases went, what their steps take, and when they will end: by values that a reader can work out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dalsegno.client.case_times import CaseTimes, Split, Spread
from dalsegno.client.elapsed import split
from dalsegno.client.pace import Past, compare, forecast, pace, percentile, spread
from dalsegno.core.cases import CaseRow
from dalsegno.core.clock import SECOND, to_datetime
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.event import Event
from dalsegno.core.reactions import ReactedAs
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.store.cases import CaseTrail
from dalsegno.store.log import ReactionRow

TITLES = {1: "payments.pay", 2: "shipping.ship"}


def happened(number: int, name: str, at: float, cause: int | None = None, by: str = "") -> Event:
    """Make an event, at so many seconds; with ``by`` one of ours, else one from outside."""
    outside = None if by else f"id {number}"
    return Event(
        number, "default", name, 1, by, outside, "1", "order-1", cause, None, 0, None, None, 1, None, None,
        int(at * SECOND),
    )  # fmt: skip


def reacted(event: int, handler: int, at: float, took: float, run: int | None = None) -> ReactionRow:
    """Make a reaction that ended, or went on as a run, at so many seconds, after so many at work."""
    outcome = ReactedAs.DONE if run is None else ReactedAs.RUN
    return ReactionRow(event, handler, outcome, run, int(took * SECOND), None, int(at * SECOND), 1)


def a_run(
    created: float, started: float | None, status: Status, ended: float | None = None, **more: str
) -> Run:
    """Make a run number 1."""
    return Run(
        1, "default", "r", "w", "1", status, created_at=int(created * SECOND),
        started_at=None if started is None else int(started * SECOND),
        ended_at=None if ended is None else int(ended * SECOND), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def entry(kind: Kind, at: float, op: int = 1) -> Entry:
    return Entry(1, kind, op, at=int(at * SECOND))


def a_case(name: str, began: float, ended: float | None, state: str = "ended") -> CaseRow:
    over = None if ended is None else int(ended * SECOND)
    return CaseRow(
        1, "default", name, "order", "1", "event_sourced", state, int(began * SECOND), 1, None, None, None,
        None, over,
    )  # fmt: skip


def trail(
    events: Sequence[Event], reactions: Sequence[ReactionRow] = (), runs: Sequence[Run] = ()
) -> CaseTrail:
    return CaseTrail(tuple(events), tuple(reactions), tuple(runs), ())


def parts(left: CaseTrail, until: float, journal: Sequence[Entry] = ()) -> Split:
    return split(left, {1: journal}, 0, int(until * SECOND))


# -- where the time went


def test_a_reaction_is_queued_until_its_handler_is_called_and_then_runs() -> None:
    left = trail([happened(1, "Placed", 0)], [reacted(1, 1, at=10, took=3)])
    assert parts(left, 12) == Split(running=3, retrying=0, queued=7, waiting=2)


def test_a_moment_counts_once_as_running_before_anything_else() -> None:
    left = trail([happened(1, "Placed", 0)], [reacted(1, 1, at=4, took=4), reacted(1, 2, at=9, took=2)])
    # 0-4 the one runs while the other is queued; 4-7 it is queued alone; 7-9 it runs
    assert parts(left, 10) == Split(running=6, retrying=0, queued=3, waiting=1)


def test_time_after_a_failed_attempt_is_that_of_its_retry_until_the_step_is_settled() -> None:
    run = a_run(0, 1, Status.COMPLETED, 20)
    journal = [entry(Kind.ATTEMPT, 3), entry(Kind.STEP, 8), entry(Kind.TIMER, 18, op=2)]
    # 0-1 queued, 1-3 the first attempt, 3-8 its retry, 8-18 a timer, 18-20 what came then
    assert parts(trail([], runs=[run]), 20, journal) == Split(running=4, retrying=5, queued=1, waiting=10)


def test_a_reaction_that_failed_and_is_not_begun_again_retries() -> None:
    run = a_run(5, None, Status.PENDING)
    left = trail([happened(1, "Placed", 0)], [reacted(1, 1, at=5, took=1, run=1)], [run])
    assert parts(left, 9, [entry(Kind.ATTEMPT, 5)]) == Split(running=1, retrying=4, queued=4, waiting=0)


def test_a_dead_letter_waits() -> None:
    run = a_run(2, 3, Status.WAITING, reason=DEAD_LETTER)
    journal = [entry(Kind.ATTEMPT, 2), entry(Kind.ATTEMPT, 6)]
    # the second attempt was over at 6, and nobody has come since
    assert parts(trail([], runs=[run]), 50, journal) == Split(running=0, retrying=4, queued=0, waiting=46)


def test_what_lies_outside_of_the_case_is_not_its_time() -> None:
    run = a_run(0, 1, Status.RUNNING)
    assert parts(trail([], runs=[run]), 4) == Split(running=3, retrying=0, queued=1, waiting=0)
    left = trail([happened(1, "Placed", 0)], [reacted(1, 1, at=99, took=90)])
    assert parts(left, 10) == Split(running=1, retrying=0, queued=9, waiting=0)


# -- percentiles


def test_a_percentile_is_the_smallest_that_so_many_do_not_exceed() -> None:
    hundred = range(1, 101)
    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert [percentile([10, 20, 30, 40], share) for share in (0.5, 0.95, 0.99)] == [20, 40, 40]
    assert percentile([7], 0.5) == 7
    assert spread([3 * SECOND, SECOND, 2 * SECOND]) == Spread(3, 2.0, 3.0, 3.0)


# -- the pace of a process


def past(name: str, began: float, paid: float, ended: float) -> Past:
    """Make a case that was paid and ended after so many seconds, by pay and then by a carrier from outside."""
    events = [
        happened(1, "Placed", began),
        happened(2, "Paid", began + paid, cause=1, by="payments.pay"),
        happened(3, "Shipped", began + ended),
    ]
    left = trail(events, [reacted(1, 1, at=began + paid, took=1)])
    return Past(a_case(name, began, began + ended), left, Split(1, 0, paid - 1, ended - paid))


def test_the_pace_of_a_process_is_that_of_its_past_cases_step_by_step() -> None:
    told = pace("order", [past("a", 0, 2, 10), past("b", 100, 4, 30), past("c", 200, 6, 20)], TITLES)
    assert told.elapsed == Spread(3, 20, 30, 30)
    assert told.shares == Split(running=3, retrying=0, queued=9, waiting=48)
    steps = {(step.after, step.by, step.type): step.took for step in told.steps}
    assert steps == {
        ("Placed", "payments.pay", "Paid"): Spread(3, 4, 6, 6),
        ("Placed", "payments.pay", None): Spread(3, 4, 6, 6),
    }


def test_what_a_step_takes_usually_is_told_of_twenty_cases_or_more() -> None:
    cases = [past(str(n), 0, n, 50) for n in range(1, 21)]
    assert pace("order", cases, TITLES).usual("Placed", "payments.pay", "Paid") == Spread(20, 10, 19, 20)
    assert pace("order", cases[1:], TITLES).usual("Placed", "payments.pay", "Paid") is None
    assert pace("order", cases, TITLES).usual("Paid", "payments.pay") is None


def test_of_no_past_case_nothing_is_told() -> None:
    told = pace("order", [], TITLES)
    assert (told.cases, told.elapsed, told.shares, told.steps) == (0, None, None, ())


# -- a forecast


CASES = [past(str(n), 0, 2, 2 + n) for n in range(1, 11)]  # from Paid on: 1 … 10 seconds


def foretold(now: float, cases: Sequence[Past] = CASES) -> tuple[object, ...]:
    events = [happened(1, "Placed", 100), happened(2, "Paid", 105, cause=1, by="payments.pay")]
    left = trail(events)
    found = forecast(a_case("x", 100, None, "open"), left, cases, int(now * SECOND))
    ends = [None if end is None else end.timestamp() for end in (found.p50_at, found.p95_at)]
    return found.since, found.cases, *ends


def test_a_case_ends_as_past_ones_did_from_the_same_event_on() -> None:
    assert foretold(105) == ("Paid", 10, 110, 115)


def test_past_cases_that_were_over_sooner_than_this_one_tell_nothing_of_it() -> None:
    assert foretold(112.5) == ("Paid", 10, 114, 115)  # of 8, 9 and 10 seconds
    assert foretold(115.5) == ("Paid", 10, None, None)


def test_an_event_that_past_cases_had_not_is_passed_over() -> None:
    stray = happened(3, "Complained", 106)
    left = trail([happened(1, "Placed", 100), happened(2, "Paid", 105), stray])
    found = forecast(a_case("x", 100, None, "open"), left, CASES, 106 * SECOND)
    assert (found.since, found.p50_at) == ("Paid", to_datetime(110 * SECOND))


def test_an_event_that_came_again_counts_from_its_last_time() -> None:
    again = trail([happened(1, "Placed", 0), happened(2, "Paid", 1), happened(3, "Paid", 7)])
    cases = [Past(a_case("y", 0, 10), again, Split(0, 0, 0, 10))]
    assert foretold(105, cases) == ("Paid", 1, 108, 108)


def test_without_past_cases_nothing_is_foretold() -> None:
    assert foretold(105, []) == (None, 0, None, None)


# -- side by side


def timed(name: str) -> CaseTimes:
    return CaseTimes(
        name, "order", "open", to_datetime(0), None, to_datetime(0), Split(0, 0, 0, 0)
    )  # fmt: skip


def test_two_cases_stand_side_by_side_each_from_its_own_beginning() -> None:
    ours = trail([happened(1, "Placed", 10), happened(2, "Paid", 12, 1, "payments.pay")])
    theirs = trail(
        [
            happened(5, "Placed", 50),
            happened(6, "Reserved", 51, 5, "stock.reserve"),
            happened(7, "Paid", 57, 5, "payments.pay"),
            happened(8, "Paid", 58, 5, "payments.pay"),
        ]
    )
    told = compare((timed("a"), ours), (timed("b"), theirs))
    assert [(line.type, line.by, line.first, line.second) for line in told.events] == [
        ("Placed", "", 0, 0),
        ("Reserved", "stock.reserve", None, 1),
        ("Paid", "payments.pay", 2, 7),
        ("Paid", "payments.pay", None, 8),
    ]
    assert told.parted == 1
    assert compare((timed("a"), ours), (timed("a"), ours)).parted is None


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_percentile_is_no_less_than_so_many_of_its_lengths(share: float) -> None:
    for count in range(1, 300):
        found = percentile(range(count), share)
        assert (found + 1) >= share * count > found
