"""A seed that fails says how to play it again: all of it, and the least of it that fails alike."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.counts import Count
from tests.simulation import teeth, test_swarm
from tests.simulation.shrink import exact, only
from tests.simulation.swarm import attempt, draw


def note_of(error: BaseException) -> str:
    return "\n".join(error.__notes__)


def test_a_failing_seed_tells_the_command_that_plays_it_again_and_a_smaller_one(
    tmp_path: Path, count: Count
) -> None:
    with teeth.stable_key():
        with pytest.raises(AssertionError, match="P6: attempt 2") as raised:
            test_swarm.play(range(20), tmp_path, count)
        again = re.search(
            r"^again: python -m tests\.simulation\.shrink (\d+)$", note_of(raised.value), re.MULTILINE
        )
        smaller = re.search(r"^smaller: .* (\d+) --only (\S+)$", note_of(raised.value), re.MULTILINE)
        assert again and smaller and again[1] == smaller[1]
        case = exact(draw(int(again[1])), tmp_path)
        error = attempt(only(case, smaller[2].split(",")), tmp_path)[1]
    assert "P6: attempt 2" in str(error)


def test_a_seed_at_which_the_play_itself_breaks_is_told_too(
    tmp_path: Path, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr(test_swarm, "attempt", breaks)
    with pytest.raises(RuntimeError, match="nobody thought of") as raised:
        test_swarm.play([17], tmp_path, count)
    assert note_of(raised.value) == "again: python -m tests.simulation.shrink 17"


def test_the_command_plays_the_seed() -> None:
    command = [sys.executable, "-m", "tests.simulation.shrink", "0", "--only", ""]
    root = Path(__file__).resolve().parents[2]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert told.startswith("swarm 0: {}") and told.endswith("every promise held\n")


def test_a_world_on_a_file_reports_its_runs_after_it_has_ended(tmp_path: Path) -> None:
    case = next(case for case in map(draw, range(100)) if case.on_file)
    world, _ = attempt(case, tmp_path)
    assert all(f"\n{run_id}: " in world.report() for run_id in case.plays)
