from __future__ import annotations

import dataclasses
import enum
import uuid
from decimal import Decimal

import attrs
import msgspec
import pydantic
import pytest

from dalsegno.core.event import Heard
from dalsegno.errors import DefinitionError, InvalidId, InvalidInput, NoConverter, NotDecodable, NotEncodable
from dalsegno.events.registry import Types
from dalsegno.events.types import event, event_type


@event("OrderPlaced", version=2, key="order_id")
@dataclasses.dataclass
class OrderPlaced:
    order_id: str
    amount: Decimal = Decimal(0)


@event
@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    id: int


@event()
class Parcel(msgspec.Struct):
    weight: float


@event(key="sku")
@attrs.define
class Counted:
    sku: str
    left: int = 0


@event(key=lambda it: it.meta["id"])
class Billed(pydantic.BaseModel):
    meta: dict[str, int]
    net: Decimal = pydantic.Field(default=Decimal(1), alias="NET")


@event
@pydantic.dataclasses.dataclass
class Reviewed:
    stars: pydantic.PositiveInt


class Region(enum.Enum):
    NORTH = "north"


ALL = [
    OrderPlaced("7", Decimal("1.50")),
    Slotted(3),
    Parcel(1.5),
    Counted("a", 2),
    Billed(meta={"id": 9}, NET=Decimal("2.50")),
    Reviewed(stars=5),
]


@pytest.mark.parametrize("instance", ALL, ids=lambda it: type(it).__name__)
def test_events_of_every_kind_of_class_read_back_as_they_were(instance):
    kind = event_type(instance)
    assert kind is event_type(type(instance))
    assert kind.cls is type(instance)
    assert kind.decode(kind.encode(instance)) == instance


def test_the_name_is_that_of_the_class_unless_it_is_given():
    assert event_type(OrderPlaced).named == ("OrderPlaced", 2)
    assert event_type(Slotted).named == ("Slotted", 1)

    @event(version=3)
    @dataclasses.dataclass
    class Local:
        pass

    assert event_type(Local).named == ("Local", 3)
    assert event_type(Local).title == "Local (version 3)"
    assert event_type(Local).place.startswith(f"{__file__}:")


def test_the_class_is_what_it_was():
    assert OrderPlaced("1") == OrderPlaced("1", Decimal(0))
    assert [field.name for field in dataclasses.fields(OrderPlaced)] == ["order_id", "amount"]
    assert Billed.model_fields.keys() == {"meta", "net"}


# -- keys


def test_a_key_is_a_field_a_property_or_a_function_of_the_event_as_text():
    assert event_type(OrderPlaced).key_of(OrderPlaced("7")) == "7"
    assert event_type(Billed).key_of(Billed(meta={"id": 9})) == "9"
    assert event_type(Slotted).key_of(Slotted(3)) is None

    @event(key="where")
    @dataclasses.dataclass
    class Moved:
        region: Region | uuid.UUID | None

        @property
        def where(self) -> Region | uuid.UUID | None:
            return self.region

    kind = event_type(Moved)
    assert kind.key_of(Moved(Region.NORTH)) == "north"
    assert kind.key_of(Moved(uuid.UUID(int=1))) == "00000000-0000-0000-0000-000000000001"
    assert kind.key_of(Moved(None)) is None


@pytest.mark.parametrize("key", [1.5, True, b"a", ["a"]])
def test_a_key_that_has_no_one_spelling_is_refused(key):
    with pytest.raises(
        InvalidInput, match=f"The key of event OrderPlaced .* is of type {type(key).__name__}"
    ):
        event_type(OrderPlaced).key_of(OrderPlaced(key))


@pytest.mark.parametrize("key", ["", " ", "a\nb", "x" * 256])
def test_a_key_that_cannot_serve_as_an_id_is_refused(key):
    with pytest.raises(InvalidId, match="key of event OrderPlaced"):
        event_type(OrderPlaced).key_of(OrderPlaced(key))


# -- reading what others wrote


