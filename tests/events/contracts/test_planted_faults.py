"""``dalsegno contracts check`` on three programs of fifty handlers, whole and with faults in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dalsegno
from tests.events.contracts.faults import MORE, PROGRAMS, SIX, STYLES, Fault, plant

SRC = Path(dalsegno.__file__).parents[1]


def checked(folder: Path, program: str) -> tuple[int, dict[str, Any]]:
    """Check a program by the command line, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "dalsegno", "contracts", "check", program, "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def places(document: dict[str, Any], folder: Path) -> list[tuple[str, str, int]]:
    """List what was found, and where."""
    return sorted(
        (each["rule"], str(Path(each["file"]).relative_to(folder)), each["line"])
        for each in document["findings"]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path.resolve()


@pytest.mark.parametrize("program", STYLES)
def test_nothing_is_found_in_a_program_that_is_as_it_should_be(program: str, folder: Path):
    code, document = checked(folder, program)
    assert (code, document["findings"], document["notes"]) == (0, [], [])
    assert document["looked"]["handlers"] == 50


@pytest.mark.parametrize("fault", [*SIX, *MORE], ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_with_file_and_line_and_nothing_else_is(fault: Fault, folder: Path):
    plant(folder, (fault,))
    code, document = checked(folder, fault.program)
    assert places(document, folder) == [(fault.rule, fault.file, fault.line(folder))], document["findings"]
    assert code == 1


@pytest.mark.parametrize("program", STYLES)
def test_all_six_faults_of_a_program_are_found_together(program: str, folder: Path):
    faults = tuple(fault for fault in SIX if fault.program == program)
    plant(folder, faults)
    _, document = checked(folder, program)
    expected = sorted((fault.rule, fault.file, fault.line(folder)) for fault in faults)
    assert places(document, folder) == expected
