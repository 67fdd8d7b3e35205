from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import sys
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalsegno.core.codec import JSON, Shape, digest, shape_of
from dalsegno.errors import DefinitionError, NotDecodable, NotEncodable

pytestmark = pytest.mark.promise("P3")

WHAT = "the result of step charge"


class Colour(enum.Enum):
    RED = "red"


class Mood(enum.StrEnum):
    GLAD = "glad"


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict):
    fast: bool


class Model(pydantic.BaseModel):
    sku: str = pydantic.Field(alias="SKU")
    tags: set[str] = set()
    note: str | None = pydantic.Field(default=None, exclude=True)


class SpecialModel(Model):
    extra: int = 0


class Secret(pydantic.BaseModel):
    password: pydantic.SecretStr


@dataclasses.dataclass
class Order:
    id: str
    amount: Decimal
    placed: dt.datetime
    model: Model | None = None
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class RushedOrder(Order):
    pass


@attrs.define
class Parcel:
    weight: float
    eq_free: object = attrs.field(default=None, eq=False)


class Receipt(msgspec.Struct):
    id: uuid.UUID
    data: bytes = b""


class Shouting(str):
    __slots__ = ()


ORDER = Order("1", Decimal("9.90"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), Model(SKU="a", tags={"x", "y"}))
LOOP: list[Any] = [1, []]
LOOP[1].append(LOOP)


def test_the_number_of_the_codec_never_changes():
    assert JSON == 1


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain_json)
def test_what_json_has_reads_back_equal_and_of_the_same_types_without_an_annotation(value):
    data, back = shape_of().journal(value, WHAT)
    assert back == value
    assert repr(back) == repr(value)
    assert shape_of().decode(data, WHAT) == value
    assert shape_of().encode(value, WHAT) == data


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.uuids()
    | st.sampled_from([Colour.RED, Mood.GLAD, Point(1, 2), ORDER, object(), LOOP, Shouting("a"), 1j]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.integers() | st.text(), max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(anything)
def test_whatever_is_given_it_reads_back_as_live_code_gets_it_or_is_refused_by_name(value):
    for hint in (Any, dict, list[Any], Order, str, Model, None):
        shape = shape_of(hint)
        refusal = None
        try:
            data, back = shape.journal(value, WHAT)
            assert repr(shape.decode(data, WHAT)) == repr(back)
        except NotEncodable as caught:
            refusal = caught
        if refusal:
            assert refusal.what.startswith(f"The result of step charge cannot be recorded: {refusal.path} ")
            str(refusal).encode()


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (None, None),
        (Decimal, Decimal("1.50")),
        (dt.datetime, dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)),
        (dt.datetime, dt.datetime(2026, 1, 2)),  # noqa: DTZ001
        (dt.timedelta, dt.timedelta(days=1, microseconds=1)),
        (uuid.UUID, uuid.UUID(int=7)),
        (bytes, b"\x00\xff"),
        (set[int], {1, 2}),
        (frozenset[str], frozenset({"a"})),
        (tuple[int, str], (1, "a")),
        (dict[int, Decimal], {1: Decimal(2)}),
        (dict[uuid.UUID, int], {uuid.UUID(int=7): 1}),
        (Colour, Colour.RED),
        (Mood, Mood.GLAD),
        (Point, Point(1, 2)),
        (Options, {"fast": True}),
        (Order, ORDER),
        (list[Order], [ORDER, ORDER]),
        (Parcel, Parcel(1.5)),
        (Receipt, Receipt(uuid.UUID(int=1), b"x")),
        (Model, Model(SKU="a", tags={"b"})),
        (list[Model], [Model(SKU="a")]),
        (dict[str, Model], {"k": Model(SKU="a")}),
        (Model | None, Model(SKU="a")),
        (Model | None, None),
        (tuple[Model, Order], (Model(SKU="a"), ORDER)),
        (Literal["a", 1], 1),
        (Annotated[int, []], 5),
        (int | str | None, "x"),
        (NoReturn, None),
    ],
)
def test_an_annotated_value_reads_back_as_it_was(hint, value):
    data, back = shape_of(hint).journal(value, WHAT)
    assert back == value == shape_of(hint).decode(data, WHAT)
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "path", "told"),
    [
        (Decimal(1), "$", "is of type Decimal and would read back as str"),
        ({"items": [1, 2, {"price": Decimal(1)}]}, "$.items[2].price", "is of type Decimal"),
        ({"a": dt.date(2026, 1, 1)}, "$.a", "is of type date"),
        ([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], "$[0]", "is of type datetime"),
        ((1, (uuid.UUID(int=1),)), "$[1][0]", "is of type UUID"),
        (b"x", "$", "is of type bytes"),
        ({"a b": {1}}, "$['a b']", "is of type set and would read back as list"),
        (Colour.RED, "$", "is of type Colour"),
        (Point(1, 2), "$", "is of type Point and would read back as list"),
        (ORDER, "$", "is of type Order and would read back as dict"),
        (Model(SKU="a"), "$", "is of type Model and would read back as dict"),
        ({1: "a"}, "$[1]", "has a key of type int"),
        ({1: "a", "1": "b"}, "$[1]", "has a key of type int"),
        ({None: 1}, "$[None]", "has a key of type NoneType"),
        ({(1, 2): 1}, "$[tuple]", "has a key of type tuple"),
        pytest.param({10**5000: 1}, "$[int]", "has a key of type int", id="a very long key"),
        (math.nan, "$", "is nan, for which JSON has no number"),
        ({"a": [None, -math.inf]}, "$.a[1]", "is -inf"),
        ("\ud800", "$", "lone surrogate"),
        (["a", "b\udfff"], "$[1]", "lone surrogate"),
        ({"\ud800": 1}, "$['\\ud800']", "lone surrogate in its key"),
        pytest.param(10**5000, "$", "more digits than Python reads", id="a very long integer"),
        ({"f": [lambda: None]}, "$.f[0]", "is of type function, which has no encoding"),
        (LOOP, "$[1][0]", "contains itself"),
        (msgspec.Raw(b"null"), "$", "is of type Raw"),
        (msgspec.Raw(b"{"), "$", "does not read back"),
        (iter(()), "$", "has no encoding"),
    ],
)
def test_what_would_be_lost_without_an_annotation_is_refused_with_its_path(value, path, told):
    with pytest.raises(NotEncodable) as caught:
        shape_of().journal(value, WHAT)
    assert caught.value.path == path
    assert f"{path} " in caught.value.what
    assert told in caught.value.what


