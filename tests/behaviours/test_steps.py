"""Behaviours of steps."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import pytest

from dalsegno import Retry, receive, step, workflow
from dalsegno.core.entries import Kind, Outcome
from dalsegno.errors import DefinitionError, RunFailed, StepTimeout
from tests.helpers.room import Gate, Room, eventually

pytestmark = pytest.mark.asyncio


class Declined(Exception):
    """Trying again is of no use."""


@pytest.fixture
def done() -> Counter[str]:
    return Counter()


async def test_an_error_that_is_not_to_be_retried_makes_one_attempt(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 068."""

    @step(retry=Retry(attempts=9, first="10ms", non_retryable=(Declined,)))
    async def charge() -> None:
        done["charge"] += 1
        raise Declined("no")

    @workflow
    async def pay() -> None:
        await charge()

    async with Room(tmp_path, pay) as room:
        with pytest.raises(RunFailed, match="Declined: no"):
            await (await room.client.start(pay, id="r")).result()
    assert done["charge"] == 1


async def test_an_unknown_name_is_an_error_that_lists_the_known_ones_and_the_worker_lives(
    tmp_path: Path,
) -> None:
    """Case 071: steps are called as functions, so only a workflow can be named by text."""

    @workflow(name="place_order")
    async def place_order() -> str:
        return "done"

    async with Room(tmp_path, place_order) as room:
        with pytest.raises(DefinitionError, match=r"no workflow 'plaec_order'[\s\S]*place_order"):
            await room.client.start("plaec_order", id="r")
        assert await (await room.client.start("place_order", id="r")).result() == "done"


@pytest.mark.parametrize("moment", ["in an attempt", "between attempts"])
async def test_the_total_time_of_a_step_ends_it_in_an_attempt_and_between_two(
    tmp_path: Path, done: Counter[str], moment: str
) -> None:
    """Case 073."""
    gate = Gate()
    delay = "10ms" if moment == "in an attempt" else "1h"

    @step(total_timeout="300ms", retry=Retry(attempts=None, first=delay, max=delay))
    async def slow() -> None:
        done["slow"] += 1
        if moment == "in an attempt":
            await gate.pass_()
        raise ConnectionError("no answer")

    @workflow
    async def impatient() -> str:
        try:
            await slow()
        except (StepTimeout, ConnectionError) as error:
            return type(error).__name__
        return "answered"

    async with Room(tmp_path, impatient) as room:
        result = await (await room.client.start(impatient, id="r")).result()
    assert result == ("StepTimeout" if moment == "in an attempt" else "ConnectionError")
    assert done["slow"] == 1


async def test_the_total_time_of_a_step_goes_on_over_a_crash(tmp_path: Path, done: Counter[str]) -> None:
    """Beside case 073: a new worker does not give the step its whole time again."""
    delay = "40m"

    @step(total_timeout="1h", retry=Retry(attempts=None, first=delay, max=delay, jitter=0))
    async def slow() -> None:
        done["slow"] += 1
        raise ConnectionError("no answer")

    @workflow
    async def impatient() -> None:
        await slow()

    async with Room(tmp_path, impatient) as room:
        await room.client.start(impatient, id="r")
        await room.reaches("r", "waiting")
        clock = room.clock
        await room.crash()
    clock.set_on("41m")
    async with Room(tmp_path, impatient, clock=clock) as room:
        with pytest.raises(RunFailed, match="no answer"):
            await room.client.run("r").result()
    assert done["slow"] == 2


@pytest.mark.promise("P6")
@pytest.mark.parametrize("colour", ["async def", "def"])
async def test_a_timeout_is_recorded_and_raised_again_at_replay_without_running_the_step(
    tmp_path: Path, done: Counter[str], colour: str
) -> None:
    """Case 074."""
    hangs, let_go = Gate(), threading.Event()

    @step(timeout="50ms")
    async def slow() -> None:
        done["slow"] += 1
        await hangs.pass_()

    @step(timeout="50ms")
    def slow_def() -> None:
        done["slow"] += 1
        let_go.wait(30)

    caught: list[str] = []

    @workflow
    async def impatient() -> str:
        try:
            await (slow if colour == "async def" else slow_def).start()
        except StepTimeout as error:
            caught.append(str(error))
        return await receive(str)

    async with Room(tmp_path, impatient) as room:
        await room.client.start(impatient, id="r")
        await room.reaches("r", "waiting")
        (entry,) = await room.journal("r")
        assert (entry.kind, entry.outcome) == (Kind.STEP, Outcome.UNKNOWN)
        await room.crash()
    async with Room(tmp_path, impatient) as room:
        await room.client.signal("r", "done")
        assert await room.client.run("r").result() == "done"
    let_go.set()
    assert len(caught) == 2
    assert caught[0].split("\n")[0] == caught[1].split("\n")[0]
    assert done["slow"] == 1


