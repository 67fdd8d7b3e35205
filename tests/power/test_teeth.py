"""What the cuts must find: a store that syncs too little, and a disk that lies about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from dalsegno.errors import StoreError
from dalsegno.store.sqlite import file as sqlite_file
from dalsegno.testing.disk import Action, Change, Disk
from dalsegno.testing.power import cuts
from tests.power import scenes
from tests.power.stage import Played, allowed, play, reopened, small_wal

pytestmark = pytest.mark.promise("P1")

Count = Callable[..., None]
MOST = 400
"""Cuts within which each tooth must bite; most of the first fall into the making of the tables."""


def cuts_until_found(played: Played, folder: Path) -> int:
    """Cut the power until something is lost or broken; return how many cuts that took."""
    rng = Random(0)
    log = played.disk.log
    for number, cut in enumerate(cuts(log, rng, every=max(1, len(log) // 150)), 1):
        path = folder / f"{number}.db"
        cut.lay(path, rng)
        try:
            sound = reopened(path) in allowed(played.acks, cut.after)
        except (AssertionError, StoreError):
            sound = False
        if not sound:
            return number
    raise AssertionError("no cut found it")


def _with(settings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite_file.StoreFile.connect

    def weakened(self: Any, *, writes: bool) -> apsw.Connection:
        connection = connect(self, writes=writes)
        connection.execute(f"PRAGMA {settings}").fetchall()
        return connection

    monkeypatch.setattr(sqlite_file.StoreFile, "connect", weakened)


class LyingDisk(Disk):
    """A disk that says "synced" of one file and has done nothing."""

    def __init__(self, path: Path, file: str) -> None:
        self._lies_about = file
        super().__init__(path)

    def changed(self, change: Change) -> None:
        if (change.action, change.file) != (Action.SYNC, self._lies_about):
            super().changed(change)


@pytest.mark.parametrize("settings", ["synchronous = NORMAL", "synchronous = OFF"])
def test_a_store_that_does_not_sync_each_commit_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count, settings: str
) -> None:
    _with(settings, monkeypatch)
    with small_wal(monkeypatch):
        played = play(Disk(tmp_path / "play.db"), scenes.small)
    took = cuts_until_found(played, tmp_path)
    assert took <= MOST
    count("teeth", of=1)


@pytest.mark.parametrize("file", ["-wal", ""], ids=["the WAL", "the database"])
def test_a_disk_that_skips_the_syncs_of_one_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count, file: str
) -> None:
    with small_wal(monkeypatch, passive=4, truncating=12):
        played = play(LyingDisk(tmp_path / "play.db", file), scenes.large)
    took = cuts_until_found(played, tmp_path)
    assert took <= MOST
    count("teeth", of=1)


def test_without_a_tooth_the_same_cuts_find_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_wal(monkeypatch, passive=4, truncating=12):
        played = play(Disk(tmp_path / "play.db"), scenes.small)
    with pytest.raises(AssertionError, match="no cut found it"):
        cuts_until_found(played, tmp_path)
