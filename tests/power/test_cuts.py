"""Power cuts at every change of the disk: nothing confirmed is lost, nothing is half there, all goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from dalsegno.core.clock import Clock
from dalsegno.store.sqlite.file import OpenGuard, StoreFile
from dalsegno.testing.conformance.suite import CASES, check
from dalsegno.testing.conformance.world import SetClock
from dalsegno.testing.disk import Action, Disk
from dalsegno.testing.invariants import peek
from dalsegno.testing.world import Scenario
from tests.power import scenes
from tests.power.script import life, live
from tests.power.stage import Watched, go_on, look_at_cuts, play, small_wal

pytestmark = pytest.mark.promise("P1", "P3", "P4", "P6", "P9")

Count = Callable[..., None]

SCENES = {"small": scenes.small, "large": scenes.large}
CHECKPOINTS = {"often": (6, 20), "now and then": (30, 100), "never": (100_000, 100_000)}


@pytest.mark.parametrize("checkpoints", CHECKPOINTS)
@pytest.mark.parametrize("scene", SCENES)
def test_a_store_holds_exactly_what_it_confirmed_after_any_cut_and_the_engine_ends_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count, scene: str, checkpoints: str
) -> None:
    passive, truncating = CHECKPOINTS[checkpoints]
    with small_wal(monkeypatch, passive=passive, truncating=truncating):
        cut_everywhere(tmp_path, SCENES[scene], count, seed=0, shuffles=1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_store_holds_exactly_what_it_confirmed_after_any_cut_of_many_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count, seed: int
) -> None:
    with small_wal(monkeypatch, passive=4 + 5 * seed, truncating=20 * seed):
        cut_everywhere(tmp_path, scenes.large, count, seed=seed, shuffles=4)


def cut_everywhere(folder: Path, scenario: Scenario, count: Count, *, seed: int, shuffles: int) -> None:
    """Cut behind every change; then go on from each state that the cuts have left."""
    played = play(Disk(folder / "play.db"), scenario, seed=seed)
    found = look_at_cuts(played.disk, played.acks, folder, shuffles=shuffles, seed=seed)
    count("power cuts", found.count)
    for number, cut in enumerate(found.states.values()):
        again = go_on(played, cut, folder / f"again-{number}.db", scenario)
        assert again.ends == played.ends, f"it ended otherwise after a cut behind {cut.after}, {cut.how}"
    count("states gone on from", len(found.states))
    assert len(found.states) > len(played.acks) // 2, "hardly any cut was seen"


@pytest.mark.parametrize("seed", range(4))
def test_cuts_during_recovery_and_again_during_that_lose_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count, seed: int
) -> None:
    rng = Random(seed)
    with small_wal(monkeypatch):
        first = played = play(Disk(tmp_path / "0.db"), scenes.large, seed=seed)
        for depth in range(1, 4):
            found = look_at_cuts(played.disk, played.acks, tmp_path, shuffles=1, every=11, seed=seed)
            count("power cuts", found.count)
            early = sorted(found.states.values(), key=lambda cut: cut.after)[: max(3, len(found.states) // 3)]
            played = go_on(played, rng.choice(early), tmp_path / f"{depth}.db", scenes.large, seed=seed)
            assert played.ends == first.ends
    count("cuts within recoveries", 3)


@pytest.mark.parametrize("chapter", dict.fromkeys(case.chapter for case in CASES))
def test_a_cut_in_any_case_of_the_conformance_suite_leaves_all_that_was_confirmed(
    tmp_path: Path, count: Count, chapter: str
) -> None:
    for number, case in enumerate(case for case in CASES if case.chapter == chapter):
        disk, stores = Disk(tmp_path / f"case-{number}.db"), []

        def make(clock: Clock, disk: Disk = disk, stores: list[Watched] = stores) -> Watched:
            stores.append(Watched(disk, clock))
            return stores[0]

        with disk.mounted():
            asyncio.run(check(case, make))
        found = look_at_cuts(
            disk, stores[0].acks, tmp_path, shuffles=1, every=max(9, disk.now // 8), seed=number
        )
        count("power cuts", found.count)
        assert found.count > 5, case.name


def test_two_who_write_and_checkpoint_one_file_lose_nothing_of_either_in_a_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """In one process here, that one log may have both; the guards against that look away."""
    monkeypatch.setattr(OpenGuard, "protect", lambda *_: None)
    monkeypatch.setattr(StoreFile, "_refuse_foreign", lambda _: None)
    disk = Disk(tmp_path / "play.db")
    with small_wal(monkeypatch, passive=5, truncating=15), disk.mounted():
        one, two = Watched(disk, SetClock()), Watched(disk, SetClock())
        peek(one.open())
        peek(two.open())
        two.acks = one.acks
        for mine, others in zip(life(), life(2, (20, 21, 22), "other"), strict=True):
            peek(live(one, [mine]))
            peek(live(two, [others]))
        peek(one.close())
        peek(two.close())
    assert {change.file for change in disk.log if change.action is Action.SYNC} >= {"", "-wal"}
    found = look_at_cuts(disk, one.acks, tmp_path, shuffles=1, every=2)
    count("power cuts", found.count)
    assert len(found.states) > 30
