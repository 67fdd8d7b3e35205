"""The mark by which one process sees that another one has written to the file."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from dalsegno.core.clock import SystemClock
from dalsegno.store.sqlite import SqliteStore


@pytest.mark.asyncio
async def test_a_store_that_reads_nothing_still_sees_that_somebody_else_has_written(tmp_path: Path) -> None:
    path = str(tmp_path / "orders.db")
    store = SqliteStore(path, SystemClock())
    await store.open()
    other = apsw.Connection(path)  # as another process would: our own library's connection, not ours
    try:
        before = store.change_mark()
        assert store.change_mark() == before
        other.pragma("user_version", 7)
        assert store.change_mark() != before
    finally:
        other.close()
        await store.close()
