"""The checkers of histories: they accept what one order explains, and nothing else."""

from __future__ import annotations

import pytest

from dalsegno.core.commit import Commit, Committed, Refused
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.runs import Run, Status
from dalsegno.testing.appends import Appends
from dalsegno.testing.linear import Calls, has_order
from dalsegno.testing.shadows import Broken, Shadow, lines_of

pytestmark = pytest.mark.promise("P1", "P3")


def test_a_signal_that_a_later_one_of_its_id_repeats_has_an_order() -> None:
    calls = Calls()
    start, first = calls.begin("r", "start", "x"), calls.begin("r", "signal", "s")
    calls.answered(start, True)
    calls.answered(first, True)
    calls.answered(calls.begin("r", "signal", "s"), False)
    assert calls.check() == 3


def test_two_callers_that_were_both_first_with_one_id_have_none() -> None:
    calls = Calls()
    calls.answered(calls.begin("r", "start", "x"), True)
    first, second = calls.begin("r", "signal", "s"), calls.begin("r", "signal", "s")
    calls.answered(first, True)
    calls.answered(second, True)
    with pytest.raises(Broken, match="no order explains"):
        calls.check()


def test_a_signal_after_the_end_cannot_have_been_accepted() -> None:
    calls = Calls()
    calls.answered(calls.begin("r", "start", "x"), True)
    late = calls.begin("r", "signal", "s")
    calls.run_ended("r", "completed", 1)
    later = calls.begin("r", "signal", "t")
    calls.answered(late, True)  # it was made before the end: there is an order
    assert has_order(calls.made)
    calls.answered(later, True)
    assert not has_order(calls.made)


def test_a_call_without_an_answer_may_have_happened_or_not() -> None:
    for seen in ("RunNotFound", True):
        calls = Calls()
        calls.begin("r", "start", "x")
        calls.answered(calls.begin("r", "cancel"), seen)
        assert calls.check() == 2


def test_two_results_of_one_run_have_no_order() -> None:
    calls = Calls()
    calls.answered(calls.begin("r", "start", "x"), True)
    calls.run_ended("r", "completed", 1)
    calls.answered(calls.begin("r", "result"), ("completed", 1))
    assert has_order(calls.made)
    calls.answered(calls.begin("r", "result"), ("completed", 2))
    assert not has_order(calls.made)


def test_a_result_before_the_end_has_no_order() -> None:
    calls = Calls()
    calls.answered(calls.begin("r", "start", "x"), True)
    calls.answered(calls.begin("r", "result"), ("completed", 1))
    calls.run_ended("r", "completed", 1)
    assert not has_order(calls.made)


# -- journals

ENTRIES = [Entry(n, Kind.STEP, n, "add", data=b"%d" % n) for n in (1, 2, 3)]


def commit(*numbers: int, session: int = 7) -> Commit:
    return Commit(run=1, session=session, turn=1, floor=0, entries=tuple(ENTRIES[n - 1] for n in numbers))


def breaches(journals: Appends, there: list[Entry], said: list[str]) -> str:
    shadow = Shadow(Run(1, "default", "r", "w", "1", Status.RUNNING))
    shadow.entries, shadow.journal = there, lines_of(there)
    journals.check({1: shadow})
    return "; ".join(said)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def journals(said: list[str]) -> Appends:
    return Appends(lambda promise, what: said.append(f"{promise}: {what}"))


def write(journals: Appends, item: Commit, verdict: Committed | Refused | None) -> None:
    journals.appending([item])
    if verdict is not None:
        journals.appended([item], [verdict])


def test_acknowledged_and_unanswered_appends_may_be_there(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1), Committed(5))
    write(journals, commit(2), None)
    assert breaches(journals, ENTRIES[:2], said) == ""
    assert breaches(journals, ENTRIES[:1], said) == ""


def test_an_acknowledged_append_that_is_not_there_is_lost(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1), Committed(5))
    write(journals, commit(2), Committed(6))
    assert "entry 2 of run 1, promised to" in breaches(journals, ENTRIES[:1], said)


def test_a_refused_append_that_is_there_was_written_by_nobody(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1), Refused.FENCED)
    assert "is there, and was refused" in breaches(journals, ENTRIES[:1], said)


def test_one_place_is_promised_once(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1), Committed(5))
    write(journals, commit(1, session=8), Committed(5))
    assert "was promised to" in "; ".join(said)


def test_a_read_has_in_it_what_was_acknowledged_before_it(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1), Committed(5))
    write(journals, commit(2), Committed(6))
    journals.read(1, journals.tick(), ENTRIES[:1])
    assert "had 1 of 2 known entries" in breaches(journals, ENTRIES[:2], said)


def test_a_read_is_no_shorter_than_one_before_it(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1, 2), None)
    journals.read(1, journals.tick(), ENTRIES[:2])
    journals.read(1, journals.tick(), ENTRIES[:1])
    assert "had 1 of 2 known entries" in breaches(journals, ENTRIES[:2], said)


def test_a_read_is_the_beginning_of_the_journal(journals: Appends, said: list[str]) -> None:
    write(journals, commit(1, 2), Committed(5))
    journals.read(1, journals.tick(), [ENTRIES[1]])
    assert "was not the beginning" in breaches(journals, ENTRIES[:2], said)
