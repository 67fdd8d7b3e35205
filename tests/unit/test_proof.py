"""The page of proof names the tests that the marks name, and says of each what a run said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools import proof

A_TEST = """
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.promise("P1", "P3")]

@pytest.mark.promise("P5")
def test_it(count): ...
"""
COUNTED: dict[str, dict[str, Any]] = {
    "tests/a.py::test_x[1]": {"outcome": "passed", "counts": [["seeds", 40, 0]]},
    "tests/a.py::test_x[2]": {"outcome": "failed", "counts": [["seeds", 2, 0]]},
    "tests/a.py::test_y": {"outcome": "passed", "counts": [["seeds", 1_000, 0]]},
    "tests/c.py::test_z": {"outcome": "passed", "counts": [["seeds", 1_000, 0]]},
}
MARKS: proof.Marks = {"P1": {("tests/a.py", "test_x")}, "P3": {("tests/a.py", None), ("tests/b.py", None)}}


def test_the_page_is_what_the_marks_and_the_record_make_of_it() -> None:
    fresh = proof.render(proof.marks(), json.loads(proof.RECORD.read_text("utf-8")))
    assert proof.PAGE.read_text("utf-8") == fresh, "run `python -m tools.proof`"


def test_every_promise_that_is_given_is_held_and_no_other_one() -> None:
    assert set(proof.promises()) == set(proof.marks())


def test_marks_are_read_from_files_and_functions(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(A_TEST)
    path = "tests/test_a.py"
    assert proof.marks(tmp_path) == {"P1": {(path, None)}, "P3": {(path, None)}, "P5": {(path, "test_it")}}


def test_a_row_sums_up_its_own_tests_and_says_what_did_not_pass() -> None:
    page = proof.render(MARKS, proof.recorded(COUNTED, MARKS, "today")).splitlines()
    assert [line.split("| ", 2)[2] for line in page if "`tests/" in line] == [
        "`tests/a.py` | 42 seeds | 1 failed, 1 passed |",
        "`tests/a.py` | 1,042 seeds | 1 failed, 2 passed |",
        "`tests/b.py` |  | not run |",
    ]


def test_the_page_begins_with_all_that_holds_a_promise_each_told_once() -> None:
    page = proof.render(MARKS, proof.recorded(COUNTED, MARKS, "today")).splitlines()
    assert "*Last run*: today, 1 failed, 2 passed." in page
    assert "*Explored*: 1,042 seeds." in page


def test_a_promise_that_nobody_holds_says_so() -> None:
    assert "| **P7** Timers are not early | none yet | | |" in proof.render({}, {"run": "", "tests": {}})
