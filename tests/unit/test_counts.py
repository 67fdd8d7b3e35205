"""What tests count is summed up once, whoever ran them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.counts import add_up, summary

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.parametrize("n", range(4))
def test_cuts(n, count):
    count("power cuts", 500)
    count("teeth", of=1)

def test_fails(count):
    count("teeth", 0, of=1)
    count("simulated hours", 1.25)
    count("early timers", 0)
    assert False
"""


def test_totals_are_told_in_a_fixed_order_and_unknown_ones_last() -> None:
    counted = [[("zebras", 1, 0), ("teeth", 3, 4)], [("seeds", 2000, 0)], [("simulated hours", 4.25, 0)]]
    assert summary(add_up(counted)) == "2,000 seeds, 4.2 simulated hours, 3 of 4 teeth, 1 zebras"


def test_nothing_counted_is_nothing_told() -> None:
    assert summary(add_up([[]])) == ""


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["in one process", "in two"])
def test_a_run_tells_what_its_tests_counted(pytester: pytest.Pytester, processes: tuple[str, ...]) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    pytester.makeconftest("from tests.helpers.counts import count, pytest_addoption, pytest_configure")
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\npythonpath = [{str(root)!r}]\n")
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess("-q", "--counts=counts.json", "-p", "no:cacheprovider", *processes)

    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["1.2 simulated hours, 2,000 power cuts, 4 of 5 teeth, 0 early timers"])
    written = json.loads((pytester.path / "counts.json").read_text())
    assert {name.split("::")[1]: test["outcome"] for name, test in written.items()} == {
        **{f"test_cuts[{n}]": "passed" for n in range(4)},
        "test_fails": "failed",
    }
