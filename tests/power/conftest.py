"""A folder in memory where there is one: these tests open thousands of files that no power will be cut from."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ENOUGH = 1 << 30  # bytes


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of the test's own, in memory if there is enough of it."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        with tempfile.TemporaryDirectory(
            dir=MEMORY, prefix="dalsegno-", ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("power")
