"""The mark by which one process sees that another one has written to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dalsegno.core.clock import SystemClock
from dalsegno.core.commit import Start
from dalsegno.store.sqlite import SqliteStore


@pytest.mark.asyncio
async def test_a_store_that_reads_nothing_still_sees_that_another_one_has_written(tmp_path: Path) -> None:
    path = str(tmp_path / "orders.db")
    watching, writing = SqliteStore(path, SystemClock()), SqliteStore(path, SystemClock())
    await watching.open()
    await writing.open()
    try:
        before = watching.change_mark()
        assert watching.change_mark() == before
        await writing.write([Start(1, "default", "order-1", "place_order", "1")])
        assert watching.change_mark() != before
    finally:
        await writing.close()
        await watching.close()
