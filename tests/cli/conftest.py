"""A folder with programs to run, and the command line in this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from dalsegno.cli import main

PROGRAMS = Path(__file__).parent / "programs"


class Cli(Protocol):
    """Runs a command in this process."""

    def __call__(self, *args: str, input: str | None = None) -> Result: ...


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in an empty folder with the programs in it; forget afterwards what was imported from there."""
    for program in PROGRAMS.glob("*.py"):
        shutil.copy(program, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("DALSEGNO_STORE", "DALSEGNO_NAMESPACE", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def cli() -> Cli:
    """Return the command line; what it prints and its exit code are in the result."""

    def run(*args: str, input: str | None = None) -> Result:
        return CliRunner().invoke(main, args, input=input, catch_exceptions=False)

    return run
