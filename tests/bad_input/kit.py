"""Apps on a file of their own, programs in a process of their own, and what a refusal says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Client, Run
from dalsegno.errors import DalsegnoError, RunFailed

ROOT = Path(__file__).resolve().parents[2]
SOON = 20.0
"""Seconds that an answer may take on a busy machine before a test gives up."""


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/bad.db"


@contextmanager
def working(
    store: Path | str, *definitions: object, patience: float = 5.0, **options: Any
) -> Iterator[Client]:
    """Open an App with a worker on ``bad.db`` of a folder, or on the store of an address."""
    where = address(store) if isinstance(store, Path) else store
    app = App("bad", include=definitions, store=where, **options)
    app.options = replace(app.options, patience=patience)
    with app as client:
        yield client


def failure_of(run: Run[Any]) -> Any:
    """Wait for a run's failure and return it as data."""
    with pytest.raises(RunFailed) as caught:
        run.result(SOON)
    return caught.value.error  # type: ignore[attr-defined]


def assert_tells(error: DalsegnoError, *words: str) -> None:
    """An error says what happened, what it means, what to do, and where more is said."""
    assert error.what and error.meaning and error.mend
    for word in words:
        assert word.lower() in str(error).lower(), f"{word!r} is not in: {error}"
    assert str(error).endswith(f"See docs/reference/errors.md#{type(error).__name__.lower()}")


def program(code: str, *args: str) -> subprocess.Popen[str]:
    """Start Python code as a process of its own that knows the source."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@contextmanager
def beside(code: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the test once it has said ``ready``; it is killed in the end."""
    with program(code, *args) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "ready\n", f"{line}{process.communicate()[1]}"
            yield process
        finally:
            process.kill()


def said(code: str, *args: str) -> str:
    """Run a program to its end and return what it printed."""
    with program(code, *args) as process:
        out, err = process.communicate(timeout=SOON)
    assert process.returncode == 0, f"{out}{err}"
    return re.sub(r"\s+$", "", out)