def test_the_refusal_tells_to_annotate():
    with pytest.raises(NotEncodable, match="Add a type annotation that names its type"):
        shape_of().journal(Decimal(1), WHAT)


def test_deep_nesting_is_refused_and_does_not_end_the_interpreter():
    value: list[Any] = []
    for _ in range(10 * sys.getrecursionlimit()):
        value = [value]
    with pytest.raises(NotEncodable, match="nested too deep"):
        shape_of().journal(value, WHAT)


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        (None, 5, "does not read back as NoneType"),
        (int, "a", "Expected `int`, got `str`"),
        (int, True, "Expected `int`, got `bool`"),
        (str, Decimal(1), "is of type Decimal and would read back as str"),
        (dict[str, Any], {"a": Decimal(1)}, "$.a is of type Decimal"),
        (dict, {1: 2}, "$[1] has a key of type int"),
        (list, [{1}], "$[0] is of type set"),
        (set[Any], {Decimal(1)}, "is of type set"),
        (float, 2**53 + 1, "is of type int and would read back as float"),
        (float, math.nan, "is nan"),
        (dict[float, int], {math.nan: 1}, "has a key of type float"),
        (list[float | None], [1.0, math.inf], "$[1] is inf"),
        (Options, {"fast": True, "slow": 1}, "$.slow is not declared and would be lost"),
        (Order, dataclasses.replace(ORDER, meta={"a": [{1}]}), "$.meta.a[0] is of type set"),
        (Order, RushedOrder(**vars(ORDER)), "is of type RushedOrder and would read back as Order"),
        (Parcel, Parcel(math.nan), "$.weight is nan"),
        (Model, SpecialModel(SKU="a"), "is of type SpecialModel and would read back as Model"),
        (list[Model], [Model(SKU="a"), SpecialModel(SKU="a")], "$[1] is of type SpecialModel"),
        (Model, Model.model_construct(sku=5), "$ is a Model that cannot be written"),
        (list[Model], 5, "is not list["),
        (
            Secret,
            Secret(password="p"),
            "$.password is of type SecretStr and would read back as another value",
        ),
        (Shouting, Shouting("a"), "nothing tells how to make a Shouting"),
    ],
)
def test_a_value_that_its_annotation_would_change_is_refused(hint, value, told):
    with pytest.raises(NotEncodable) as caught:
        shape_of(hint).journal(value, WHAT)
    assert told in caught.value.what


