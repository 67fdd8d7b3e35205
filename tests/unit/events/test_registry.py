from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import pytest

from dalsegno.errors import DefinitionError, NoConverter, NotDecodable
from dalsegno.events.converters import Converter, downcast, upcast
from dalsegno.events.registry import Types
from dalsegno.events.types import event, event_type


@event("Paid", version=1)
@dataclass
class Paid1:
    cents: int


@event("Paid", version=2)
@dataclass
class Paid2:
    cents: int
    currency: str = "EUR"


@event("Paid", version=3)
@dataclass
class Paid3:
    amount: str


@event("Paid", version=4)
@dataclass
class Paid4:
    amount: str
    via: str


@upcast
def second(old: Paid1) -> Paid2:
    return Paid2(old.cents, "USD")


@upcast
def third(old: Paid2) -> Paid3:
    return Paid3(f"{old.cents} {old.currency}")


@upcast
def straight(old: Paid1) -> Paid3:
    return Paid3(f"straight {old.cents}")


@downcast
def back(old: Paid3) -> Paid2:
    return Paid2(int(old.amount.split()[0]), old.amount.split()[1])


@event("Other")
@dataclass
class Other:
    cents: int


def types_of(*things: object) -> Types:
    types = Types()
    types.add(things)
    types.check()
    return types


def test_an_event_of_the_wanted_version_or_of_none_is_read_as_it_is():
    types = types_of(Paid2)
    wanted = event_type(Paid2)
    assert types.convert("Paid", b'{"cents": 5, "x": 1}', 2, wanted) == Paid2(5)
    assert types.convert("Paid", b'{"cents": 5}', None, wanted) == Paid2(5)
    assert types.convert("com.example.paid", b'{"cents": 5}', None, wanted) == Paid2(5)


def test_an_older_event_comes_up_through_one_converter_after_the_other():
    types = types_of(second, third)
    assert types.convert("Paid", b'{"cents": 5}', 1, event_type(Paid3)) == Paid3("5 USD")
    assert types.versions("Paid") == (1, 2, 3)
    assert types.latest("Paid") is event_type(Paid3)
    assert types.of("Paid", 2) is event_type(Paid2)
    assert (types.of("Paid", 9), types.latest("Sold"), types.versions("Sold")) == (None, None, ())


def test_converters_that_came_late_are_read_when_they_are_needed():
    types = Types()
    types.add([second])
    assert types.convert("Paid", b'{"cents": 5}', 1, event_type(Paid2)) == Paid2(5, "USD")
    types.add([third])
    assert types.convert("Paid", b'{"cents": 5}', 1, event_type(Paid3)) == Paid3("5 USD")


def test_the_way_with_the_fewest_converters_is_taken_whatever_their_order():
    for things in ((second, third, straight), (straight, third, second)):
        found = types_of(*things).convert("Paid", b'{"cents": 5}', 1, event_type(Paid3))
        assert found == Paid3("straight 5")


def test_a_newer_event_comes_down_for_a_handler_that_still_reads_the_old():
    types = types_of(back)
    assert types.convert("Paid", b'{"amount": "5 CHF"}', 3, event_type(Paid2)) == Paid2(5, "CHF")
    assert types.leads(event_type(Paid3), event_type(Paid2))
    assert not types.leads(event_type(Paid2), event_type(Paid3))


def test_ways_may_go_down_and_up_again_and_in_circles():
    types = types_of(second, third, back)
    assert types.convert("Paid", b'{"cents": 5}', 1, event_type(Paid2)) == Paid2(5, "USD")
    with pytest.raises(NoConverter):
        types.convert("Paid", b'{"cents": 5}', 2, event_type(Paid1))


def test_where_no_way_leads_the_error_names_the_versions_and_the_function_that_is_missing():
    types = types_of(second, Paid3, Paid4)
    with pytest.raises(NoConverter) as caught:
        types.convert("Paid", b'{"cents": 5}', 1, event_type(Paid4))
    error = caught.value
    assert (error.type, error.stored, error.wanted, error.versions) == ("Paid", 1, 4, (1, 2, 3, 4))
    assert "Known versions: 1, 2, 3, 4. No converter leads from one to the other." in error.meaning
    assert "@upcast above def convert(old: version 1) -> Paid4" in error.mend
    assert isinstance(error, NotDecodable)
    with pytest.raises(NoConverter, match="No class here has version 7") as caught:
        types.convert("Paid", b"{}", 7, event_type(Paid4))
    assert "@downcast" in caught.value.mend


