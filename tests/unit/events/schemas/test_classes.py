"""Event classes as people change them: what their generated schemas say of each other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import attrs
import msgspec
import pydantic
import pytest

from dalsegno.events.schemas import Mode, Versions, registered


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    order_id: str
    amount: Decimal
    lines: list[Line] = field(default_factory=list)
    note: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class WithOptional(Order):
    coupon: str | None = None


@dataclass
class WithRequired:
    order_id: str
    amount: Decimal
    customer: str
    note: str | None = None


@dataclass
class WithoutAmount:
    order_id: str
    lines: list[Line] = field(default_factory=list)


@dataclass
class WithFloat:
    order_id: str
    amount: float


@dataclass
class NoteRequired:
    order_id: str
    amount: Decimal
    note: str


@dataclass
class LineWithPrice:
    sku: str
    price: Decimal
    count: int = 1


@dataclass
class WithPricedLines:
    order_id: str
    amount: Decimal
    lines: list[LineWithPrice] = field(default_factory=list)


@dataclass
class AnyMeta(Order):
    note: Any = None


class Card(msgspec.Struct, tag="card"):
    number: str


class Cash(msgspec.Struct, tag="cash"):
    pass


class Voucher(msgspec.Struct, tag="voucher"):
    code: str


class PaidTwoWays(msgspec.Struct):
    by: Card | Cash


class PaidThreeWays(msgspec.Struct):
    by: Card | Cash | Voucher


class Colour(Enum):
    RED = "red"


class MoreColours(Enum):
    RED = "red"
    BLUE = "blue"


@attrs.define
class Painted:
    colour: Colour
    at: dt.date


@attrs.define
class PaintedMore:
    colour: MoreColours
    at: dt.date


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


@dataclass
class NamedTree:
    name: str | None = None
    children: list[NamedTree] = field(default_factory=list)


class Model(pydantic.BaseModel):
    kind: Literal["a", "b"]
    value: int | None = None


class WiderModel(pydantic.BaseModel):
    kind: Literal["a", "b", "c"]
    value: float | None = None
    more: list[int] = []


class StrictModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    kind: Literal["a", "b"]


def _schema(cls: Any) -> Any:
    is_model = isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)
    return cls.model_json_schema() if is_model else msgspec.json.schema(cls)


# the old class, the new one, and whether the new one reads the old events, and the old one the new events
EVOLUTIONS: dict[str, tuple[Any, Any, bool, bool]] = {
    "a field with a default is added": (Order, WithOptional, True, True),
    "a field with a default is dropped": (WithOptional, Order, True, True),
    "a field without a default is added": (Order, WithRequired, False, True),
    "a field without a default is dropped": (Order, WithoutAmount, True, False),
    "a decimal becomes a float": (Order, WithFloat, False, False),
    "an optional field becomes required": (Order, NoteRequired, False, True),
    "a field is added to what is in a list": (Order, WithPricedLines, False, True),
    "a field may be anything": (Order, AnyMeta, True, False),
    "a union gets a member": (PaidTwoWays, PaidThreeWays, True, False),
    "an enum gets a member": (Painted, PaintedMore, True, False),
    "a recursive class loosens a field": (Tree, NamedTree, True, False),
    "a model loosens its fields and gets one": (Model, WiderModel, True, False),
    "a model forbids other fields": (Model, StrictModel, False, True),
}


@pytest.mark.parametrize("evolution", EVOLUTIONS)
def test_a_class_evolves_as_its_author_would_expect(evolution: str) -> None:
    old, new, backward, forward = EVOLUTIONS[evolution]
    versions = Versions("Thing", [registered("Thing", 1, _schema(old), sealed=True)])
    candidate = registered("Thing", 2, _schema(new), sealed=True)
    found = {mode: versions.check(candidate, mode) for mode in (Mode.BACKWARD, Mode.FORWARD)}
    assert (found[Mode.BACKWARD].admitted, found[Mode.FORWARD].admitted) == (backward, forward), found


CLASSES = list(dict.fromkeys(cls for old, new, *_ in EVOLUTIONS.values() for cls in (old, new)))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_fits_itself_also_by_the_letter(cls: Any) -> None:
    for sealed in (True, False):
        versions = Versions("Thing", [registered("Thing", 1, _schema(cls), sealed=sealed)])
        again = registered("Thing", 2, {**_schema(cls), "minProperties": 0}, sealed=sealed)
        assert versions.check(again, Mode.FULL).admitted
