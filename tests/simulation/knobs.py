"""Constants of the package that a seed may turn to their extremes: tiny batches, rare or hasty looks.

None of them may matter to any promise; that they do not is what turning them shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import ModuleType
from unittest.mock import patch

from dalsegno.client import endings
from dalsegno.engine import commits
from dalsegno.worker import claimer, sweeper
from tests.simulation.plays import one_of

KNOBS: dict[str, tuple[ModuleType, str, tuple[float, ...]]] = {
    "claims": (claimer, "_BATCH", (1, 2)),  # runs taken at once
    "look": (claimer, "_LOOK", (0.005, 0.3)),  # between looks at what others wrote
    "poll": (claimer, "_POLL", (0.1, 2.0)),  # after which to claim in any case
    "group": (commits, "_LARGEST", (1, 2, 3)),  # items in one transaction
    "delay": (commits, "_FIRST_DELAY", (0.001, 1.0)),  # before a group is written again
    "releases": (sweeper, "_BATCH", (1, 2)),  # runs handed on at once
    "watch": (endings, "_LOOK", (0.005, 0.5)),  # a client's looks at runs that others end
}


def draw(rng: Random) -> dict[str, float]:
    """Turn some of the knobs, most often none."""
    most = one_of(rng, 0, 0, 0.3, 1)
    return {name: one_of(rng, *values) for name, (_, _, values) in KNOBS.items() if rng.random() < most}


@contextmanager
def turned(knobs: Mapping[str, float]) -> Iterator[None]:
    """Have knobs turned for a while; one that the package has not got any more is an ``AttributeError``."""
    patches = [patch.object(*KNOBS[name][:2], value) for name, value in knobs.items()]
    for patched in patches:
        patched.start()
    try:
        yield
    finally:
        for patched in patches:
            patched.stop()
