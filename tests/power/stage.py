"""Playing a scenario on a disk, cutting the power, and looking at what is left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

import apsw
import pytest

from dalsegno.core.commit import Fence
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.sqlite import SqliteStore
from dalsegno.store.sqlite import file as sqlite_file
from dalsegno.testing.disk import Disk
from dalsegno.testing.effects import Effect
from dalsegno.testing.endings import End
from dalsegno.testing.invariants import peek
from dalsegno.testing.power import Cut, cuts
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import EPOCH, SimClock
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import Scenario, World
from tests.power import scenes

SETTING = Setting(lease=SECOND // 2)
OUTAGE = 5 * SECOND
"""How long the power is off."""


class Ack(NamedTuple):
    """A write that the store has confirmed: how far the disk's log was, and what the store then held."""

    at: int
    holds: str


class Watched(SqliteStore):
    """The store as it is, with a list of what it has confirmed."""

    def __init__(self, disk: Disk, clock: Any, *, threaded: bool = False) -> None:
        super().__init__(str(disk.path), clock, threaded=threaded)
        self._disk = disk
        self.acks: list[Ack] = []

    async def open(self) -> None:
        await super().open()
        self._note()

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        verdicts = await super().write(group, fence)
        self._note()
        return verdicts

    def _note(self) -> None:
        with self._disk.spared():
            self.acks.append(Ack(self._disk.now, holdings(self)))


def holdings(store: SqliteStore) -> str:
    """Tell all rows of all tables by a digest: two stores that hold the same hold it to the last byte."""
    reader: apsw.Connection = store._reader  # type: ignore[assignment]
    digest = hashlib.blake2b(digest_size=12)
    tables = reader.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    for (table,) in tables:
        if table != "migrations":  # says when it was made
            rows = reader.execute(f"SELECT * FROM {table}").fetchall()
            digest.update(repr((table, sorted(rows, key=repr))).encode())
    return digest.hexdigest()


class Played(NamedTuple):
    """A scenario that was played on a disk to its end."""

    disk: Disk
    acks: list[Ack]
    ends: dict[str, End]
    effects: list[tuple[int, Effect]]
    """Each with how far the disk's log was."""
    clocks: list[tuple[int, int]]
    """How far the log was, and the wall clock then."""
    past: list[Effect]
    """What the world had seen before."""


@contextmanager
def small_wal(monkeypatch: pytest.MonkeyPatch, *, passive: int = 12, truncating: int = 40) -> Iterator[None]:
    """Let the WAL be checkpointed after so few pages that a small scenario sees it often."""
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "CHECKPOINT_PAGES", passive)
        patched.setattr(sqlite_file, "LARGE_WAL_PAGES", truncating)
        yield


def play(
    disk: Disk,
    scenario: Scenario,
    *,
    seed: int = 0,
    ahead: int = 0,
    past: Sequence[Effect] = (),
    setting: Setting = SETTING,
) -> Played:
    """Play a scenario on a disk that may hold something already; the machine has then started anew.

    ``ahead`` is how far the wall clock is set forward, ``past`` what the world has seen before.
    """
    stores: list[Watched] = []

    def make(clock: SimClock) -> Watched:
        stores.append(Watched(disk, clock))
        return stores[0]

    effects: list[tuple[int, Effect]] = []
    clocks: list[tuple[int, int]] = []
    with disk.mounted(), patch.object(SimClock, "boot_id", lambda _: f"boot {ahead}"):
        world = World(seed, scenes.registry(), setting=setting, store=make)
        world.clock.travel(ahead)
        world.ledger.effects.extend(past)
        heard = world.ledger.heard
        assert heard is not None

        def hears(effect: Effect) -> None:
            effects.append((disk.now, effect))
            heard(effect)

        world.ledger.heard = hears

        async def goes_on(world: World) -> None:
            world.take_as_given(past)
            with patch.object(stores[0], "_note", _noting(stores[0], world, clocks)):
                await scenario(world)
                await world.settle()

        ends = world.run(goes_on)
    return Played(disk, stores[0].acks, ends, effects, clocks, list(past))


def _noting(store: Watched, world: World, clocks: list[tuple[int, int]]) -> Any:
    note = store._note

    def both() -> None:
        note()
        clocks.append((store.acks[-1].at, world.clock.now()))

    return both


class Found(NamedTuple):
    """What a look at the files after cuts has found: how many there were, and one cut for each state."""

    count: int
    states: dict[str, Cut]


def look_at_cuts(
    disk: Disk, acks: Sequence[Ack], folder: Path, *, shuffles: int, every: int = 1, seed: int = 0
) -> Found:
    """Cut the power behind every change, and open what is left: each is sound and holds what it must.

    It must hold exactly what was confirmed by then, or that and the one write under way, whole.
    """
    rng = Random(seed)
    count = 0
    states: dict[str, Cut] = {}
    for cut in cuts(disk.log, rng, shuffles=shuffles, every=every):
        path = folder / f"{count}.db"
        cut.lay(path, rng)
        held = reopened(path)
        before, after = allowed(acks, cut.after)
        assert held in (before, after), (
            f"{cut.how} after {cut.after}: neither what was confirmed nor one more"
        )
        states.setdefault(held, cut)
        for file in folder.glob(f"{count}.db*"):
            file.unlink()
        count += 1
    return Found(count, states)


def allowed(acks: Sequence[Ack], after: int) -> tuple[str, str]:
    """Tell what a store may hold after a cut: what the last confirmed write left, or the one under way."""
    for ack, following in pairwise(acks):
        if following.at > after:  # the first one is of the empty store
            return ack.holds, following.holds
    return acks[-1].holds, acks[-1].holds


def go_on(played: Played, cut: Cut, path: Path, scenario: Scenario, *, seed: int = 0) -> Played:
    """Start the machine again after a cut, and let the program ask for the same once more, to its end."""
    cut.lay(path, Random(seed))
    ahead = max((now for at, now in played.clocks if at <= cut.after), default=EPOCH) - EPOCH + OUTAGE
    seen = [effect for at, effect in played.effects if at <= cut.after]
    return play(Disk(path), scenario, seed=seed, ahead=ahead, past=[*played.past, *seen])


class Still:
    """A clock for whoever only looks."""

    def now(self) -> int:
        return 0

    def boot(self) -> int:
        return 0

    def monotonic(self) -> float:
        return 0.0

    def boot_id(self) -> str:
        return "looking"


def reopened(path: Path) -> str:
    """Open what is left as a program would, check all of it, and tell what it holds."""
    store = SqliteStore(str(path), Still(), threaded=False)
    peek(store.open())
    try:
        assert peek(store.check()) == []
        return holdings(store)
    finally:
        peek(store.close())
