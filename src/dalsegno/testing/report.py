"""What an exploration found, as people read it: counts of what was played, and each finding with its plan."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dalsegno.testing.plans import CrashPlan

_SHOWN = 5
CRASH_PLAN = "DALSEGNO_CRASH_PLAN"
"""The environment's name for a plan to replay; ``pytest --crash-plan`` sets it."""

_CURRENT = "PYTEST_CURRENT_TEST"
_COUNTED = "DALSEGNO_EXPLORED"


class EffectHappenedTwice(UserWarning):
    """A step did something twice that the workflow asked for once, and gave no idempotency key."""


class ExplorationFailed(AssertionError):
    """Some play went wrong; the message is the report."""


class Finding(NamedTuple):
    """Something that is wrong: in which play, of what kind, told in a line, and how the play came there."""

    plan: CrashPlan
    kind: str
    what: str
    story: tuple[str, ...] = ()
    error: BaseException | None = None


@dataclass
class Pass:
    """One kind of play: how many were played, and what else there is to say."""

    name: str
    plays: int = 0
    note: str = ""


@dataclass
class Exploration:
    """What was explored and what was found. Print it, or let ``assert_ok`` judge.

    ``failures`` and ``warnings`` have the shortest plan first. ``nth`` tells the explorations of one
    test apart.
    """

    name: str
    nth: int = 1
    points: int = 0
    passes: list[Pass] = field(default_factory=list)
    failures: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def plays(self) -> int:
        """How many plays there were, in all passes."""
        return sum(each.plays for each in self.passes)

    @property
    def ok(self) -> bool:
        """Whether no play failed; there may be warnings."""
        return not self.failures

    def assert_ok(self) -> None:
        """Raise ``ExplorationFailed`` with the report if a play failed; warn of effects that happened twice."""
        __tracebackhide__ = True  # pytest shows the line that asked
        if self.failures:
            raise ExplorationFailed(str(self)) from self.failures[0].error
        for finding in self.warnings:
            warnings.warn(
                f"{finding.what}\n  {self.command(finding.plan)}", EffectHappenedTwice, stacklevel=2
            )

    def command(self, plan: CrashPlan) -> str:
        """Return the line that plays a plan again."""
        word = str(plan) if self.nth == 1 else f"{self.nth}:{plan}"
        test = os.environ.get(_CURRENT, "").rpartition(" (")[0]
        if test:
            line = f"pytest {shlex.quote(_from_here(test))}"
            with_plugin = "pytest_dalsegno" in sys.modules
            return f"{line} --crash-plan={word}" if with_plugin else f"{CRASH_PLAN}={word} {line}"
        return f"{CRASH_PLAN}={word} python {shlex.join(sys.orig_argv[1:]) or '…'}"

    def summary(self) -> str:
        """Say in a line what was played and found."""
        found = [_count(len(self.failures), "failure"), _count(len(self.warnings), "warning")]
        return f"{self.name}: {_count(self.plays, 'play')} over {_count(self.points, 'point')}, {', '.join(found)}"

    def __str__(self) -> str:
        lines = [f"{self.summary()} ({self.seconds:.1f} s)"]
        wide = max((len(each.name) for each in self.passes), default=0)
        lines += [f"  {p.name:{wide}}  {p.plays:6,}  {p.note}".rstrip() for p in self.passes]
        for finding, others in _grouped(self.failures)[:_SHOWN]:
            lines += ["", f"FAILED {finding.plan}  {finding.kind}: {finding.what}"]
            lines += [f"    {line}" for line in finding.story]
            lines += [f"    the same: {', '.join(others)}"] if others else []
            lines.append(f"    {self.command(finding.plan)}")
        for finding in self.warnings[:_SHOWN]:
            lines += ["", f"TWICE {finding.plan}  {finding.what}", f"    {self.command(finding.plan)}"]
        left = len(_grouped(self.failures)[_SHOWN:]) + len(self.warnings[_SHOWN:])
        return "\n".join([*lines, *([f"and {left} more"] if left else [])])


def _grouped(findings: list[Finding]) -> list[tuple[Finding, list[str]]]:
    """Put those that say the same together: the first one, and the plans of some others."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.what), []).append(finding)
    return [(first, [str(each.plan) for each in others[:_SHOWN]]) for first, *others in groups.values()]


def nth_of_test() -> int:
    """Count the explorations of the test that runs now; 1 outside of one."""
    test = os.environ.get(_CURRENT, "")
    if not test:
        return 1
    before, _, number = os.environ.get(_COUNTED, "").rpartition("|")
    nth = int(number) + 1 if before == test else 1
    os.environ[_COUNTED] = f"{test}|{nth}"
    return nth


def announce(exploration: Exploration) -> None:
    """Let the pytest plugin hear of an exploration, where there is one."""
    plugin = sys.modules.get("pytest_dalsegno")
    if plugin is not None:
        plugin.heard.append(exploration.summary())


def _from_here(test: str) -> str:
    """Name a test as it is named in the folder in which pytest was started."""
    where: list[Path] = getattr(sys.modules.get("pytest_dalsegno"), "where", [])
    file, _, name = test.partition("::")
    if len(where) == 2 and (where[0] / file).exists():
        file = os.path.relpath(where[0] / file, where[1])
    return f"{file}::{name}" if name else file


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
