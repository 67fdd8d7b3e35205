"""A swarm: the seed picks the world, its faults and what happens in it; the promises hold in all of them."""

from __future__ import annotations

import asyncio
import contextlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from dalsegno.core.ids import seeded
from dalsegno.core.runs import COMPENSATION_FAILED
from dalsegno.engine.definitions import Workflow
from dalsegno.errors import RunEnded
from dalsegno.store.memory import MemoryStore
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.faults import Chances, Fault
from dalsegno.testing.simloop import SECOND
from dalsegno.testing.world import End, Setting, World
from tests.simulation import workflows as w
from tests.simulation.playing import play, registry

CHAOS = 4.0  # seconds at most in which processes are killed, paused and stopped


class Play(NamedTuple):
    """One run that a swarm may hold: how many signals it is sent, and whether stalls may change its end."""

    workflow: Workflow[Any, Any]
    input: Any
    signals: int = 0
    loose: bool = False


PLAYS = (
    Play(w.sequence, 4),
    Play(w.sequence_async, 3),
    Play(w.parallel_in_def, 3),
    Play(w.gathered, 3),
    Play(w.grouped, 3),
    Play(w.raced, 3, loose=True),
    Play(w.signal_or_timeout, 2, signals=1, loose=True),
    Play(w.attempts, 2),
    Play(w.attempts_in_def, 2),
    Play(w.attempts_in_def, 9),
    Play(w.long_sleep, 3),
    Play(w.naps, 4),
    Play(w.mailbox, 3, signals=3),
    Play(w.mailbox_in_def, 2, signals=2),
    Play(w.parent, 3),
    Play(w.parent_in_def, 1),
    Play(w.parting, 2),
    Play(w.parent_of_failing, 1),
    Play(w.failing_parent, 1),
    Play(w.impatient_parent, 2),
    Play(w.careful, 3, loose=True),
    Play(w.remedied, 2),
    *(Play(w.buy, w.Order("o", fails_at=part)) for part in (0, 1, 2, 3, 9)),
    *(Play(w.buy_at_once, w.Order("o", fails_at=part), loose=True) for part in (0, 1, 2, 3, 9)),
    Play(w.buy_and_wait, w.Order("o"), signals=1),
)
STUBBORN = Play(w.buy_stubbornly, w.Order("stubborn", fails_at=3))


