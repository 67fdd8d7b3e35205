"""Seeds that once found something find nothing any more."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.counts import Count
from tests.simulation.swarm import attempt, draw

pytestmark = pytest.mark.promise("P1", "P3", "P7")

CORPUS = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text("utf-8"))["found"]


@pytest.mark.parametrize("found", CORPUS, ids=lambda found: str(found["seed"]))
def test_a_seed_that_once_found_something_finds_nothing(
    found: dict[str, Any], tmp_path: Path, count: Count
) -> None:
    error = attempt(draw(found["seed"]), tmp_path)[1]
    if error is not None:
        error.add_note(found["what"])
        raise error
    count("seeds of the corpus")
