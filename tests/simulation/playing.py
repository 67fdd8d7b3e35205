"""How tests play a scenario: in a fresh world, with the workflows of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from dalsegno.engine.registry import Registry
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.testing.faults import Exactly, Fault, Plan
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import SimClock
from dalsegno.testing.world import Scenario, World
from tests.simulation import workflows


@cache
def registry() -> Registry:
    """Collect the workflows of this folder."""
    found = Registry()
    found.add([workflows])
    return found


def play(
    scenario: Scenario,
    seed: int | str = 0,
    *,
    plan: Plan | Mapping[int, Fault] | None = None,
    store: Callable[[SimClock], Store] = MemoryStore,
    **setting: Any,
) -> World:
    """Play a scenario in a world of its own; return the world, at rest and checked."""
    faults = Exactly(plan) if isinstance(plan, Mapping) else plan
    world = World(seed, registry(), setting=Setting(**setting), plan=faults, store=store)
    world.run(scenario)
    return world
