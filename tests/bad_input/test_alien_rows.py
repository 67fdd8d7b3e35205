"""Rows that this version cannot read (a newer one's, or a broken disk's) stop their own run, and no other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from dalsegno import receive, step, workflow
from dalsegno.core.runs import DIVERGED
from tests.helpers.room import Room, eventually


@step
async def note(n: int) -> int:
    return n


@workflow
async def adds(n: int) -> int:
    return await note(n) + await receive(int)


def _alter(folder: Path, statement: str) -> None:
    """Change the closed file from another process."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    subprocess.run([sys.executable, "-c", code, str(folder / "room.db"), statement], check=True, timeout=30)


async def _parked(room: Room) -> bool:
    row = await room.row("alien")
    told = row.reason == DIVERGED
    assert not told or b"cannot be read" in (row.error or b"")
    return told


OF_ALIEN = "(SELECT number FROM runs WHERE id = 'alien')"
ALTERED = [
    ("entries", "kind", 1, 99),
    ("entries", "outcome", 1, 99),
    ("deliveries", "kind", 5, 99),
    ("deliveries", "outcome", 1, 99),
]


@pytest.mark.parametrize(("table", "column", "sound", "alien"), ALTERED)
def test_a_run_whose_rows_cannot_be_read_is_parked_and_the_others_go_on(
    tmp_path: Path, table: str, column: str, sound: int, alien: int
) -> None:
    async def before() -> None:
        async with Room(tmp_path, adds) as room:
            for name in ("alien", "calm"):
                await room.client.start(adds, 1, id=name)
                await room.reaches(name, "waiting")
        async with Room(tmp_path, adds, worker=False) as room:  # nobody takes it yet
            await room.client.signal("alien", 2)

    async def meanwhile() -> None:
        async with Room(tmp_path, adds) as room:
            await eventually(lambda: _parked(room), "the run is parked")
            await room.client.signal("calm", 2)
            assert await room.client.run("calm").result("20s") == 3

    async def after() -> None:
        async with Room(tmp_path, adds) as room:
            assert await room.client.run("alien").retry()
            assert await room.client.run("alien").result("20s") == 3

    asyncio.run(before())
    _alter(tmp_path, f"UPDATE {table} SET {column} = {alien} WHERE {column} = {sound} AND run = {OF_ALIEN}")
    asyncio.run(meanwhile())
    _alter(tmp_path, f"UPDATE {table} SET {column} = {sound} WHERE {column} = {alien} AND run = {OF_ALIEN}")
    asyncio.run(after())
