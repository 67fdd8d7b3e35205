"""A swarm of services: the seed draws what there is, what is emitted, who fails and who dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest.mock import patch

from dalsegno.core.ids import seeded
from dalsegno.core.limits import Limits
from dalsegno.events import reacting, reader
from dalsegno.events.known import Known
from dalsegno.events.service import Service
from dalsegno.testing.faults import Chances
from dalsegno.testing.setting import Setting
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import World
from tests.simulation import knobs
from tests.simulation import services as s
from tests.simulation.eventful import emit, facts, known, mend, open_books, registry
from tests.simulation.plays import one_of
from tests.simulation.swarm import Act, _acts, _read_faults, _write_faults, act

MOODS = ("", "", "", "", "flaky", "flaky", "ill", "lost")
KNOBS: dict[str, tuple[Any, str, tuple[float, ...]]] = {
    "events read": (reader, "_BATCH", (1, 2, 7)),
    "idle": (reader, "_IDLE", (0.05, 1.0)),
    "round": (reacting, "_ROUND", (0.05, 1.0)),
}


@dataclass(frozen=True)
class Case:
    """A world with services, as its seed draws it."""

    seed: int
    setting: Setting
    services: tuple[Service, ...]
    partitions: int
    half: bool  # the second worker knows only some of the services
    events: tuple[Any, ...]
    called_off: tuple[tuple[float, str], ...]  # after which time, and which order
    runs: bool
    acts: tuple[Act, ...]
    chances: Chances
    knobs: dict[str, float]
    own_knobs: dict[str, float]

    def known(self) -> Callable[[str], Known]:
        """Say what each program knows."""
        some = known(self.services)
        if not self.half:
            return some
        less = known(self.services[::2])
        return lambda name: (less if name == "worker2" else some)(name)


def draw(seed: int) -> Case:
    """Draw the world of a seed."""
    rng = seeded("services", seed)
    setting = Setting(
        workers=1 + int(rng.random() * 3),
        lease=int((0.2 + rng.random()) * SECOND),
        cache=one_of(rng, 0, 2, 1_000),
        slots=one_of(rng, 2, 1_000),
        latency=one_of(rng, 0, 1_000, 5_000),
        lateness=one_of(rng, 0, 2_000, 30_000),
        skew=one_of(rng, 0, 3_600 * SECOND),
        rebuild=one_of(rng, 0, 10),
    )
    least = one_of(rng, 1, 1, 2, 4)
    some = tuple(service for service in s.SERVICES if rng.random() < 0.2 * least)
    case = Case(
        seed,
        setting,
        some or (s.payments,),
        partitions=one_of(rng, 1, 2, 3),
        half=setting.workers > 1 and rng.random() < 0.3,
        events=(events := _events(rng)),
        called_off=_called_off(seeded("called off", seed), events),
        runs=rng.random() < 0.3,
        acts=_acts(rng, setting),
        chances=Chances(seeded("faults", seed), _write_faults(rng), _read_faults(rng)),
        knobs=knobs.draw(rng),
        own_knobs={name: one_of(rng, *told[2]) for name, told in KNOBS.items() if rng.random() < 0.2},
    )
    if rng.random() < 0.3:  # workers that die by chance are taken for killed by what they did
        case = replace(
            case, setting=replace(setting, limits=one_of(rng, Limits(), Limits(crashes=2, suspect=1)))
        )
    return case


def _events(rng: Random) -> tuple[Any, ...]:
    keys, each = one_of(rng, (1, 4), (2, 3), (3, 1))
    orders = [
        s.Ordered(f"o{key}", place, one_of(rng, *MOODS))
        for place in range(1, each + 1)
        for key in range(keys)
    ]
    ticks = [s.Tick(f"t{key}", place) for key in range(1) for place in range(1, 4)]
    rng.shuffle(ticks)
    return (*orders, *ticks)


def _called_off(rng: Random, events: tuple[Any, ...]) -> tuple[tuple[float, str], ...]:
    orders = sorted({one.order for one in events if isinstance(one, s.Ordered)})
    many = one_of(rng, 0, 0, 1, 2)
    return tuple((rng.random(), one_of(rng, *orders)) for _ in range(many))


@contextmanager
def _turned(case: Case) -> Iterator[None]:
    patches = [patch.object(*KNOBS[name][:2], value) for name, value in case.own_knobs.items()]
    patches += [patch.object(service, "partitions", case.partitions) for service in s.SERVICES]
    for patched in patches:
        patched.start()
    try:
        with knobs.turned(case.knobs):
            yield
    finally:
        for patched in patches:
            patched.stop()


def attempt(seed: int) -> tuple[World, AssertionError | None]:
    """Play a seed; return its world and what was found in it."""
    case = draw(seed)
    world = World(seed, registry(), setting=case.setting, plan=case.chances, known=case.known())
    open_books(world)
    try:
        with _turned(case):
            world.run(_Scenario(case))
        facts(world)
    except AssertionError as error:
        return world, error
    return world, None


class _Scenario:
    """What a case has happen in its world."""

    def __init__(self, case: Case) -> None:
        self._case = case

    async def __call__(self, world: World) -> None:
        acts = asyncio.ensure_future(act(world, self._case.acts))
        rng = seeded("emit", self._case.seed)
        if self._case.runs:
            await world.start(s.announce, "announced", id="announcer")
        by_key: dict[str, list[Any]] = {}
        for one in self._case.events:
            by_key.setdefault(getattr(one, "order", None) or one.clock, []).append(one)
        emitting = (self._emit(world, some, rng.random()) for some in by_key.values())
        await asyncio.gather(*emitting, *(self._call_off(world, *one) for one in self._case.called_off))
        await acts
        await mend(world)

    async def _call_off(self, world: World, after: float, order: str) -> None:
        await world.sleep(after)
        await world.ask(lambda client: client.cancel_case(s.CalledOff(order)))

    async def _emit(self, world: World, some: list[Any], pause: float) -> None:
        for one in some:
            await emit(world, one)
            await world.sleep(pause)
