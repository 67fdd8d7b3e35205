"""Fixtures that every test folder may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.counts import count, pytest_addoption, pytest_configure

__all__ = ["count", "pytest_addoption", "pytest_configure", "shared"]

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of conformance cases and data that lies beside the project."""
    if not SHARED.is_dir():
        pytest.skip(
            f"no folder ../shared beside the project ({SHARED}): its conformance cases are NOT checked"
        )
    return SHARED
