"""Counts what tests explored, and sums it up once at the end of a run, whichever process ran which test.

A test asks for the fixture ``count`` and says ``count("power cuts", 12)``. What it counted travels in its
report, so it works under xdist as it does without. ``--counts=FILE`` also writes everything down, test by
test, as JSON; ``python -m tools.proof`` makes a page of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "counted"

# The order in which a summary tells them; what is not named here follows, by its name.
ORDER = (
    "seeds",
    "simulated hours",
    "commits checked",
    "crash points",
    "crash pairs",
    "frozen processes",
    "replays compared",
    "power cuts",
    "I/O errors",
    "kills",
    "zombies",
    "teeth",
)


class Total:
    """A sum of something counted; ``of`` is out of how many, where that is known."""

    def __init__(self) -> None:
        self.n: float = 0
        self.of: float = 0

    def add(self, n: float, of: float) -> None:
        self.n += n
        self.of += of

    def told(self, what: str) -> str:
        of = f" of {_number(self.of)}" if self.of else ""
        return f"{_number(self.n)}{of} {what}"


class Count:
    """What the fixture ``count`` gives a test."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(self, what: str, n: float = 1, *, of: float = 0) -> None:
        """Count ``n`` more of something, named in the plural; say ``of`` how many where not all may be found."""
        self._item.user_properties.append((PROPERTY, [what, n, of]))


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """Count what a test explores: ``count("power cuts", 12)``, ``count("teeth", 1, of=1)``."""
    return Count(request.node)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--counts", metavar="FILE", help="write what was counted, and how each test ended, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of a run in several processes, the one that hears of everything
        config.pluginmanager.register(Counts(config.getoption("--counts")), "dalsegno-counts")


class Counts:
    """Collects what the reports of all tests say."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._tests.setdefault(report.nodeid, {"outcome": "passed", "counts": []})
        if report.outcome != "passed" and test["outcome"] == "passed":
            test["outcome"] = report.outcome
        if report.when == "teardown":  # by then the test has said all
            test["counts"] = [value for name, value in report.user_properties if name == PROPERTY]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        told = summary(add_up(test["counts"] for test in self._tests.values()))
        if told:
            terminalreporter.section("explored")
            terminalreporter.write_line(told)

    def pytest_sessionfinish(self) -> None:
        if self._path is not None:
            Path(self._path).write_text(json.dumps(self._tests, indent=1, sort_keys=True), "utf-8")


def add_up(tests: Iterable[Iterable[tuple[str, float, float]]]) -> dict[str, Total]:
    """Sum up what tests counted, by what they counted."""
    totals: dict[str, Total] = {}
    for counts in tests:
        for what, n, of in counts:
            totals.setdefault(what, Total()).add(n, of)
    return totals


def summary(totals: Mapping[str, Total]) -> str:
    """Tell totals in one line: ``2,000 seeds, 3,412 crash points, 15 of 15 teeth``."""
    known = [what for what in ORDER if what in totals]
    others = sorted(totals.keys() - set(ORDER))
    return ", ".join(totals[what].told(what) for what in (*known, *others))


def _number(n: float) -> str:
    return f"{n:,.1f}" if isinstance(n, float) and n != int(n) else f"{int(n):,}"
