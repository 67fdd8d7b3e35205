"""Values that JSON does not have: each comes back as it was, or is refused with the way to it (90)."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dalsegno import receive, step, workflow
from dalsegno.errors import NotEncodable
from tests.bad_input.kit import SOON, assert_tells, failure_of, working

CALLS: list[str] = []


@dataclass
class Everything:
    """What has a type hint comes back as it was."""

    huge: int
    data: bytes
    at: datetime
    day: date
    span: timedelta
    price: Decimal
    words: set[str]
    key: UUID
    pairs: dict[int, tuple[str, float]]
    nothing: None = None


WHOLE = Everything(
    huge=2**70,
    data=b"\x00\xff",
    at=datetime(2027, 1, 1, 12, tzinfo=UTC),
    day=date(2028, 2, 29),
    span=timedelta(days=-1, microseconds=1),
    price=Decimal("0.10"),
    words={"b", "a"},
    key=UUID(int=1),
    pairs={1: ("a", -0.0), 2: ("\u2028", 1e308)},
)


def _cycle() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


BAD: dict[str, Any] = {
    "NaN": math.nan,
    "infinity": math.inf,
    "a lone surrogate": "a\ud800b",
    "an object": object(),
    "a lock": threading.Lock(),
    "a function": len,
    "a class": dict,
    "an open file's like": iter([1]),
    "a cycle": _cycle(),
    "depth without end": _deep(),
    "an exception": ValueError("x"),
    "a complex number": 1j,
    "bytes without a hint": b"\x00",
    "a datetime without a hint": datetime(2027, 1, 1, tzinfo=UTC),
    "a Decimal without a hint": Decimal("1.0"),
    "a set without a hint": {1, 2},
    "a tuple key": {(1, 2): 3},
}
GOOD: dict[str, Any] = {
    "2**53 + 1": 2**53 + 1,
    "2**70": 2**70,
    "-2**70": -(2**70),
    "NUL": "a\0b",
    "controls": "\x01\x1f\x7f\u2028",
    "emoji": "👩‍👩‍👧",
    "smallest float": 5e-324,
    "minus zero": -0.0,
    "empty": [{}, [], "", None, 0, False],
    "a hundred deep": eval("[" * 100 + "]" * 100),
}


@step
def give(which: str) -> Any:
    CALLS.append(which)
    return BAD[which]


@step
def take(value: Any) -> Any:
    CALLS.append("take")
    return value


@step
def keep(value: Everything) -> Everything:
    return value


@workflow
def result_of_a_step(which: str) -> Any:
    return give(which)


@workflow
def argument_of_a_step(which: str) -> Any:
    return take(BAD[which])


@workflow
def own_result(which: str) -> Any:
    return BAD[which]


@workflow
def input_of_a_child(which: str) -> Any:
    return echo.start(BAD[which]).result()


@workflow
def echo(value: Any) -> Any:
    return value


@workflow
def round_trip(value: Any) -> Any:
    signalled = receive(Any, name="value").result()
    return [take(value), signalled]


@workflow
def typed(value: Everything) -> Everything:
    sent = receive(Everything).result()
    return keep(value) if sent == value else keep(sent)


DEFINITIONS = (result_of_a_step, argument_of_a_step, own_result, input_of_a_child, echo, round_trip, typed)


@pytest.mark.parametrize("which", BAD)
def test_an_input_or_a_signal_that_cannot_be_written_is_refused_at_the_call(
    tmp_path: Path, which: str
) -> None:
    with working(tmp_path, *DEFINITIONS) as client:
        with pytest.raises(NotEncodable) as caught:
            client.start(echo, {"order": [1, BAD[which]]}, id="never")
        assert_tells(caught.value, "input of workflow echo", "order")
        assert client.runs() == []
        run = client.start(round_trip, 1)
        with pytest.raises(NotEncodable) as caught:
            run.signal({"order": [1, BAD[which]]}, name="value")
        assert_tells(caught.value, "signal value", "order")
        assert len(str(caught.value)) < 2_000
        run.signal("fine", name="value")
        assert run.result(SOON) == [1, "fine"]


@pytest.mark.parametrize("which", BAD)
@pytest.mark.parametrize(
    "body", [result_of_a_step, argument_of_a_step, own_result, input_of_a_child], ids=lambda body: body.name
)
def test_what_cannot_be_written_within_a_run_is_its_named_failure_and_no_step_runs_for_ever(
    tmp_path: Path, body: Any, which: str
) -> None:
    CALLS.clear()
    with working("memory:", *DEFINITIONS) as client:
        error = failure_of(client.start(body, which))
    assert error.type == "dalsegno.errors.NotEncodable"
    # Arguments are not recorded, so a step may be given more than it could return.
    assert len(CALLS) <= 1 and (CALLS or body is not result_of_a_step), "what a step did is not done again"


@pytest.mark.promise("P3")
@pytest.mark.parametrize("which", GOOD)
def test_an_odd_value_comes_back_to_the_letter_as_input_signal_argument_and_result(
    tmp_path: Path, which: str
) -> None:
    value = GOOD[which]
    with working(tmp_path, *DEFINITIONS) as client:
        run = client.start(round_trip, value)
        run.signal(value, name="value")
        assert repr(run.result(SOON)) == repr([value, value])


def test_what_has_a_type_hint_comes_back_as_it_was_everywhere_and_after_a_restart(tmp_path: Path) -> None:
    with working(tmp_path, *DEFINITIONS) as client:
        client.start(typed, WHOLE, id="whole")
        client.signal("whole", WHOLE)
    with working(tmp_path, *DEFINITIONS) as client:
        back = client.run("whole").result(SOON)
        assert back == WHOLE
        assert str(back.price) == "0.10" and math.copysign(1, back.pairs[1][1]) == -1


@pytest.mark.parametrize("value", [{"huge": 1}, "text", 7, None, []], ids=repr)
def test_an_input_or_signal_of_another_shape_is_refused_or_told_to_the_code(
    tmp_path: Path, value: Any
) -> None:
    with working(tmp_path, *DEFINITIONS) as client:
        with pytest.raises(NotEncodable) as caught:
            client.start(typed, value)
        assert_tells(caught.value, "input of workflow typed", "Everything")
        run = client.start(typed, WHOLE, id="whole")
        run.signal(value, name="Everything")
        error = failure_of(run)
        assert error.type == "dalsegno.errors.NotDecodable" and "Signal Everything" in error.message