def test_unknown_fields_are_passed_over_and_missing_ones_get_their_default():
    read = event_type(OrderPlaced).decode
    assert read(b'{"order_id": "7", "colour": "red"}') == OrderPlaced("7", Decimal(0))
    assert event_type(Counted).decode(b'{"sku": "a", "x": {}}') == Counted("a", 0)
    assert event_type(Billed).decode(b'{"meta": {}, "x": 1}') == Billed(meta={})
    with pytest.raises(NotDecodable, match=r"Event OrderPlaced .* is not stored as OrderPlaced"):
        read(b"{}")


def test_what_a_run_receives_of_a_version_that_it_cannot_read_tells_both():
    def received(version: int, data: bytes) -> OrderPlaced:
        told = Heard(7, "OrderPlaced", version, msgspec.Raw(data))
        return event_type(OrderPlaced).read(msgspec.json.encode(told), Types())

    assert received(1, b'{"order_id": "7"}') == OrderPlaced("7")
    with pytest.raises(NoConverter, match=r"OrderPlaced is stored in version 1 and wanted in version 2"):
        received(1, b"{}")
    with pytest.raises(NotDecodable) as same:
        received(2, b"{}")
    assert not isinstance(same.value, NoConverter)


def test_what_cannot_be_written_and_what_is_another_class_is_refused():
    class Express(OrderPlaced):
        pass

    with pytest.raises(NotEncodable, match=r"\$\.weight is nan"):
        event_type(Parcel).encode(Parcel(float("nan")))
    with pytest.raises(InvalidInput, match="is not OrderPlaced, the class of event OrderPlaced"):
        event_type(OrderPlaced).encode(Express("1"))


# -- what cannot be an event


def test_a_subclass_does_not_pass_for_its_parent():
    class Express(OrderPlaced):
        pass

    with pytest.raises(DefinitionError, match="Express is no event; OrderPlaced, which it extends, is one"):
        event_type(Express)
    with pytest.raises(DefinitionError, match="Express is no event; OrderPlaced"):
        event_type(Express("1"))

    @event("Express")
    class Declared(OrderPlaced):
        pass

    assert event_type(Declared).name == "Express"
    assert event_type(OrderPlaced).name == "OrderPlaced"


def test_what_nobody_declared_is_no_event():
    with pytest.raises(DefinitionError, match="Region is no event"):
        event_type(Region)
    with pytest.raises(DefinitionError, match="int is no event"):
        event_type(5)


@pytest.mark.parametrize("version", [0, -1, "2", 1.0, True, None])
def test_a_version_is_a_whole_number_from_1_up(version):
    with pytest.raises(DefinitionError, match="a version is a whole number from 1 up"):
        event("A", version=version)(dataclasses.make_dataclass("A", ["x"]))


def test_a_class_without_fields_declared_and_what_is_no_class_are_refused():
    with pytest.raises(DefinitionError, match=r"is above \S*Plain, which declares no fields"):

        @event
        class Plain:
            x: int

    with pytest.raises(DefinitionError, match="which is no class"):
        event(lambda: None)
    with pytest.raises(DefinitionError, match="which is no class"):
        event("A")(len)
    with pytest.raises(DefinitionError, match="is above Region, which declares no fields"):
        event("A")(Region)


def test_a_forgotten_dataclass_on_a_subclass_is_told_since_its_fields_would_be_lost():
    with pytest.raises(DefinitionError, match=r"What it annotates itself \(rush\) would be lost"):

        @event
        class Express(OrderPlaced):
            rush: bool = True


@pytest.mark.parametrize("key", ["id", "", 5, str])
def test_a_key_that_names_no_field_is_refused_with_those_that_there_are(key):
    with pytest.raises(DefinitionError, match=r"(?s)names no field of A.*Its fields are: x, y"):
        event("A", key=key)(dataclasses.make_dataclass("A", ["x", "y"]))


def test_a_name_that_cannot_serve_as_an_id_is_refused():
    with pytest.raises(DefinitionError, match="name of an event"):
        event("a\nb")(dataclasses.make_dataclass("A", ["x"]))


def test_a_field_that_cannot_be_written_is_told_with_the_event_when_its_shape_is_asked_for():
    @event
    @dataclasses.dataclass
    class Late:
        call: NotThere  # noqa: F821

    with pytest.raises(DefinitionError, match=r"Event Late .* cannot be written and read"):
        _ = event_type(Late).shape