class Swarm:
    """One world of a swarm, drawn by its seed, and the scenario that is played in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.rng = seeded("swarm", seed)
        self.plan = Chances(seeded("faults", seed), self._write_faults(), self._read_faults())
        self.on_file = self.rng.random() < 0.2
        rng = self.rng
        self.setting = Setting(
            workers=1 + int(rng.random() * 3),
            embedded=rng.random() < 0.3,
            lease=int((0.2 + 1.5 * rng.random()) * SECOND),
            cache=_one_of(rng, 0, 1, 2, 1_000),
            slots=_one_of(rng, 1, 2, 1_000),
            latency=_one_of(rng, 0, 1_000, 20_000),
            lateness=_one_of(rng, 0, 2_000, 30_000),
            skew=_one_of(rng, 0, 3_600 * SECOND),
        )
        self.chaos = _one_of(rng, 0, 0, CHAOS / 2, CHAOS)
        self.cancels = _one_of(rng, 0, 0, 0.3)
        self.cancelled: set[str] = set()
        left = list(PLAYS)  # none twice: some name their children
        self.plays = {
            f"r{n}": left.pop(int(rng.random() * len(left))) for n in range(1 + int(rng.random() * 5))
        }
        if rng.random() < 0.15:
            self.plays["stubborn"] = STUBBORN
        self._folder = folder

    def _write_faults(self) -> dict[Fault, float]:
        most = _one_of(self.rng, 0, 0.01, 0.05)
        return {fault: most * self.rng.random() for fault in Fault}

    def _read_faults(self) -> dict[Fault, float]:
        most = _one_of(self.rng, 0, 0, 0.05)
        return {fault: most * self.rng.random() for fault in (Fault.UNREACHABLE, Fault.SLOW)}

    # -- playing

    def play(self) -> World:
        """Play it; return the world, at rest and checked."""
        w.MENDED.clear()
        path = self._folder / f"{self.seed}.db"
        world = World(
            self.seed,
            registry(),
            setting=self.setting,
            plan=self.plan,
            store=(lambda clock: SqliteStore(str(path), clock, threaded=False))
            if self.on_file
            else MemoryStore,
        )
        try:
            world.run(self._scenario)
            self._check(world)
        except AssertionError as error:
            error.add_note(f"swarm {self.seed}: {self}")
            raise
        return world

    def __repr__(self) -> str:
        plays = {run_id: f"{wanted.workflow.name}({wanted.input})" for run_id, wanted in self.plays.items()}
        where = "file" if self.on_file else "memory"
        return f"{plays} on {where}, chaos {self.chaos}, cancelled {self.cancelled}"

    async def _scenario(self, world: World) -> None:
        chaos = asyncio.ensure_future(self._make_chaos(world))
        await asyncio.gather(*(self._lead(world, run_id, wanted) for run_id, wanted in self.plays.items()))
        await chaos
        await world.settle()
        while any(run.reason == COMPENSATION_FAILED for run in world.runs()):
            w.MENDED.add("stubborn")
            await world.retry("stubborn")
            await world.settle()

    async def _lead(self, world: World, run_id: str, wanted: Play) -> None:
        """Do for one run what a program would: start it, perhaps twice, signal it, perhaps cancel it."""
        rng = seeded("lead", self.seed, run_id)
        await world.sleep(rng.random())
        starts = [world.start(wanted.workflow, wanted.input, id=run_id) for _ in range(_one_of(rng, 1, 1, 2))]
        await asyncio.gather(*starts)
        if rng.random() < self.cancels:
            self.cancelled.add(run_id)
            await world.sleep(rng.random() * 3)
            await world.cancel(run_id)
        for number in range(wanted.signals):
            await world.sleep(rng.random() * 2)
            for _ in range(_one_of(rng, 1, 2)):
                with contextlib.suppress(RunEnded):
                    await world.signal(run_id, w.Decision(f"{run_id} {number}"), id=f"{number}")

    async def _make_chaos(self, world: World) -> None:
        rng = seeded("chaos", self.seed)
        ends = world.loop.now_us + self.chaos * SECOND
        while world.loop.now_us < ends:
            await world.sleep(rng.random() * self.chaos / 4)
            name = _one_of(rng, *world.lives)
            match _one_of(rng, "kill", "pause", "pause", "stop", "outage"):
                case "outage":
                    self.plan.down = True
                    await world.sleep(rng.random() * _one_of(rng, 0.5, 2, 8))
                    self.plan.down = False
                case "kill":
                    world.kill(world.lives[name].host)
                case "pause":
                    world.pause(name, rng.random() * 2.5 * self.setting.lease / SECOND)
                case _:
                    await world.stop(name)

    # -- judging

    def _check(self, world: World) -> None:
        ends = world.outcome
        for run_id, wanted in self.plays.items():
            mine = _ends_of(run_id, ends)
            if run_id in self.cancelled and ends[run_id][0] == "cancelled":
                continue
            if wanted.loose:
                assert ends[run_id][0] in ("completed", "failed"), f"{run_id} ended {ends[run_id]}"
            else:
                expected = _clean_ends(wanted.workflow.name, repr(wanted.input))
                assert mine == expected, f"{run_id} ended {mine}, not {expected}"


@cache
def _clean_ends(name: str, input: str) -> dict[str, End]:
    """Play one run of its kind in a world without faults."""
    found = next(p for p in (*PLAYS, STUBBORN) if (p.workflow.name, repr(p.input)) == (name, input))

    async def scenario(world: World) -> None:
        await world.start(found.workflow, found.input, id="r")
        for number in range(found.signals):
            await world.signal("r", w.Decision(f"r {number}"))
        await world.settle()
        if found is STUBBORN:
            w.MENDED.add("stubborn")
            await world.retry("r")

    w.MENDED.clear()
    return _ends_of("r", play(scenario).outcome)


def _ends_of(run_id: str, ends: dict[str, End]) -> dict[str, End]:
    """Pick a run and its children, and leave its own id out of what they say."""
    mine = {key: end for key, end in ends.items() if key == run_id or key.startswith(f"{run_id}.")}
    return {
        key.removeprefix(run_id): (status, reason, _anonymous(run_id, told))
        for key, (status, reason, told) in mine.items()
    }


def _anonymous(run_id: str, told: Any) -> Any:
    if isinstance(told, bytes):
        return told.replace(run_id.encode(), b"r")
    return told.replace(run_id, "r") if isinstance(told, str) else told


def _one_of(rng: Random, *values: Any) -> Any:
    return values[int(rng.random() * len(values))]
