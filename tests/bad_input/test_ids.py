"""Ids: what is none is refused by name, all else comes back to the letter (22, 91)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dalsegno import receive, step, workflow
from dalsegno.errors import InvalidId, RunConflict, RunEnded, RunNotFound
from tests.bad_input.kit import SOON, assert_tells, failure_of, working

FIT = {
    "parent folder": "../../etc/passwd",
    "percent": "%2F%00%2e%2e",
    "emoji": "🛒-👩‍👩‍👧-1",
    "right to left": "\u202eorder\u202c-שלום",
    "markup": "<script>alert(1)</script>",
    "SQL": "'; DROP TABLE runs; --",
    "quotes": "\"'`",
    "health": "health",
    "health and more": "health/live",
    "like patterns": "%_[a-z]*?",
    "slashes": "a/b\\c",
    "spaces within": " a  b ",
    "unnormalized": "e\u0301",
    "normalized": "é",
    "brackets": "{0} %s $HOME",
    "longest": "x" * 255,
    "longest emoji": "🛒" * 255,
    "like a child": "order.1",
    "a number": "0",
    "null": "null",
    "zero width": "a\u200bb",
}
UNFIT: dict[str, Any] = {
    "empty": "",
    "blank": " \t",
    "no-break blanks": "\u00a0\u2003",
    "10,000 characters": "x" * 10_000,
    "newline": "a\nb",
    "carriage return": "a\rb",
    "NUL": "a\0b",
    "escape": "\x1b[31mred",
    "delete": "a\x7f",
    "next line": "a\x85b",
    "lone surrogate": "a\ud800",
    "bytes": b"order-1",
    "int": 7,
}


@step
def echo(text: str) -> str:
    return text


@workflow
def greet(name: str) -> str:
    word = receive(str, name=name).result()
    return echo(word)


@workflow
def other(name: str) -> str:
    return name


@workflow
def parent(child_id: Any) -> str:
    promise = other.start("child", id=child_id)
    return promise.result()


def test_an_odd_id_goes_through_start_get_list_and_signal_to_the_letter(tmp_path: Path) -> None:
    with working(tmp_path, greet, other) as client:
        for text in FIT.values():
            run = client.start(greet, text, id=text, case_id=text)
            assert run.id == text
            assert client.run(text).info().case_id == text
            assert client.signal(text, f"for {text}", name=text, id=text, sender=text)
            assert not client.signal(text, "again", name=text, id=text), "one signal id is one signal"
        for text in FIT.values():
            assert client.run(text).result(SOON) == f"for {text}"
        assert {info.id for info in client.runs(limit=100)} == set(FIT.values())
        for text in FIT.values():
            listed = [info.id for info in client.runs(id_prefix=text, limit=100)]
            assert text in listed and all(found.startswith(text) for found in listed)


def test_an_odd_id_is_still_there_after_a_restart(tmp_path: Path) -> None:
    with working(tmp_path, greet, other) as client:
        for text in FIT.values():
            client.start(greet, "go", id=text)
    with working(tmp_path, greet, other) as client:
        for text in FIT.values():
            client.signal(text, text, name="go")
        assert [client.run(text).result(SOON) for text in FIT.values()] == list(FIT.values())


@pytest.mark.parametrize("which", UNFIT)
def test_what_can_be_no_id_is_refused_by_name_and_nothing_is_started(tmp_path: Path, which: str) -> None:
    with working(tmp_path, greet, other, parent) as client:
        run = client.start(greet, "go", id="there")
        for refused in (
            lambda: client.start(other, "x", id=UNFIT[which]),
            lambda: client.start(other, "x", case_id=UNFIT[which]),
            lambda: client.signal("there", "x", name="go", id=UNFIT[which]),
            lambda: client.signal("there", "x", name=UNFIT[which]),
        ):
            with pytest.raises(InvalidId) as caught:
                refused()
            assert_tells(caught.value)
            assert len(str(caught.value)) < 1_000, "what is refused is not repeated in full"
        assert [info.id for info in client.runs()] == ["there"]
        run.signal("fine", name="go")
        assert run.result(SOON) == "fine"


@pytest.mark.parametrize("which", ["10,000 characters", "NUL", "lone surrogate"])
def test_a_sender_is_kept_or_refused_by_name(tmp_path: Path, which: str) -> None:
    with working(tmp_path, greet) as client:
        run = client.start(greet, "go")
        for refused in (run.cancel, run.retry, partial(run.signal, "x", name="go")):
            with pytest.raises(InvalidId, match="sender"):
                refused(sender=UNFIT[which])
        run.signal("fine", name="go", sender="<b>me</b>")
        assert run.result(SOON) == "fine"


@pytest.mark.parametrize("which", ["empty", "10,000 characters", "newline", "NUL"])
def test_a_childs_id_is_checked_in_the_run_that_starts_it(tmp_path: Path, which: str) -> None:
    with working(tmp_path, other, parent) as client:
        error = failure_of(client.start(parent, UNFIT[which], id="parent"))
        assert error.type == "dalsegno.errors.InvalidId"
        assert [info.id for info in client.runs()] == ["parent"]


@pytest.mark.parametrize("which", UNFIT)
def test_asking_for_a_run_by_what_is_no_id_finds_none_by_name(tmp_path: Path, which: str) -> None:
    with working(tmp_path, other) as client:
        run = client.run(UNFIT[which])
        for ask in (run.info, run.cancel, run.retry, lambda: run.signal("x"), lambda: run.result(1)):
            with pytest.raises((RunNotFound, InvalidId)) as caught:
                ask()
            assert_tells(caught.value)


@pytest.mark.promise("P2")
def test_the_same_id_with_another_input_is_a_conflict_and_the_first_run_is_unharmed(tmp_path: Path) -> None:
    with working(tmp_path, greet, other) as client:
        first = client.start(greet, "go", id="order-1")
        with pytest.raises(RunConflict) as caught:
            client.start(greet, "stop", id="order-1")
        assert_tells(caught.value, "order-1", "another input")
        with pytest.raises(RunConflict) as caught:
            client.start(other, "go", id="order-1")
        assert_tells(caught.value, "'greet'", "'other'")
        again = client.start(greet, "go", id="order-1")
        again.signal("hello", name="go")
        assert first.result(SOON) == again.result(SOON) == "hello"
        with pytest.raises(RunConflict):
            client.start(greet, "stop", id="order-1")
        assert client.start(greet, "go", id="order-1").result(SOON) == "hello", "an ended run keeps its id"
        assert len(client.runs()) == 1


def test_a_run_that_has_ended_takes_no_signal_and_says_so(tmp_path: Path) -> None:
    with working(tmp_path, other) as client:
        run = client.start(other, "x", id="over")
        run.result(SOON)
        with pytest.raises(RunEnded) as caught:
            run.signal("late")
        assert_tells(caught.value, "over", "completed")
        assert run.cancel() is False
