"""Scenarios: what a program does with the workflows, each with its ends independent of timing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from dalsegno.engine.definitions import Workflow
from dalsegno.errors import RunEnded
from dalsegno.testing.world import Scenario, World
from tests.simulation import workflows as w

Name = str


def just(workflow: Workflow[Any, Any], input: Any) -> Scenario:
    """Start one run and let it end."""

    async def scenario(world: World) -> None:
        await world.start(workflow, input, id="run")

    return scenario


async def early_signals(world: World) -> None:
    """Send signals before, and faster than, anybody asks; each id twice."""
    await world.start(w.mailbox, 3, id="run")
    for number in range(3):
        await world.signal("run", w.Decision(f"by {number}"), id=f"s{number}")
        with contextlib.suppress(RunEnded):
            assert not await world.signal("run", w.Decision(f"by {number}"), id=f"s{number}")


async def signals_in_def(world: World) -> None:
    """Signal a def workflow when it waits."""
    await world.start(w.mailbox_in_def, 2, id="run")
    await world.until_waiting("run")
    await world.signal("run", w.Decision("a"), id="a")
    await world.until_waiting("run")
    await world.signal("run", w.Decision("b"), id="b")


async def signal_in_time(world: World) -> None:
    """Let the signal win by far."""
    await world.start(w.signal_or_timeout, 1_000, id="run")
    await world.until_waiting("run")
    await world.signal("run", w.Decision("her"), id="s")


async def signal_too_late(world: World) -> None:
    """Let the timeout win by far, and signal the run that is over."""
    await world.start(w.signal_or_timeout, 3, id="run")
    await world.settle()
    with contextlib.suppress(RunEnded):
        await world.ask(lambda client: client.signal("run", w.Decision("her"), id="s"))


def cancelled(workflow: Workflow[Any, Any]) -> Scenario:
    """Cancel a run that waits."""

    async def scenario(world: World) -> None:
        await world.start(workflow, 5, id="run")
        await world.until_waiting("run")
        await world.cancel("run")

    return scenario


async def cancelled_parent(world: World) -> None:
    """Cancel a run that waits for a child: the child is cancelled too."""
    await world.start(w.impatient_parent, 10_000, id="run")
    await world.until_waiting("run")
    await world.until(lambda: world.row("run.2") is not None, "the child exists")
    await world.until_waiting("run.2")
    await world.cancel("run")


async def cancelled_saga(world: World) -> None:
    """Cancel a saga that waits for a decision."""
    await world.start(w.buy_and_wait, w.Order("o"), id="run")
    await world.until_waiting("run")
    await world.cancel("run")


async def stubborn_compensation(world: World) -> None:
    """Let an undo exhaust its attempts, and a person retry it once the service is mended."""
    w.MENDED.clear()
    await world.start(w.buy_stubbornly, w.Order("o", fails_at=3), id="run")
    await world.until(lambda: world.ends()["run"][1] == "parked: compensation failed", "a person is asked")
    w.MENDED.add("o")
    await world.retry("run")


async def impatient_person(world: World) -> None:
    """Retry a parked run twice, once before the service is mended."""
    w.MENDED.clear()
    await world.start(w.buy_stubbornly, w.Order("o", fails_at=3), id="run")
    await world.until(lambda: world.ends()["run"][1] == "parked: compensation failed", "a person is asked")
    await world.retry("run")
    await world.retry("run")
    await world.until(lambda: world.ends()["run"][1] == "parked: compensation failed", "a person is asked")
    w.MENDED.add("o")
    await world.retry("run")


def sagas(workflow: Workflow[w.Order, Any]) -> dict[Name, Scenario]:
    """Let a saga fail at each of its steps, and not at all."""
    return {
        f"{workflow.name} failing at {part}": just(workflow, w.Order("o", fails_at=part))
        for part in (1, 2, 3, 9, 0)
    }


SCENARIOS: dict[Name, Scenario] = {
    "sequential steps": just(w.sequence, 4),
    "sequential async steps": just(w.sequence_async, 3),
    "parallel steps in def": just(w.parallel_in_def, 3),
    "gather": just(w.gathered, 3),
    "TaskGroup with a failing sibling": just(w.grouped, 3),
    "wait FIRST_COMPLETED": just(w.raced, 3),
    "signal before timeout": signal_in_time,
    "timeout before signal": signal_too_late,
    "retries with backoff": just(w.attempts, 2),
    "retries in def": just(w.attempts_in_def, 2),
    "retries exhausted": just(w.attempts_in_def, 9),
    "a sleep of days": just(w.long_sleep, 30),
    "many naps": just(w.naps, 4),
    "early signals with repeated ids": early_signals,
    "signals in def": signals_in_def,
    "children": just(w.parent, 3),
    "children in def, one detached": just(w.parent_in_def, 1),
    "a detached child of the last turn": just(w.parting, 1),
    "a failing child": just(w.parent_of_failing, 1),
    "a failing parent": just(w.failing_parent, 1),
    "a parent that gives up on a child": just(w.impatient_parent, 2),
    "a cancelled parent": cancelled_parent,
    "cancellation with clean-up": cancelled(w.cleaning_up),
    "cancellation with clean-up in def": cancelled(w.cleaning_up_in_def),
    "on_failure": just(w.remedied, 2),
    **sagas(w.buy),
    **sagas(w.buy_at_once),
    "buy_at_once timing out at 2": just(w.buy_at_once, w.Order("o", fails_at=-2)),
    "a cancelled saga": cancelled_saga,
    "a stubborn compensation": stubborn_compensation,
    "an impatient person": impatient_person,
}

Judge = Callable[[World], Any]
