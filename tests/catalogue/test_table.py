"""Every item of the catalogue is in the table, and every test that the table names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.catalogue.table import ITEMS, TABLE, Held, Later

TESTS = Path(__file__).parents[1]


def test_every_item_of_these_chapters_is_in_the_table() -> None:
    assert list(TABLE) == list(ITEMS)


def test_the_items_are_those_of_the_catalogue(shared: Path) -> None:
    text = (shared / "research" / "reliability.md").read_text("utf-8")
    told = {int(number) for number in re.findall(r"^\|(\d+)\|", text, re.MULTILINE)}
    assert told >= set(ITEMS)


@pytest.mark.parametrize("item", [item for item, place in TABLE.items() if isinstance(place, Held)])
def test_the_tests_that_hold_an_item_are_there(item: int) -> None:
    place = TABLE[item]
    assert isinstance(place, Held) and place.tests
    for test in place.tests:
        path, _, name = test.partition("::")
        assert name in _functions(path), f"{test} is not there"


@cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_what_comes_later_says_with_what() -> None:
    later = [place for place in TABLE.values() if isinstance(place, Later)]
    assert len(later) <= 3 and all("blueprint" in place.what for place in later)
