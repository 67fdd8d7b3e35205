from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import os
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.canonical import encode_args
from dalsegno.errors import NotEncodable

pytestmark = pytest.mark.promise("P2")

WHAT = "the input of step charge"


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    tags: set[str]
    id: Any = 1


@attrs.define
class Parcel:
    weight: float


class Receipt(msgspec.Struct):
    id: int


class Model(pydantic.BaseModel):
    tags: set[str] = set()
    where: pydantic.AnyUrl | None = None
    path: Path | None = None


class Shouting(str):
    __slots__ = ()


def written(*args: Any, **kwargs: Any) -> Any:
    return json.loads(encode_args(args, kwargs, WHAT))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, "a", None, True, 1.5), [1, "a", None, True, 1.5]),
        ({"b": 1, "a": {"d": 1, "c": 2}}, {"a": {"c": 2, "d": 1}, "b": 1}),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 1, (2, "a"), None}, ["b", 1, [2, "a"], None]),
        (frozenset({frozenset({2, 1}), frozenset({3})}), [[1, 2], [3]]),
        ({2: "b", 1: "a"}, [[1, "a"], [2, "b"]]),
        ({uuid.UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
        ({1: "a", "1": "b"}, [["1", "b"], [1, "a"]]),
        (Colour.RED, "red"),
        ({Colour.RED: 1}, {"red": 1}),
        (Point(1, 2), [1, 2]),
        (Order({"b", "a"}, Decimal("1.50")), {"tags": ["a", "b"], "id": "1.50"}),
        (Parcel(1.5), {"weight": 1.5}),
        ([Receipt(1)], [{"id": 1}]),
        (Model(tags={"b", "a"}), {"tags": ["a", "b"], "where": None, "path": None}),
        (Model(where="http://x.y"), {"tags": [], "where": "http://x.y/", "path": None}),
        (Model(path="/a"), {"tags": [], "where": None, "path": "/a"}),
        (b"x", "eA=="),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "2026-01-01T00:00:00Z"),
        (Shouting("a"), "a"),
    ],
)
def test_a_value_is_written_in_one_way(value, expected):
    def ordered(item: Any) -> Any:
        return sorted(item, key=json.dumps) if isinstance(item, list) else item

    assert ordered(written(value)[0][0]) == ordered(expected)


def test_a_call_is_its_positional_and_its_named_arguments():
    assert encode_args((1, "a"), {"b": 2, "a": 1}, WHAT) == b'[[1,"a"],{"a":1,"b":2}]'


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=6), st.randoms())
def test_the_order_in_which_a_dict_was_filled_does_not_show(value, rng):
    items = list(value.items())
    rng.shuffle(items)
    assert encode_args((value,), {}, WHAT) == encode_args((dict(items),), {}, WHAT)


@given(st.lists(st.integers() | st.text() | st.tuples(st.integers(), st.text()), max_size=8), st.randoms())
def test_the_order_in_which_a_set_was_filled_does_not_show(items, rng):
    shuffled = list(items)
    rng.shuffle(shuffled)
    assert encode_args((set(items),), {}, WHAT) == encode_args((set(shuffled),), {}, WHAT)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))
)
def test_different_plain_values_are_written_differently(value):
    assert written(value) == [[value], {}]


CALL = """
from dalsegno.core.canonical import encode_args
words = {f"w{n}" for n in range(50)}
print(encode_args((words, {frozenset({w, "x"}) for w in words}), {w: 1 for w in words}, "call"))
"""


def test_a_call_is_written_alike_under_every_hash_seed():
    answers = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", CALL]
        answers.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(answers) == 1


LOOP: list[Any] = []
LOOP.append({"again": LOOP})


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((object(),), {}, "$[0] is of type object, which has no encoding"),
        ((1, {"items": [{"price": lambda: 1}]}), {}, "$[1].items[0].price is of type function"),
        ((), {"session": open}, "$.session is of type builtin_function_or_method"),
        ((), {"order": Order({"a"}, object())}, "$.order.id is of type object"),
        ((math.nan,), {}, "$[0] is nan, for which JSON has no number"),
        (([1.0, math.inf],), {}, "$[0][1] is inf"),
        (("\ud800",), {}, "$[0] is text with a lone surrogate"),
        ((LOOP,), {}, "contains itself"),
        pytest.param((10**5000,), {}, "$[0] is an integer of more digits", id="a very long integer"),
        ((Path("/tmp"),), {}, "$[0] is of type PosixPath"),
    ],
)
def test_what_has_no_lasting_value_is_refused_with_its_path(args, kwargs, told):
    with pytest.raises(NotEncodable) as caught:
        encode_args(args, kwargs, WHAT)
    assert caught.value.what.startswith("The input of step charge cannot be recorded: ")
    assert told in caught.value.what
