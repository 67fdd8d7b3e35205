"""What a class of aggregates may declare, and how one is tried without a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dalsegno import Aggregate, event
from dalsegno.errors import DefinitionError, InvalidInput, UndeclaredEvent
from dalsegno.events.aggregate import kind_of


@event(key="key")
@dataclass
class Grown:
    key: str
    by: int = 1


@event
@dataclass
class Keyless:
    by: int = 1


class Plant(Aggregate):
    height: int = 0
    rings: list[int] = []  # noqa: RUF012 - each plant gets its own

    def apply(self, e: Grown) -> None:
        self.height += e.by
        self.rings.append(e.by)

    def grow(self, by: int) -> Grown:
        return Grown(self.id, by)


def test_an_aggregate_is_tried_with_events_at_hand() -> None:
    plant = Plant.folded("p-1", [Grown("p-1", 2), Grown("p-1", 3)])
    assert (plant.height, plant.rings, plant.version) == (5, [2, 3], 0)
    assert plant.grow(4) == Grown("p-1", 4)
    assert (plant.height, plant.decided) == (5, []), "a command that is called changes nothing"
    plant.emit(Grown("p-1", 4))
    assert (plant.height, plant.decided) == (9, [Grown("p-1", 4)])
    assert Plant("p-2").rings == [], "what one has seen is not the other's"
    with pytest.raises(InvalidInput, match="of the key 'p-2'"):
        plant.emit(Grown("p-2"))
    with pytest.raises(UndeclaredEvent, match="does not apply Keyless"):
        Plant.folded("p-1", [Keyless()])


def test_what_it_is_folded_from_and_kept_as_is_read_from_the_class() -> None:
    class Taller(Aggregate, name="Plant", snapshot_version=2):
        height: int = 0
        rings: list[int] = []  # noqa: RUF012

        def apply_grown(self, e: Grown) -> None: ...

    kind, taller = kind_of(Plant), kind_of(Taller)
    kind.check()
    taller.check()
    assert (kind.name, kind.types, kind.every) == ("Plant", ("Grown",), 100)
    assert kind.shape.split("/")[1] == taller.shape.split("/")[1] and kind.shape != taller.shape
    plant = Plant.folded("p-1", [Grown("p-1", 2)])
    other = Plant("p-1")
    kind.restore(other, kind.save(plant))
    assert (other.height, other.rings) == (2, [2])


def test_each_has_a_state_of_its_own_whatever_the_defaults_are() -> None:
    @dataclass
    class Leaf:
        green: bool = True

    class Tree(Aggregate):
        leaf: Leaf = Leaf()
        rings: list[int] = [1]  # noqa: RUF012

        def apply(self, e: Grown) -> None:
            self.leaf.green = False
            self.rings.append(e.by)

    Tree.folded("t-1", [Grown("t-1")])
    assert (Tree("t-2").leaf, Tree("t-2").rings) == (Leaf(), [1])


def _without_default(cls: Any) -> None:
    class Wrong(Aggregate):
        height: int

        def apply(self, e: Grown) -> None: ...

    cls.append(Wrong)


def _nothing(cls: Any) -> None:
    class Wrong(Aggregate):
        height: int = 0

    cls.append(Wrong)


def _twice(cls: Any) -> None:
    class Wrong(Aggregate):
        def apply_once(self, e: Grown) -> None: ...
        def apply_twice(self, e: Grown) -> None: ...

    cls.append(Wrong)


def _keyless(cls: Any) -> None:
    class Wrong(Aggregate):
        def apply(self, e: Keyless) -> None: ...

    cls.append(Wrong)


def _bare(cls: Any) -> None:
    class Wrong(Aggregate):
        def apply(self, e) -> None: ...  # type: ignore[no-untyped-def]

    cls.append(Wrong)


def _later(cls: Any) -> None:
    class Wrong(Aggregate):
        async def apply(self, e: Grown) -> None: ...

    cls.append(Wrong)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_without_default, "the attribute height: int without a default"),
        (_nothing, "applies no events"),
        (_twice, "applies Grown twice: in apply_once and in apply_twice"),
        (_keyless, "which has no key"),
        (_bare, "does not say which events it applies"),
        (_later, "does not say which events it applies"),
    ],
)
def test_a_mistake_in_a_class_is_named_with_its_place(make: Any, words: str) -> None:
    made: list[type[Aggregate]] = []
    make(made)
    with pytest.raises(DefinitionError, match=words) as caught:
        kind_of(made[0]).check()
    assert "test_aggregate.py:" in caught.value.what


def test_options_that_cannot_be_are_refused_where_they_stand() -> None:
    with pytest.raises(DefinitionError, match="snapshot_every="):

        class Wrong(Aggregate, snapshot_every=0): ...

    with pytest.raises(DefinitionError, match="is no aggregate"):
        kind_of(Grown)