@pytest.mark.promise("P10")
async def test_an_attempt_that_is_given_up_on_frees_its_place_for_others(tmp_path: Path) -> None:
    """Beside case 074: as many steps as there are threads hang, and another one still runs."""
    let_go = threading.Event()

    @step(timeout="100ms")
    def hang() -> None:
        let_go.wait(60)

    @step
    def quick() -> str:
        return "ran"

    @workflow
    async def hanging() -> None:
        await hang.start()

    @workflow
    async def running() -> str:
        return await quick.start()

    try:
        async with Room(tmp_path, hanging, running, threads=2) as room:
            stuck = [await room.client.start(hanging) for _ in range(4)]
            run = await room.client.start(running)
            assert await run.result("30s") == "ran"
            for other in stuck:
                with pytest.raises(RunFailed, match="took longer"):
                    await other.result("30s")
    finally:
        let_go.set()


@pytest.mark.promise("P10")
async def test_a_cancelled_runs_hanging_step_frees_its_place_for_others(tmp_path: Path) -> None:
    """The same for a step whose run has gone: nobody waits for it any more."""
    let_go, began = threading.Event(), threading.Semaphore(0)

    @step
    def hang() -> None:
        began.release()
        let_go.wait(60)

    @step
    def quick() -> str:
        return "ran"

    @workflow
    async def hanging() -> None:
        await hang.start()

    @workflow
    async def running() -> str:
        return await quick.start()

    try:
        async with Room(tmp_path, hanging, running, threads=2, grace="100ms") as room:
            stuck = [await room.client.start(hanging) for _ in range(2)]
            for _ in stuck:
                await asyncio.to_thread(began.acquire)
            run = await room.client.start(running)
            for other in stuck:
                await other.cancel()
                await room.reaches(other.id, "cancelled")
            assert await run.result("30s") == "ran"
    finally:
        let_go.set()


async def test_a_step_that_waits_for_a_thread_is_not_done_once_its_run_is_gone(
    tmp_path: Path, done: Counter[str]
) -> None:
    """The one thread is taken; what waits behind it belongs to a run that is cancelled meanwhile."""
    let_go, began = threading.Event(), threading.Semaphore(0)

    @step
    def first() -> None:
        began.release()
        let_go.wait(60)

    @step
    def second(run: str) -> None:
        done[run] += 1

    @workflow
    async def blocks() -> None:
        await first.start()

    @workflow
    async def waits(run: str) -> None:
        await second.start(run)

    async with Room(tmp_path, blocks, waits, threads=1) as room:
        blocking = await room.client.start(blocks)
        await asyncio.to_thread(began.acquire)
        gone = await room.client.start(waits, "gone", id="gone")
        kept = await room.client.start(waits, "kept", id="kept")
        await eventually(lambda: len(room.runtime.engine.live) == 3, "all three are under way")
        await gone.cancel()
        await room.reaches("gone", "cancelled")
        let_go.set()
        await blocking.result()
        await kept.result()
    assert done == {"kept": 1}


@pytest.mark.promise("P6")
async def test_a_step_that_was_under_way_is_settled_once(tmp_path: Path, done: Counter[str]) -> None:
    """Beside case 068: attempts are counted in the journal, over a crash as well."""
    gate = Gate()

    @step(retry=Retry(attempts=3, first="10ms"))
    async def flaky() -> int:
        done["flaky"] += 1
        if done["flaky"] == 2:
            await gate.pass_()
        raise ConnectionError(f"attempt {done['flaky']}")

    @workflow
    async def patient() -> None:
        await flaky()

    async with Room(tmp_path, patient) as room:
        await room.client.start(patient, id="r")
        await eventually(lambda: gate.came, "the second attempt is under way")
        await room.crash()
    async with Room(tmp_path, patient) as room:
        with pytest.raises(RunFailed, match="attempt 4"):
            await room.client.run("r").result()
        entries = await room.journal("r")
        assert [(entry.kind.name, entry.attempt) for entry in entries] == [
            ("ATTEMPT", 1),
            ("ATTEMPT", 2),
            ("STEP", 3),
        ]
