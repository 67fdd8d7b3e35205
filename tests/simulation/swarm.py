"""A swarm: the seed draws a world, its faults and what happens in it; the promises hold in all of them.

A seed is played again, and made smaller, by ``python -m tests.simulation.shrink``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from dalsegno.core.clock import Clock
from dalsegno.core.ids import seeded
from dalsegno.core.limits import Limits
from dalsegno.core.runs import COMPENSATING, COMPENSATION_FAILED
from dalsegno.errors import RunConflict, RunEnded
from dalsegno.store.memory import MemoryStore
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.faults import ZOMBIES, Chances, Exactly, Fault
from dalsegno.testing.setting import Setting
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import Stuck, World
from tests.simulation import knobs
from tests.simulation import workflows as w
from tests.simulation.playing import registry
from tests.simulation.plays import PLAYS, POISON, STUBBORN, Play, judge, one_of

HARMLESS = (Fault.LATE, Fault.BUSY, Fault.UNREACHABLE)
CHAOS = 4.0  # seconds at most in which processes are killed, paused and stopped


class Act(NamedTuple):
    """Something that happens to a process, so many seconds after the last one."""

    after: float
    what: str
    who: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """A world as its seed draws it. ``exactly`` are faults to play instead of those drawn."""

    seed: int
    setting: Setting
    on_file: bool
    plays: dict[str, Play]
    acts: tuple[Act, ...]
    cancels: float
    writes: dict[Fault, float]
    reads: dict[Fault, float]
    knobs: dict[str, float]
    exactly: Exactly | None = None
    cancelled: set[str] = field(default_factory=set)

    def __repr__(self) -> str:
        plays = {run_id: f"{wanted.workflow.name}({wanted.input})" for run_id, wanted in self.plays.items()}
        acts = [f"{act.what} {act.who} {act.seconds:.2f} s" for act in self.acts]
        where = "file" if self.on_file else "memory"
        return f"{plays} on {where}, acts {acts}, cancelled {self.cancelled}, knobs {self.knobs}"


def draw(seed: int) -> Case:
    """Draw the world of a seed."""
    rng = seeded("swarm", seed)
    setting = Setting(
        workers=1 + int(rng.random() * 4),
        embedded=rng.random() < 0.3,
        lease=int((0.2 + 1.5 * rng.random()) * SECOND),
        cache=one_of(rng, 0, 1, 2, 1_000),
        slots=one_of(rng, 1, 2, 1_000),
        latency=one_of(rng, 0, 1_000, 20_000),
        lateness=one_of(rng, 0, 2_000, 30_000),
        skew=one_of(rng, 0, 3_600 * SECOND),
        rebuild=one_of(rng, 1, 3, 10),
    )
    left = list(PLAYS)  # none twice: some name their children
    plays = {f"r{n}": left.pop(int(rng.random() * len(left))) for n in range(1 + int(rng.random() * 8))}
    if rng.random() < 0.15:
        plays["stubborn"] = STUBBORN
    case = Case(
        seed,
        setting,
        on_file=rng.random() < 0.2,
        plays=plays,
        acts=_acts(rng, setting),
        cancels=one_of(rng, 0, 0, 0.3),
        writes=_write_faults(rng),
        reads=_read_faults(rng),
        knobs=knobs.draw(rng),
    )
    return _poisoned(case) if rng.random() < 0.1 else case


def _poisoned(case: Case) -> Case:
    """Add a run that kills its worker, and nothing else that does: it is parked, and all others end."""
    return replace(
        case,
        setting=replace(case.setting, limits=Limits(), embedded=False),
        plays={**case.plays, "poison": POISON},
        acts=tuple(act for act in case.acts if act.what in ("outage", "evict")),
        writes={fault: chance for fault, chance in case.writes.items() if fault in HARMLESS},
    )


def _acts(rng: Random, setting: Setting) -> tuple[Act, ...]:
    names = ["client", *(f"worker{n}" for n in range(1, setting.workers + 1))]
    chaos, spent, acts = one_of(rng, 0, 0, CHAOS / 2, CHAOS), 0.0, []
    while spent < chaos:
        after = rng.random() * chaos / 4
        what = one_of(rng, "kill", "pause", "pause", "stop", "outage", "evict", "misjudge", "cut", "back")
        most = one_of(rng, 0.5, 2, 8) if what == "outage" else 2.5 * setting.lease / SECOND
        acts.append(Act(after, what, one_of(rng, *names), rng.random() * most))
        spent += after
    return tuple(acts)


def _write_faults(rng: Random) -> dict[Fault, float]:
    most = one_of(rng, 0, 0.01, 0.05, 0.2)
    return {fault: most * rng.random() * (0.3 if fault in ZOMBIES else 1) for fault in Fault}


def _read_faults(rng: Random) -> dict[Fault, float]:
    most = one_of(rng, 0, 0, 0.05)
    return {fault: most * rng.random() for fault in (Fault.UNREACHABLE, Fault.SLOW)}


# -- playing


def play(case: Case, folder: Path) -> World:
    """Play a case; return the world, at rest and checked."""
    world, error = attempt(case, folder)
    if error is not None:
        raise error
    return world


def attempt(case: Case, folder: Path) -> tuple[World, AssertionError | None]:
    """Play a case; return the world and what was found in it."""
    w.MENDED.clear()
    w.KILL.clear()
    case.cancelled.clear()
    for left in folder.glob(f"{case.seed}.db*"):
        left.unlink()
    world = World(
        case.seed,
        registry(),
        setting=case.setting,
        plan=_plan(case),
        store=partial(_on_file, folder / f"{case.seed}.db") if case.on_file else MemoryStore,
    )
    w.KILL.append(lambda: world.kill(world.loop.here))
    try:
        with knobs.turned(case.knobs):
            world.run(_Scenario(case))
        judge(world, case.plays, case.cancelled)
    except AssertionError as error:
        return world, error
    return world, None


def _plan(case: Case) -> Chances | Exactly:
    if case.exactly is not None:
        return Exactly(case.exactly.faults, case.exactly.reads)
    return Chances(seeded("faults", case.seed), case.writes, case.reads)


def _on_file(path: Path, clock: Clock) -> SqliteStore:
    return SqliteStore(str(path), clock, threaded=False)


class _Scenario:
    """What a case has happen in its world."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._waiting: list[asyncio.Future[None]] = []

    async def __call__(self, world: World) -> None:
        acts = asyncio.ensure_future(act(world, self._case.acts))
        plays = self._case.plays.items()
        await asyncio.gather(*(self._lead(world, run_id, wanted) for run_id, wanted in plays))
        await acts
        await world.settle()
        w.MENDED.add("stubborn")
        if any(run.reason == COMPENSATION_FAILED for run in world.runs()):
            await world.retry("stubborn")
            await world.settle()

    async def _lead(self, world: World, run_id: str, wanted: Play) -> None:
        """Do for one run what programs would: start it, perhaps twice, signal it, wait for it, cancel it."""
        rng = seeded("lead", self._case.seed, run_id)
        await world.sleep(rng.random())
        starts = [world.start(wanted.workflow, wanted.input, id=run_id) for _ in range(one_of(rng, 1, 1, 2))]
        await asyncio.gather(*starts)
        besides = [self._signal(world, run_id, wanted, rng)]
        if rng.random() < self._case.cancels:
            besides.append(self._cancel(world, run_id, wanted, rng))
        if rng.random() < 0.2:
            besides.append(self._mistake(world, run_id))
        # These go on; what they are told is judged with all other calls.
        self._waiting += [asyncio.ensure_future(_wait(world, run_id)) for _ in range(one_of(rng, 0, 0, 1, 2))]
        await asyncio.gather(*besides)

    async def _signal(self, world: World, run_id: str, wanted: Play, rng: Random) -> None:
        for number in range(wanted.signals):
            await world.sleep(rng.random() * 2)
            again = one_of(rng, 1, 1, 2, 3)
            payload = w.Decision(f"{run_id} {number}")
            sends = [world.signal(run_id, payload, id=f"{number}") for _ in range(again)]
            for answer in await asyncio.gather(*sends, return_exceptions=True):
                if isinstance(answer, BaseException) and not isinstance(answer, RunEnded):
                    raise answer

    async def _cancel(self, world: World, run_id: str, wanted: Play, rng: Random) -> None:
        self._case.cancelled.add(run_id)
        if wanted.workflow.model == "saga" and rng.random() < 0.6:
            await self._while_it_undoes_itself(world, run_id, rng.random() * 5)
        else:
            await world.sleep(rng.random() * 3)
        await world.cancel(run_id)

    async def _while_it_undoes_itself(self, world: World, run_id: str, patience: float) -> None:
        ends = world.loop.now_us + patience * SECOND
        while world.loop.now_us < ends:
            row = world.row(run_id)
            if row is not None and row.reason == COMPENSATING:
                return
            await world.sleep(0.004)

    async def _mistake(self, world: World, run_id: str) -> None:
        """Start another workflow under this id: that is refused, and changes nothing."""
        with contextlib.suppress(RunConflict):
            await world.start(w.mistaken, 1, id=run_id)
            raise AssertionError(f"P2: {run_id} was started again as another workflow")


async def _wait(world: World, run_id: str) -> None:
    with contextlib.suppress(Stuck):  # a run that is parked does not end
        await world.result(run_id)


async def act(world: World, acts: Iterable[Act]) -> None:
    """Have happen to the processes of a world what a case says."""
    for after, what, who, seconds in acts:
        await world.sleep(after)
        if who not in world.lives:
            continue
        match what:
            case "outage":
                world.down(answers=False)
                await world.sleep(seconds)
                world.down(answers=True)
            case "cut":
                world.cut(who, seconds)
            case "back":
                world.set_clock_back(round(seconds * SECOND))
            case "kill":
                world.kill(world.lives[who].host)
            case "pause":
                world.pause(who, seconds)
            case "evict":
                world.evict(who)
            case "misjudge":
                world.misjudge(who)
            case _:
                await world.stop(who)
