"""Replays under other hash seeds happen in real processes, wherever the workflow was defined."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command import environment

STEPS = """
from dalsegno import step


@step
def pick(name):
    return name
"""
WALK = """
from dalsegno import workflow
{imports}

@workflow
def walk(n):
    fruit = {{"apple", "pear", "plum", "quince", "fig"}}
    return [pick(name) for name in fruit]

"""
EXPLORE = """
{imports}
from dalsegno.testing import explore
{last}
print(explore(walk, 1, passes=["hash seeds"], may_repeat=["pick"]))
"""


def play(folder: Path, program: str) -> str:
    """Run a program there; its own hash seed is one that is not tried."""
    ran = subprocess.run(
        [sys.executable, program],
        cwd=folder,
        env={**environment(), "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_program_that_explores_where_it_is_imported_is_not_explored_again(tmp_path: Path) -> None:
    text = STEPS + WALK.format(imports="") + EXPLORE.format(imports="", last="")
    (tmp_path / "program.py").write_text(text, "utf-8")
    told = play(tmp_path, "program.py")
    assert "hash seeds       3  replayed" in told
    assert "FAILED h1  not deterministic" in told
    assert "program.py:" in told


def test_a_module_deep_in_a_package_is_found_by_its_name(tmp_path: Path) -> None:
    inner = tmp_path / "package" / "inner"
    inner.mkdir(parents=True)
    for init in (inner, inner.parent):
        (init / "__init__.py").touch()
    (tmp_path / "package" / "steps.py").write_text(STEPS, "utf-8")
    (inner / "walks.py").write_text(WALK.format(imports="from ..steps import pick\n"), "utf-8")
    (tmp_path / "program.py").write_text(
        EXPLORE.format(imports="from package.inner.walks import walk", last=""), "utf-8"
    )
    told = play(tmp_path, "program.py")
    assert "FAILED h1  not deterministic" in told
    assert "walks.py:" in told


@pytest.mark.parametrize("trouble", ["raise OSError('no network here')", "import a_module_that_is_gone"])
def test_a_module_that_no_other_process_can_import_is_said_not_to_be_checked(
    trouble: str, tmp_path: Path
) -> None:
    guard = f"import os\nif 'DALSEGNO_REHASH' in os.environ:\n    {trouble}\n"
    (tmp_path / "walks.py").write_text(STEPS + guard + WALK.format(imports=""), "utf-8")
    (tmp_path / "program.py").write_text(EXPLORE.format(imports="from walks import walk", last=""), "utf-8")
    told = play(tmp_path, "program.py")
    assert "hash seeds       0  not checked: " in told
    assert ("no network here" if "OSError" in trouble else "a_module_that_is_gone") in told
    assert "0 failures" in told
