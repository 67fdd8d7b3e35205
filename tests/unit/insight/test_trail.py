"""Entries as marks, and what of them is left out."""

from __future__ import annotations

from dalsegno.client.standing import Mark
from dalsegno.core import failure
from dalsegno.core.clock import SECOND
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.failure import Failure
from dalsegno.insight.trail import Marks, condensed, trouble

ERROR = failure.encode(Failure("builtins.ValueError", "no funds"))


def marks(*entries: Entry) -> list[Mark]:
    made = Marks()
    return [made.mark(entry) for entry in entries]


def attempt(position: int, number: int, op: int = 1) -> Entry:
    return Entry(position, Kind.ATTEMPT, op, "charge", outcome=Outcome.ERROR, attempt=number, data=ERROR)


def test_a_step_that_returned_is_done() -> None:
    (mark,) = marks(Entry(1, Kind.STEP, 1, "charge", attempt=2, data=b"1", at=5 * SECOND))
    assert (mark.kind, mark.name, mark.outcome, mark.attempt) == ("step", "charge", "done", 2)
    assert mark.at.timestamp() == 5


def test_a_step_that_failed_tells_its_error_without_the_module() -> None:
    (mark,) = marks(Entry(1, Kind.STEP, 1, "charge", outcome=Outcome.ERROR, attempt=1, data=ERROR))
    assert (mark.outcome, mark.error) == ("failed", "ValueError: no funds")


def test_a_step_whose_outcome_nobody_knows_is_neither_done_nor_failed() -> None:
    timed_out, cancelled = marks(
        Entry(1, Kind.STEP, 1, "a", outcome=Outcome.UNKNOWN, data=ERROR),
        Entry(2, Kind.STEP, 2, "b", outcome=Outcome.CANCELLED),
    )
    assert (timed_out.outcome, cancelled.outcome) == ("unknown", "cancelled")


def test_a_compensation_names_the_step_that_it_undoes() -> None:
    _, undo = marks(Entry(1, Kind.STEP, 3, "charge"), Entry(2, Kind.STEP, 5, "refund", source="#3"))
    assert (undo.undoes, undo.source) == ("charge", "")


def test_a_signal_names_its_sender_and_an_answer_who_gave_it() -> None:
    signal, answer = marks(
        Entry(1, Kind.SIGNAL, 1, "underwriter", source="ann"), Entry(2, Kind.HOLD, 2, "refund", source="bob")
    )
    assert (signal.kind, signal.source) == ("signal", "ann")
    assert (answer.kind, answer.source) == ("answer", "bob")


def test_a_detached_child_has_only_begun() -> None:
    began, ended = marks(
        Entry(1, Kind.CHILD, 1, "ship", source="o.1"),
        Entry(2, Kind.CHILD, 2, "ship", source="o.2", data=b"null"),
    )
    assert (began.kind, ended.kind) == ("detached", "child")


def test_a_payload_in_another_codec_is_not_read_as_an_error() -> None:
    (mark,) = marks(Entry(1, Kind.STEP, 1, "a", outcome=Outcome.ERROR, codec=9, data=b"\x00sealed"))
    assert mark.error == ""


def test_attempts_in_a_row_become_the_last_of_them() -> None:
    shown = condensed(marks(attempt(1, 1), attempt(2, 2), attempt(3, 3), Entry(4, Kind.STEP, 1, "charge")))
    assert [(mark.kind, mark.attempt) for mark in shown] == [("attempt", 3), ("step", 0)]


def test_attempts_of_two_steps_stay_apart() -> None:
    shown = condensed(marks(attempt(1, 1, op=1), attempt(2, 1, op=2), attempt(3, 2, op=1)))
    assert [(mark.op, mark.attempt) for mark in shown] == [(1, 1), (2, 1), (1, 2)]


def test_an_intent_is_shown_only_until_its_step_is_settled() -> None:
    intent = Entry(1, Kind.INTENT, 1, "pay", attempt=1)
    assert [mark.outcome for mark in condensed(marks(intent))] == ["open"]
    assert [mark.kind for mark in condensed(marks(intent, Entry(2, Kind.STEP, 1, "pay")))] == ["step"]


def test_an_error_that_cannot_be_read_is_still_told() -> None:
    told = trouble(b"{}")
    assert told is not None
    assert told.type == "unreadable"
    assert trouble(None) is None
