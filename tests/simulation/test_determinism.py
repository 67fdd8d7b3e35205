"""The same seed is the same world, callback for callback, whatever the process hashes texts to."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest

from dalsegno.testing.world import World
from tests.helpers.counts import Count
from tests.simulation.swarm import attempt, draw

pytestmark = pytest.mark.promise("P3")

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = range(100)


def digest_of(world: World) -> str:
    """Sum up all that ran and all that was written."""
    journals = {number: shadow.journal for number, shadow in sorted(world.invariants.shadows.items())}
    effects = [(effect.key, effect.attempt, effect.by, effect.at) for effect in world.ledger.effects]
    told = repr((world.loop.trace, world.loop.turns, world.loop.now_us, journals, effects, world.outcome))
    return blake2b(told.encode(), digest_size=16).hexdigest()


def digests(folder: Path) -> list[str]:
    """Play the seeds; sum up each."""
    return [digest_of(attempt(draw(seed), folder)[0]) for seed in SEEDS]


def elsewhere(hash_seed: int, folder: Path) -> list[str]:
    """Play the seeds in a process of its own, with its own hash of texts."""
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.simulation.test_determinism", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_a_seed_is_one_world_under_every_hash_seed(tmp_path: Path, count: Count) -> None:
    here = elsewhere(0, tmp_path / "zero")
    there = elsewhere(1, tmp_path / "one")
    assert len(here) == len(SEEDS)
    assert [seed for seed, one, other in zip(SEEDS, here, there, strict=True) if one != other] == []
    count("worlds played twice", len(SEEDS))


def test_two_seeds_are_two_worlds(tmp_path: Path) -> None:
    assert digest_of(attempt(draw(1), tmp_path)[0]) != digest_of(attempt(draw(2), tmp_path)[0])


if __name__ == "__main__":
    print("\n".join(digests(Path(sys.argv[1]))))
