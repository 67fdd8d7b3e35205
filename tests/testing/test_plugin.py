"""The pytest plugin: a plan is played again by one line, a malformed one is refused, what was explored is summed up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command import SRC

TESTS = '''
"""Two tests, of which one finds something."""

from dalsegno import saga, step, step_info
from dalsegno.testing import Service, explore

bank = Service("bank")


@step
def refund(amount):
    bank.refund(amount, step_info().idempotency_key)


@step(compensate=refund)
def charge(amount):
    bank.charge(amount)


@step(compensate=refund)
def charge_well(amount):
    bank.charge(amount, step_info().idempotency_key)


@saga
def pay(amount):
    charge(amount)


@saga
def pay_well(amount):
    charge_well(amount)


def once(play):
    assert len(play.effects("bank.charge")) <= 1, "charged twice"


def test_pay():
    explore(pay_well, 1, pairs=5).assert_ok()
    explore(pay, 1, check=once, pairs=5).assert_ok()


def test_pay_well():
    explore(pay_well, 1, check=once, pairs=5).assert_ok()


def test_nothing():
    pass
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_pay.py").write_text(TESTS, "utf-8")
    return tmp_path


def python(folder: Path, *args: str, **variables: str) -> tuple[int, str]:
    """Run Python there, as whoever has the package installed does; return its exit code and output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "DALSEGNO", "COV"))}
    ran = subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(SRC), **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def run(folder: Path, *args: str) -> tuple[int, str]:
    """Run pytest there."""
    options = ("-p", "no:cacheprovider", "--color=no")
    return python(folder, "-m", "pytest", *options, *args, PYTEST_PLUGINS="pytest_dalsegno")


def test_the_line_that_a_report_prints_plays_the_same_failure_again(folder: Path) -> None:
    code, told = run(folder, "-q", "test_pay.py::test_pay")
    assert code == 1
    line = re.search(r"pytest (test_pay\.py::test_pay) --crash-plan=(2:\d+a)", told)
    assert line, told
    code, again = run(folder, "-q", line[1], f"--crash-plan={line[2]}")
    assert code == 1
    assert f"FAILED {line[2].removeprefix('2:')}  check: charged twice" in again
    assert "pay_well: 1 play" in again
    assert "pay: 2 plays" in again


def test_the_line_fits_the_folder_in_which_pytest_was_started(folder: Path) -> None:
    (folder / "conftest.py").touch()
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    inner = folder / "deep" / "inner"
    inner.mkdir(parents=True)
    (folder / "test_pay.py").rename(inner / "test_pay.py")
    _, told = run(inner, "-q", "test_pay.py::test_pay")
    assert "pytest test_pay.py::test_pay --crash-plan=2:3a" in told
    _, told = run(folder / "deep", "-q", "-n", "1", "inner/test_pay.py::test_pay")
    assert "pytest inner/test_pay.py::test_pay --crash-plan=2:3a" in told
    _, told = run(folder, "-q", f"--rootdir={inner}", "deep/inner/test_pay.py::test_pay")
    assert "pytest deep/inner/test_pay.py::test_pay --crash-plan=2:3a" in told


def test_without_the_plugin_the_line_goes_by_the_environment(folder: Path) -> None:
    quiet = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pay.py::test_pay")
    _, told = python(folder, *quiet, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "DALSEGNO_CRASH_PLAN=2:3a pytest test_pay.py::test_pay" in told
    _, told = python(folder, *quiet, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", DALSEGNO_CRASH_PLAN="2:3a")
    assert "pay: 2 plays over" in told


def test_without_pytest_the_line_starts_the_program_again(folder: Path) -> None:
    (folder / "pay_case.py").write_text(
        "import unittest\nimport test_pay\n\n\nclass Pay(unittest.TestCase):\n"
        "    def test_it(self):\n        test_pay.explore(test_pay.pay, 1, check=test_pay.once).assert_ok()\n",
        "utf-8",
    )
    _, told = python(folder, "-m", "unittest", "pay_case")
    assert "DALSEGNO_CRASH_PLAN=3a python -m unittest pay_case" in told
    assert "pay: 2 plays over" not in told
    _, told = python(folder, "-m", "unittest", "pay_case", DALSEGNO_CRASH_PLAN="3a")
    assert "pay: 2 plays over" in told
    assert "FAILED 3a  check: charged twice" in told


def test_a_plan_passes_where_nothing_is_wrong_any_more(folder: Path) -> None:
    code, told = run(folder, "-q", "test_pay.py::test_pay_well", "--crash-plan=3a")
    assert code == 0, told
    assert "pay_well: 2 plays over" in told


def test_a_summary_counts_what_was_explored(folder: Path) -> None:
    code, told = run(folder, "-q", "test_pay.py::test_pay_well", "test_pay.py::test_nothing")
    assert code == 0, told
    assert "dalsegno explored" in told
    assert re.search(r"pay_well: \d{2,3} plays over \d+ points, 0 failures, 0 warnings .*test_pay_well", told)


def test_a_summary_comes_from_several_processes_too(folder: Path) -> None:
    code, told = run(folder, "-q", "-n", "1", "test_pay.py::test_pay_well")
    assert code == 0, told
    assert re.search(r"pay_well: \d{2,3} plays over", told)


def test_a_summary_of_many_explorations_is_cut(folder: Path) -> None:
    (folder / "test_many.py").write_text(
        "import pytest\nfrom dalsegno.testing import explore\nfrom test_pay import pay_well\n\n\n"
        "@pytest.mark.parametrize('n', range(23))\n"
        "def test_it(n):\n    explore(pay_well, n, passes=[])\n",
        "utf-8",
    )
    code, told = run(folder, "-q", "test_many.py")
    assert code == 0, told
    assert told.count("pay_well: 1 play over") == 20
    assert "and 3 more explorations" in told


def test_a_malformed_plan_ends_pytest_with_a_sentence(folder: Path) -> None:
    code, told = run(folder, "--crash-plan=7q")
    assert code == 4
    assert "--crash-plan: '7q' is no crash plan: '7q' is no point with a letter. A plan is 'clean'" in told
    assert "Traceback" not in told


def test_a_run_that_explores_nothing_imports_nothing_of_dalsegno(folder: Path) -> None:
    (folder / "test_other.py").write_text(
        "import sys\n\n\ndef test_it():\n    assert 'pytest_dalsegno' in sys.modules\n"
        "    assert not [name for name in sys.modules if name.partition('.')[0] == 'dalsegno']\n",
        "utf-8",
    )
    code, told = run(folder, "-q", "test_other.py")
    assert code == 0, told
    assert "dalsegno explored" not in told


def test_the_testing_kit_needs_no_pytest() -> None:
    script = "import sys\nimport dalsegno.testing\nassert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(SRC)}, check=True)
