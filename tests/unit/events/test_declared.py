from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Optional, Union

import pytest

from dalsegno.errors import DefinitionError, UndeclaredEvent
from dalsegno.events.declared import AllOf, Many, Maybe, Nothing, OneOf, following, read_declared
from dalsegno.events.types import event, event_type


@event
@dataclass
class A:
    x: int = 0


@event
@dataclass
class B:
    x: int = 0


@event
@dataclass
class C:
    x: int = 0


TA, TB, TC = event_type(A), event_type(B), event_type(C)
Either = A | B


@pytest.mark.parametrize(
    ("hint", "declared", "written"),
    [
        (None, Nothing(), "None"),
        (type(None), Nothing(), "None"),
        (A, OneOf((TA,)), "A"),
        (A | B, OneOf((TA, TB)), "A | B"),
        (Union[A, B], OneOf((TA, TB)), "A | B"),  # noqa: UP007
        (Either | C, OneOf((TA, TB, TC)), "A | B | C"),
        (Annotated[A, "note"] | B, OneOf((TA, TB)), "A | B"),
        (A | None, Maybe(OneOf((TA,))), "A | None"),
        (Optional[A | B], Maybe(OneOf((TA, TB))), "A | B | None"),  # noqa: UP045
        (tuple[A, B], AllOf((OneOf((TA,)), OneOf((TB,)))), "tuple[A, B]"),
        (tuple[A | B, C | None], AllOf((OneOf((TA, TB)), Maybe(OneOf((TC,))))), "tuple[A | B, C | None]"),
        (tuple[A, list[B]], AllOf((OneOf((TA,)), Many(OneOf((TB,))))), "tuple[A, list[B]]"),
        (tuple[A, B] | None, Maybe(AllOf((OneOf((TA,)), OneOf((TB,))))), "tuple[A, B] | None"),
        (list[A], Many(OneOf((TA,))), "list[A]"),
        (list[A | B], Many(OneOf((TA, TB))), "list[A | B]"),
        (list[A] | None, Maybe(Many(OneOf((TA,)))), "list[A] | None"),
        (tuple[A, ...], Many(OneOf((TA,))), "list[A]"),
    ],
)
def test_a_return_annotation_declares_what_follows(hint, declared, written):
    found = read_declared(hint, "handler h")
    assert found == declared
    assert str(found) == written
    assert set(found.types) <= {TA, TB, TC}


@pytest.mark.parametrize(
    "hint",
    [int, Any, str | A, list, dict[str, A], list[A | None], list[list[A]], tuple[A], tuple[A, None], tuple[()],
     tuple[A, B] | C, list[A] | B, tuple[A, tuple[B, C]], tuple[A, list[B] | None], set[A]],
    ids=str,
)  # fmt: skip
def test_an_annotation_that_declares_no_events_is_refused_with_the_forms_that_there_are(hint):
    with pytest.raises(DefinitionError) as caught:
        read_declared(hint, "handler h")
    assert "handler h" in caught.value.what


def test_what_was_returned_is_listed_in_order_with_its_types():
    a, b, c = A(1), B(2), C(3)
    for hint, value, listed in (
        (None, None, []),
        (A | B, b, [b]),
        (A | None, None, []),
        (A | None, a, [a]),
        (tuple[A, B], (a, b), [a, b]),
        (tuple[A, B | None], (a, None), [a]),
        (tuple[A, list[B | C]], (a, [b, c, b]), [a, b, c, b]),
        (tuple[A, B] | None, None, []),
        (list[A], [], []),
        (list[A], [a, a], [a, a]),
        (tuple[A, ...], (a, a), [a, a]),
        (list[A] | None, None, []),
    ):
        found = following(read_declared(hint, "h"), value, "handler h")
        assert [each for _, each in found] == listed
        assert [kind for kind, _ in found] == [event_type(each) for each in listed]


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        (None, A(), "returned an instance of A, and declares -> None"),
        (A, None, "returned None, and declares -> A"),
        (A | B, C(), "returned an instance of C, and declares -> A | B"),
        (A, [A()], "returned an instance of list, and declares -> A"),
        (tuple[A, B], (A(),), "returned an instance of tuple, and declares -> tuple[A, B]"),
        (tuple[A, B], (B(), A()), "returned an instance of B, and declares -> tuple[A, B]"),
        (tuple[A, B], [A(), B()], "returned an instance of list, and declares -> tuple[A, B]"),
        (list[A], A(), "returned an instance of A, and declares -> list[A]"),
        (list[A], [A(), 5], "returned 5, and declares -> list[A]"),
        (list[A], None, "returned None, and declares -> list[A]"),
    ],
)
def test_what_was_not_declared_is_refused(hint, value, told):
    with pytest.raises(UndeclaredEvent) as caught:
        following(read_declared(hint, "h"), value, "handler h")
    assert caught.value.what == f"Handler h {told}."


def test_an_instance_of_a_subclass_is_not_what_was_declared():
    class Sub(A):
        pass

    with pytest.raises(UndeclaredEvent, match="Sub"):
        following(read_declared(A, "h"), Sub(), "handler h")
