"""Crash a scenario at every write, and see that it ends as if nothing had happened.

A clean play counts the writes. Then the scenario is played again for each write and each thing that can
befall it: the process that writes dies before it, dies after it, or loses the reply. Up to that write
the plays are the same, callback for callback, since they have the same seed. Pairs of crashes, the
second while the first is recovered from, are sampled by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dalsegno.core.ids import seeded
from dalsegno.engine.registry import Registry
from dalsegno.events.known import Known
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.testing.endings import End
from dalsegno.testing.faults import WRITE_CRASHES, Exactly, Fault
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import SimClock
from dalsegno.testing.world import Scenario, World


def _outcome(world: World) -> dict[str, End]:
    return world.outcome


@dataclass
class Exploration:
    """What was explored: how many writes the clean play made, how many plays crashed, what went wrong."""

    writes: int = 0
    plays: int = 0
    ends: Any = None
    failures: list[tuple[Exactly, AssertionError]] = field(default_factory=list)

    def assert_ok(self) -> None:
        """Raise the first failure, told with the crashes that lead to it."""
        for plan, error in self.failures:
            error.add_note(f"{len(self.failures)} of {self.plays} plays failed; this one under {plan!r}")
            raise error


class Explorer:
    """Plays one scenario under many plans, always with the same seed.

    All plays must agree on how each run ended, or on what ``ends`` says of a world at rest.
    """

    def __init__(
        self,
        scenario: Scenario,
        registry: Registry,
        *,
        seed: int | str = 0,
        setting: Setting | None = None,
        store: Callable[[SimClock], Store] = MemoryStore,
        known: Callable[[str], Known] | None = None,
        ends: Callable[[World], Any] = _outcome,
    ) -> None:
        self._scenario = scenario
        self._registry = registry
        self._seed = seed
        self._setting = setting or Setting()
        self._store = store
        self._known = known
        self._ends = ends

    def explore(self, *, modes: Sequence[Fault] = WRITE_CRASHES, pairs: int = 0) -> Exploration:
        """Play clean, then once for each write and mode, then ``pairs`` sampled pairs."""
        clean = self.play(Exactly())
        found = Exploration(writes=clean.seam.writes, ends=self._ends(clean))
        for plan in (*_singles(found.writes, modes), *self._pairs(found.writes, modes, pairs)):
            found.plays += 1
            try:
                ends = self._ends(self.play(plan))
                assert ends == found.ends, f"it ended otherwise than without faults: {ends}, not {found.ends}"
            except AssertionError as error:
                found.failures.append((plan, error))
        return found

    def play(self, plan: Exactly) -> World:
        """Play once; return the world at rest."""
        world = World(
            self._seed,
            self._registry,
            setting=self._setting,
            plan=plan,
            store=self._store,
            known=self._known,
        )
        world.run(self._scenario)
        return world

    def _pairs(self, writes: int, modes: Sequence[Fault], count: int) -> Iterator[Exactly]:
        rng = seeded("pairs", self._seed)
        for _ in range(count):
            first = 1 + int(rng.random() * writes)
            second = first + 1 + int(rng.random() * 12)
            picked = [modes[int(rng.random() * len(modes))] for _ in range(2)]
            yield Exactly({first: picked[0], second: picked[1]})


def _singles(writes: int, modes: Sequence[Fault]) -> Iterator[Exactly]:
    for number in range(1, writes + 1):
        for mode in modes:
            yield Exactly({number: mode})
