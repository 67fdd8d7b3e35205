"""What a swarm plays: runs of each kind, how each is led, and how it must end."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, NamedTuple

from dalsegno.core.runs import KILLS_ITS_WORKER
from dalsegno.engine.definitions import Workflow
from dalsegno.testing.endings import End
from dalsegno.testing.world import World
from tests.simulation import workflows as w
from tests.simulation.playing import play


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
    Play(w.buy_and_wait, w.Order("o"), signals=1, loose=True),
)
STUBBORN = Play(w.buy_stubbornly, w.Order("stubborn", fails_at=3))
POISON = Play(w.poison, 3)


def judge(world: World, plays: dict[str, Play], cancelled: set[str]) -> None:
    """Raise ``AssertionError`` for a run that ended as it must not."""
    ends = world.outcome
    for run_id, wanted in plays.items():
        if run_id in cancelled and ends[run_id][0] == "cancelled":
            continue
        if wanted.loose:
            assert ends[run_id][0] in ("completed", "failed"), f"P11: {run_id} ended {ends[run_id]}"
        else:
            mine, expected = _ends_of(run_id, ends), _clean_ends(wanted.workflow.name, repr(wanted.input))
            assert mine == expected, f"P11: {run_id} ended {mine}, not {expected}"


@cache
def _clean_ends(name: str, input: str) -> dict[str, End]:
    """Play one run of its kind in a world without faults."""
    if name == w.poison.name:
        return {"": ("waiting", KILLS_ITS_WORKER, None)}
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


def one_of(rng: Random, *values: Any) -> Any:
    """Draw one of several values, the same on every version of Python."""
    return values[int(rng.random() * len(values))]
