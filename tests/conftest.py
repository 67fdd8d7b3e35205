"""Fixtures that every test folder may ask for."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.helpers.counts import count, pytest_addoption, pytest_configure

__all__ = ["count", "pytest_addoption", "pytest_configure", "shared"]

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    # A shell begins what runs in its background so, and every program that a test interrupts would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of conformance cases and data that lies beside the project."""
    if not SHARED.is_dir():
        pytest.skip(
            f"no folder ../shared beside the project ({SHARED}): its conformance cases are NOT checked"
        )
    return SHARED