def test_what_is_not_what_its_version_declares_cannot_be_read():
    with pytest.raises(NotDecodable, match=r"Event Paid .version 1. is not stored as Paid1"):
        types_of(second).convert("Paid", b'{"amount": 1}', 1, event_type(Paid2))


def test_a_converter_that_returns_something_else_is_told_with_its_place():
    @upcast
    def lazy(old: Paid1) -> Paid2:
        return old  # type: ignore[return-value]

    with pytest.raises(DefinitionError, match=r"lazy .*returned a Paid1, and declares -> Paid2"):
        types_of(lazy).convert("Paid", b'{"cents": 5}', 1, event_type(Paid2))


def test_a_converters_own_error_is_its_own():
    @upcast
    def strict(old: Paid1) -> Paid2:
        raise KeyError("rate")

    with pytest.raises(KeyError, match="rate"):
        types_of(strict).convert("Paid", b'{"cents": 5}', 1, event_type(Paid2))


def test_a_converter_called_is_the_plain_function():
    assert second(Paid1(5)) == Paid2(5, "USD")
    assert isinstance(second, Converter) and second.__name__ == "second"
    assert second.ends == (event_type(Paid1), event_type(Paid2))


@pytest.mark.parametrize(
    ("decorator", "old", "new", "told"),
    [
        (upcast, "Paid1", "Other", "makes Other of Paid"),
        (upcast, "Paid2", "Paid1", "leads from version 2 of Paid to version 1"),
        (upcast, "Paid1", "Paid1", "leads from version 1 of Paid to version 1"),
        (downcast, "Paid1", "Paid2", "leads from version 1 of Paid to version 2"),
        (upcast, "int", "Paid1", "int is no event"),
        (upcast, "Paid1", "Paid2 | None", "names Paid2 | None, which is no class of events"),
    ],
)
def test_a_converter_that_leads_nowhere_is_refused_where_it_is_declared(decorator, old, new, told):
    def convert(old):
        return old

    convert.__annotations__ = {"old": old, "return": new}
    with pytest.raises(DefinitionError, match=re.escape(told)):
        decorator(convert)


def test_a_converter_without_annotations_or_of_two_parameters_is_refused():
    def half(old: Paid1):  # type: ignore[no-untyped-def]
        return old

    for function in (lambda old: old, half):
        with pytest.raises(DefinitionError, match="says not what it makes of what"):
            upcast(function)
    with pytest.raises(DefinitionError, match="no function of one parameter"):
        upcast(lambda a, b: a)


@upcast
def early(old: Paid1) -> Paid5:
    return Paid5(old.cents)


@event("Paid", version=5)
@dataclass
class Paid5:
    cents: int


def test_a_converter_may_name_classes_that_come_further_down():
    assert types_of(early).convert("Paid", b'{"cents": 5}', 1, event_type(Paid5)) == Paid5(5)


def test_a_converter_that_names_what_never_comes_is_told_when_the_app_starts():
    @upcast
    def lost(old: Paid1) -> Never:  # noqa: F821
        return old

    types = Types()
    types.add([lost])
    with pytest.raises(DefinitionError, match=r"(?s)annotations of @upcast .*lost.*'Never' is not defined"):
        types.check()


def test_two_classes_of_one_name_and_version_are_refused_with_both_places():
    @event("Paid", version=1)
    @dataclass
    class Impostor:
        cents: int

    with pytest.raises(DefinitionError, match=r"(?s)two classes of event Paid .version 1.*Paid1 .*Impostor"):
        types_of(Paid1, Impostor)
    assert len(types_of(Paid1, Paid1, event_type(Paid1)).all) == 1


def test_a_modules_events_and_converters_are_found_among_its_globals():
    types = types_of(sys.modules[__name__])
    assert types.versions("Paid") == (1, 2, 3, 4, 5)
    assert types.versions("Other") == (1,)
    assert types.leads(event_type(Paid1), event_type(Paid3))
    with pytest.raises(DefinitionError, match="5 is no class of events"):
        types_of(5)


def test_what_one_app_knows_another_does_not():
    assert types_of(Paid1).versions("Paid") == (1,)
    assert types_of().versions("Paid") == ()
