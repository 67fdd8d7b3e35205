"""Writes docs/explanation/proof.md: for each promise the tests that hold it, what they explored, how they ended.

    python -m tools.proof                  after a mark was added or taken away: of the run that proof.json records
    python -m tools.proof --run [--slow]   runs the tests that hold a promise, and records that in proof.json
    python -m tools.proof --of FILE        records a run that is over: pytest --counts=FILE

Which test holds what is read from the marks in the sources: `pytest.mark.promise("P1", "P3")`, on a test or
on a whole file. A test of the project holds that the page is what the marks and the record make of it.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers.counts import add_up, summary

ROOT = Path(__file__).resolve().parent.parent
EXPLANATION = ROOT / "docs" / "explanation"
GUARANTEES, PAGE, RECORD = (EXPLANATION / name for name in ("guarantees.md", "proof.md", "proof.json"))

INTRO = """# Proof

What dalsegno promises is told in [Guarantees](guarantees.md). This page says which tests hold each promise, how much
they explored in one run, and how that ended. `python -m tools.proof --run` does it again and writes this page;
a test that holds several promises is told with each of them. What was *not run* is played by the long run alone,
`python -m tools.proof --run --slow`. The last lines of `tools/test` sum up the same.

- A *seed* is a simulated machine room: up to four workers and a client that crash, freeze, lose replies and are cut
  off, a store in memory or in a file, clocks that differ, and runs of all shapes, with every promise checked after
  every write and at rest.
- A *crash point* is one write of one scenario with one thing that befalls it: a crash before it, after it, or an
  answer that never arrives.
- A *power cut* is what a disk may hold when the power fails behind one of its changes.
- A *tooth* is a safeguard that was taken out on purpose, and missed.
"""


class Ended(NamedTuple):
    """How the cases of one test ended, and what each of them counted."""

    outcomes: dict[str, int]
    counts: list[tuple[str, float, float]]


Marks = dict[str, set[tuple[str, str | None]]]
"""By promise, the tests that hold it: a file, and a test in it, or None for all."""


def marks(root: Path = ROOT) -> Marks:
    """Read the marks of all tests from their sources."""
    found: Marks = {}
    for file in sorted((root / "tests").rglob("test_*.py")):
        for promise, test in _marked(ast.parse(file.read_text("utf-8"))):
            found.setdefault(promise, set()).add((file.relative_to(root).as_posix(), test))
    return found


def _marked(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield each promise of the whole file (None) and of its tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from ((promise, None) for promise in _promises_in(node.value))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (
                (promise, node.name) for part in node.decorator_list for promise in _promises_in(part)
            )


def _promises_in(mark: ast.expr) -> Iterator[str]:
    for node in ast.walk(mark):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


def promises() -> dict[str, str]:
    """Return the promises by name, as the page of guarantees heads them."""
    return dict(re.findall(r"^## (P\d+)\. (.+)$", GUARANTEES.read_text("utf-8"), re.MULTILINE))


# -- the page


def render(found: Marks, record: Mapping[str, Any]) -> str:
    """Write the page of the marks and of the record of a run."""
    tests = {test: Ended(**ended) for test, ended in record["tests"].items()}
    lines = [
        INTRO,
        f"*Last run*: {record['run']}, {_result(tests)}.",
        "",
        f"*Explored*: {_explored(tests)}.",
        "",
    ]
    lines += ["| promise | tests | explored | result |", "|---|---|---|---|"]
    for promise, title in promises().items():
        held = found.get(promise, set())
        cell = f"**{promise}** {title}"
        for file in sorted({file for file, _ in held}):
            mine = {test: ended for test, ended in tests.items() if _holds(test, file, held)}
            lines.append(f"| {cell} | `{file}` | {_explored(mine)} | {_result(mine)} |")
            cell = ""
        if not held:
            lines.append(f"| {cell} | none yet | | |")
    return "\n".join(lines) + "\n"


def _holds(test: str, file: str, held: set[tuple[str, str | None]]) -> bool:
    path, _, name = test.partition("::")
    return path == file and ((path, None) in held or (path, name) in held)


def _explored(tests: Mapping[str, Ended]) -> str:
    return summary(add_up(ended.counts for ended in tests.values()))


def _result(tests: Mapping[str, Ended]) -> str:
    outcomes = sum((Counter(ended.outcomes) for ended in tests.values()), Counter[str]())
    return ", ".join(f"{outcomes[how]:,} {how}" for how in sorted(outcomes)) or "not run"


# -- a run


def recorded(counts: Mapping[str, Any], found: Marks, run: str) -> dict[str, Any]:
    """Sum up what pytest wrote with ``--counts``: the tests that hold a promise, each with all its cases."""
    held = set().union(*found.values())
    cases: dict[str, list[Mapping[str, Any]]] = {}
    for case, told in sorted(counts.items()):
        file, _, name = case.partition("[")[0].partition("::")
        if (file, None) in held or (file, name) in held:
            cases.setdefault(f"{file}::{name}", []).append(told)
    tests = {
        test: {
            "outcomes": Counter(case["outcome"] for case in mine),
            "counts": [
                (what, total.n, total.of) for what, total in add_up(c["counts"] for c in mine).items()
            ],
        }
        for test, mine in cases.items()
    }
    return {"run": run, "tests": tests}


def run_tests(counts: Path, *, slow: bool) -> None:
    """Run the tests that hold a promise; what they counted is written into a file."""
    mark = "promise" if slow else "promise and not slow"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", mark, f"--counts={counts}"]
    subprocess.run(command, cwd=ROOT, check=False)  # what failed is told by the page


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="store_true", help="run the tests that hold a promise, and record it")
    parser.add_argument("--slow", action="store_true", help="with --run: the long tests too")
    parser.add_argument("--of", type=Path, metavar="FILE", help="record what pytest wrote with --counts")
    asked = parser.parse_args()
    found = marks()
    if asked.run or asked.of:
        run = f"{dt.datetime.now(dt.UTC).date()}, Python {platform.python_version()} on {platform.system()}"
        with tempfile.TemporaryDirectory() as folder:
            counts = asked.of or Path(folder) / "counts.json"
            if asked.run:
                run_tests(counts, slow=asked.slow)
            record = recorded(json.loads(counts.read_text("utf-8")), found, run)
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")
    page = render(found, json.loads(RECORD.read_text("utf-8")))
    PAGE.write_text(page, "utf-8")
    told = re.findall(r"^\*.+\.$", page, re.MULTILINE)
    print(*told, sep="\n")
    return int(" failed" in told[0])


if __name__ == "__main__":
    sys.exit(main())
