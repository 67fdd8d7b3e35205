"""The pytest plugin: ``--crash-plan`` plays one plan of an exploration, and a summary counts what was explored.

A module of its own beside the package, so that a pytest run that explores nothing imports nothing of
dalsegno.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

heard: list[str] = []
"""Summaries of explorations that the test under way has made; ``dalsegno.testing`` puts them here."""

where: list[Path] = []
"""The folder to which ids of tests are relative, and the one in which pytest was started."""

_VARIABLE = "DALSEGNO_CRASH_PLAN"
_PROPERTY = "dalsegno"
_SHOWN = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--crash-plan``."""
    group = parser.getgroup("dalsegno", "dalsegno: crash my workflow")
    group.addoption(
        "--crash-plan",
        metavar="PLAN",
        help="let explore() play this plan only, as a report printed it: 7a,9b, or clean, o3, h2",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a malformed plan, and hand a good one to ``explore``."""
    where[:] = [config.rootpath, config.invocation_params.dir]
    plan = config.getoption("--crash-plan")
    if plan is None:
        return
    from dalsegno.testing.plans import MalformedPlan, parse_option

    try:
        parse_option(plan)
    except MalformedPlan as error:
        raise pytest.UsageError(f"--crash-plan: {error}") from None
    os.environ[_VARIABLE] = plan


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    if config.getoption("--crash-plan", None) is not None:
        os.environ.pop(_VARIABLE, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Put what a test explored into its report, from where a worker of xdist sends it on."""
    report = yield
    report.user_properties += [(_PROPERTY, line) for line in heard]
    heard.clear()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was explored."""
    reports = [report for listed in terminalreporter.stats.values() for report in listed]
    lines = [
        f"{line}  ({getattr(report, 'nodeid', '')})"
        for report in reports
        for name, line in getattr(report, "user_properties", ())
        if name == _PROPERTY and getattr(report, "when", "") == "call"
    ]
    if lines:
        terminalreporter.section("dalsegno explored")
        for line in lines[:_SHOWN]:
            terminalreporter.write_line(line)
        if len(lines) > _SHOWN:
            terminalreporter.write_line(f"and {len(lines) - _SHOWN} more explorations")
