"""Every behaviour of the core's areas is in the table, and every test that the table names is there."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.behaviours.table import AREAS, TABLE, Held, Later, Otherwise

HERE = Path(__file__).parent
MOST_OTHERWISE = 10


def test_every_behaviour_of_these_areas_is_in_the_table(shared: Path) -> None:
    told = json.loads((shared / "conformance" / "behaviours.json").read_text("utf-8"))["behaviours"]
    wanted = {case["id"] for case in told if case["area"] in AREAS}
    assert wanted - set(TABLE) == set(), "not in the table"
    assert {case["id"] for case in told} >= set(TABLE), "in the table, and nowhere else"


def test_at_most_ten_are_decided_otherwise_and_each_says_by_whom() -> None:
    otherwise = [place for place in TABLE.values() if isinstance(place, Otherwise)]
    assert len(otherwise) <= MOST_OTHERWISE
    assert all("design.md" in place.why or "Temporal" in place.why for place in otherwise)
    assert all("design.md" in place.what for place in TABLE.values() if isinstance(place, Later))


@pytest.mark.parametrize("case", [case for case, place in TABLE.items() if not isinstance(place, Later)])
def test_the_test_that_holds_a_behaviour_names_it(case: str) -> None:
    place = TABLE[case]
    assert isinstance(place, Held | Otherwise)
    file, _, name = place.test.partition("::")
    tree = ast.parse((HERE / f"{file}.py").read_text("utf-8"))
    found = [node for node in tree.body if getattr(node, "name", None) == name]
    assert found, f"{place.test} is not there"
    assert isinstance(found[0], ast.FunctionDef | ast.AsyncFunctionDef)
    assert case in (ast.get_docstring(found[0]) or ""), f"{name} does not say that it holds {case}"