def test_what_an_annotation_converts_is_meant_and_live_code_gets_the_converted_value():
    assert shape_of(Decimal).journal("1.5", WHAT)[1] == Decimal("1.5")
    assert shape_of(float).journal(5, WHAT)[1].hex() == (5.0).hex()
    assert shape_of(set[int]).journal([1, 1], WHAT)[1] == {1}


def test_live_code_gets_a_copy_as_replay_will_read_it():
    value = {"a": (1, [2])}
    _, back = shape_of().journal(value, WHAT)
    assert back == {"a": [1, [2]]}
    value["a"][1].append(3)
    assert back == {"a": [1, [2]]}


def test_subclasses_of_text_and_numbers_become_what_they_are():
    data, back = shape_of().journal([Shouting("a"), Mood.GLAD], WHAT)
    assert (data, list(map(type, back))) == (b'["a","glad"]', [str, str])


def test_nul_and_astral_characters_are_kept():
    assert shape_of().decode(shape_of().encode("\x00🛒", WHAT), WHAT) == "\x00🛒"


def test_integers_are_kept_exactly_up_to_the_digits_that_python_reads():
    for value in (2**53 + 1, 2**63, -(2**64), 2**70, 10**4299):
        data, back = shape_of().journal(value, WHAT)
        assert back == value == shape_of(int).decode(data, WHAT)


def test_a_pydantic_field_that_is_excluded_does_not_count():
    assert shape_of(Model).journal(Model(SKU="a", note="gone"), WHAT)[1] == Model(SKU="a")


def test_a_pydantic_model_can_be_given_by_alias_or_by_name():
    for data in (b'{"SKU": "a"}', b'{"sku": "a"}'):
        assert shape_of(Model).decode(data, WHAT) == Model(SKU="a")


def test_a_value_whose_own_code_fails_is_refused_like_any_other():
    class Sour(pydantic.BaseModel):
        n: int

        @pydantic.field_serializer("n")
        def _write(self, _value: int) -> int:
            raise RuntimeError("sour")

    with pytest.raises(NotEncodable, match="sour"):
        shape_of(Sour).journal(Sour(n=1), WHAT)


def test_what_equality_says_or_raises_does_not_matter():
    @dataclasses.dataclass(eq=False)
    class Odd:
        n: int

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no comment")

        __hash__ = None  # type: ignore[assignment]

    assert shape_of(Odd).journal(Odd(1), WHAT)[1].n == 1


@pytest.mark.parametrize(
    ("hint", "data"),
    [
        (int, b'"a"'),
        (Order, b"{}"),
        (list[Model], b'[{"sku": 1}]'),
        (Any, b"{"),
        (Any, b""),
        (str, b'"\xff"'),
    ],
)
def test_bytes_of_another_shape_are_refused_with_what_was_expected(hint, data):
    with pytest.raises(NotDecodable, match=r"The result of step charge is not stored as "):
        shape_of(hint).decode(data, WHAT)


def test_a_new_field_with_a_default_reads_what_was_written_before_it():
    assert shape_of(Parcel).decode(b'{"weight": 1, "colour": "unknown here"}', WHAT) == Parcel(1.0)


@pytest.mark.parametrize("hint", [Order | Parcel, dt.datetime | str, "Order", list["Nowhere"]])  # noqa: F821
def test_an_annotation_that_json_cannot_tell_is_refused_where_it_is_declared(hint):
    with pytest.raises(DefinitionError, match=r"cannot be written and read"):
        shape_of(hint)


def test_a_shape_is_made_once_per_annotation():
    assert shape_of(list[int]) is shape_of(list[int])
    assert shape_of() is shape_of(Any)
    assert isinstance(shape_of(Annotated[int, []]), Shape)


def test_a_digest_has_eight_bytes_and_depends_on_all_of_them():
    assert len(digest(b"")) == 8
    assert digest(b"a") == digest(b"a") != digest(b"b")
