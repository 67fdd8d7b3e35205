"""Behaviours of recovery: crashes, takeovers, fences."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from dalsegno import Limits, Retry, receive, step, workflow
from dalsegno.core.clock import SECOND
from dalsegno.core.commit import (
    Claim,
    Claimed,
    Commit,
    Done,
    EndSession,
    OpenSession,
    Refused,
    Release,
    Rest,
    Start,
)
from dalsegno.core.entries import Entry, Kind
from dalsegno.core.runs import KILLS_ITS_WORKER, Run, Status
from dalsegno.core.writes import Write
from dalsegno.errors import RunConflict, RunEnded
from dalsegno.store.protocol import Store
from dalsegno.store.sqlite import SqliteStore
from tests.helpers.command import environment
from tests.helpers.room import Gate, Room, SettableClock, eventually

pytestmark = [pytest.mark.asyncio, pytest.mark.promise("P4", "P5", "P6", "P11")]

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def done() -> Counter[str]:
    return Counter()


async def test_what_a_dead_process_left_is_found_and_completed(tmp_path: Path, done: Counter[str]) -> None:
    """Case 019."""
    gate = Gate()

    @step
    async def part(run: str, name: str) -> str:
        done[f"{run} {name}"] += 1
        if name == "second" and done[f"{run} {name}"] == 1:
            await gate.pass_()
        return name

    @workflow
    async def parts(run: str) -> str:
        await part(run, "first")
        return await part(run, "second")

    async with Room(tmp_path, parts) as room:
        for n in range(5):
            await room.client.start(parts, f"r{n}", id=f"r{n}")
        await gate.crowd(5)
        await room.crash()
    async with Room(tmp_path, parts) as room:
        for n in range(5):
            assert await room.client.run(f"r{n}").result() == "second"
    assert done == {f"r{n} first": 1 for n in range(5)} | {f"r{n} second": 2 for n in range(5)}


async def test_a_run_under_way_is_not_taken_over_from_a_living_worker(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 020."""
    gate = Gate()

    @step
    async def slow() -> str:
        done["slow"] += 1
        await gate.pass_()
        return "done"

    @workflow
    async def once() -> str:
        return await slow()

    async with Room(tmp_path, once) as room:
        run = await room.client.start(once, id="r")
        await gate.crowd(1)
        worker = room.runtime.worker
        assert worker is not None
        for _ in range(3):  # recovery is asked for, and claiming too
            await worker.sweeper.sweep()
            assert await worker.claimer._claim() == 0
        gate.open()
        assert await run.result() == "done"
        assert (await room.row("r")).turn == 1
    assert done == {"slow": 1}


async def test_a_run_that_crashes_at_each_recovery_is_parked_until_somebody_retries_it(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 022: parked, where others have a seventh status; starting it again finds it, and runs nothing."""
    gate = Gate()
    limits = Limits(crashes=2, suspect=2)

    @step
    async def deadly() -> str:
        done["deadly"] += 1
        if done["deadly"] <= 3:
            await gate.pass_()
        return "survived"

    @workflow
    async def doomed() -> str:
        return await deadly()

    for life in range(1, 4):
        async with Room(tmp_path, doomed, limits=limits) as room:
            await room.client.start(doomed, id="r")
            await gate.crowd(life)
            await room.crash()
    async with Room(tmp_path, doomed, limits=limits) as room:
        row = await eventually(partial(_parked, room), "it is parked")
        assert (row.status, row.reason, row.crashes) == (Status.WAITING, KILLS_ITS_WORKER, 3)
        again = await room.client.start(doomed, id="r")
        assert await again.status() == "waiting"
        assert done["deadly"] == 3
        assert await again.retry()
        assert await again.result() == "survived"
    assert done["deadly"] == 4


async def _parked(room: Room) -> Run | None:
    row = await room.row("r")
    return row if row.parked else None


async def test_starting_it_again_is_no_crash_and_a_parked_run_frees_its_slot(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 023."""
    gate = Gate()
    limits = Limits(crashes=0, suspect=1)

    @step
    async def stuck() -> None:
        await gate.pass_()

    @workflow
    async def blocks() -> None:
        await stuck()

    @workflow
    async def next_one() -> str:
        return "ran"

    async with Room(tmp_path, blocks, next_one, slots=1, limits=limits) as room:
        run = await room.client.start(blocks, id="r")
        await gate.crowd(1)
        waiting = await room.client.start(next_one, id="next")
        for _ in range(20):
            await room.client.start(blocks, id="r")
            await room.client.start(next_one, id="next")
        assert (await room.row("r")).crashes == 0
        assert await waiting.status() == "pending"
        await room.crash()
    async with Room(tmp_path, blocks, next_one, slots=1, limits=limits) as room:
        assert await room.client.run("next").result() == "ran"
        row = await eventually(partial(_parked, room), "the first one is parked")
        assert (row.crashes, row.turn) == (1, 1)
    assert run.id == "r"


async def test_a_run_waits_for_a_worker_that_has_its_version(tmp_path: Path, done: Counter[str]) -> None:
    """Case 024."""
    gate = Gate()

    @step
    async def hold() -> None:
        if not done:
            await gate.pass_()

    @workflow(name="order", version="A")
    async def order_a() -> str:
        await hold()
        done["A"] += 1
        return "A"

    @workflow(name="order", version="B")
    async def order_b() -> str:
        return "B"

    async with Room(tmp_path, order_a) as room:
        await room.client.start(order_a, id="r")
        await gate.crowd(1)
        await room.crash()
    done["crashed"] += 1
    async with Room(tmp_path, order_b) as room:
        assert await (await room.client.start(order_b, id="new")).result() == "B"
        row = await room.row("r")
        assert (row.version, row.session, row.turn, row.status.ended) == ("A", None, 1, False)
    async with Room(tmp_path, order_a, order_b) as room:
        assert await room.client.run("r").result() == "A"


async def test_a_start_while_a_step_is_retried_gives_the_same_single_outcome(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Case 025."""

    @step(retry=Retry(attempts=4, first="10ms", factor=1))
    async def flaky() -> int:
        done["flaky"] += 1
        if done["flaky"] < 4:
            raise ConnectionError
        return done["flaky"]

    @workflow
    async def patient() -> int:
        return await flaky()

    async with Room(tmp_path, patient) as room:
        first = await room.client.start(patient, id="r")
        await eventually(lambda: done["flaky"] >= 2, "it is retried")
        second = await room.client.start(patient, id="r")
        assert room.runtime.worker is not None
        await room.runtime.worker.sweeper.sweep()
        assert await asyncio.gather(first.result(), second.result()) == [4, 4]
    assert done["flaky"] == 4


async def _two_claims(store: Store) -> tuple[Run, Run]:
    """Let a session claim a run and lose it to another one; return the run as each of them claimed it."""
    one, two = (OpenSession(n, SECOND, 1, 1, "", "", "", "", "", (("order", "1"),)) for n in (11, 12))
    await store.write([one, Start(1, "default", "r", "order", "1")])
    before, _, _, _, after = await store.write(
        [
            Claim(11, "default", 1),
            EndSession(11),
            Release(),
            two,
            Claim(12, "default", 1),
        ]
    )
    assert isinstance(before, Claimed)
    assert isinstance(after, Claimed)
    return before.runs[0], after.runs[0]


def _commit(run: Run, *entries: Entry, rest: Rest | None = None) -> Commit:
    return Commit(run.number, run.session or 0, run.turn, 0, entries, rest=rest)


async def test_a_zombies_entry_is_refused_and_the_new_attempt_is_untouched(tmp_path: Path) -> None:
    """Case 027."""
    store = SqliteStore(str(tmp_path / "s.db"), SettableClock())
    await store.open()
    zombie, owner = await _two_claims(store)
    (verdict,) = await store.write([_commit(zombie, Entry(1, Kind.STEP, 1, "late"))])
    assert verdict is Refused.STALE
    assert await store.journal(1) == []
    assert await store.get(1) == owner
    await store.close()


async def test_a_zombies_end_of_a_run_is_refused_and_the_new_owners_result_stands(tmp_path: Path) -> None:
    """Case 028."""
    store = SqliteStore(str(tmp_path / "s.db"), SettableClock())
    await store.open()
    zombie, owner = await _two_claims(store)
    ends = [
        _commit(run, rest=Rest(Status.COMPLETED, 0, output=data))
        for run, data in ((owner, b"1"), (zombie, b"2"))
    ]
    assert (await store.write([ends[0]]))[0] is not Refused.STALE
    assert await store.write([ends[1]]) == [Refused.STALE]
    run = await store.get(1)
    assert run is not None
    assert run.output == b"1"
    await store.close()


async def test_a_worker_that_was_fenced_lets_go_and_its_run_goes_on_elsewhere(
    tmp_path: Path, done: Counter[str]
) -> None:
    """Cases 027 and 028 with a whole worker: it notices, and begins a new life."""
    gate = Gate()

    @step
    async def slow() -> int:
        done["slow"] += 1
        mine = done["slow"]
        if mine == 1:
            await gate.pass_()
        return mine

    @workflow
    async def once() -> int:
        return await slow()

    async with Room(tmp_path, once) as room:
        run = await room.client.start(once, id="r")
        await gate.crowd(1)
        session = room.runtime.engine.session
        assert await room.runtime.store.write([EndSession(session)]) == [Done(1)]
        gate.open()  # the zombie's step answers, and cannot be written
        assert await run.result() == 2
        row = await room.row("r")
        assert (row.turn, row.output) == (2, b"2")
        assert len(await room.journal("r")) == 1
        assert room.runtime.engine.session not in (0, session)
    assert done["slow"] == 2


async def test_each_commit_extends_the_lease_of_a_slow_worker(tmp_path: Path) -> None:
    """Case 029."""
    left: list[int] = []

    @step
    async def slow() -> None:
        room.clock.set_on("6s")  # of a lease of ten
        store = room.runtime.store
        (session,) = await store.sessions()
        left.append(session.lease_until - store.lease_now())

    @workflow
    async def many() -> None:
        for _ in range(10):
            await slow()

    async with Room(tmp_path, many) as room:
        worker = room.runtime.worker
        assert worker is not None
        assert worker._heart is not None
        worker._heart.stop()
        worker.sweeper.stop()
        await (await room.client.start(many, id="r")).result()
        assert (await room.row("r")).turn == 1
    assert len(left) == 10
    assert min(left) > 0


async def test_one_sweep_hands_on_a_bounded_number_of_runs(tmp_path: Path) -> None:
    """Case 030."""
    store = SqliteStore(str(tmp_path / "s.db"), SettableClock())
    await store.open()
    opened: list[Write] = []
    for n in range(20):
        opened.append(OpenSession(n + 1, SECOND, 1, 1, "", "", "", "", "", (("order", "1"),)))
        opened += [Start(n * 100 + k, "default", f"{n}-{k}", "order", "1") for k in range(100, 200)]
        opened += [Claim(n + 1, "default", 100), EndSession(n + 1)]
    await store.write(opened)
    counts = [(await store.write([Release(500)]))[0] for _ in range(5)]
    assert counts == [Done(500)] * 4 + [Done(0)]
    await store.close()


async def test_a_cancel_and_an_end_that_race_have_one_winner_and_no_deadlock(tmp_path: Path) -> None:
    """Case 031: the cancels come from another process, through a connection of its own."""

    @workflow
    async def short(n: int) -> int:
        await receive(str)
        return n

    async with Room(tmp_path, short) as room:
        ids = [f"r{n}" for n in range(100)]
        for n, run_id in enumerate(ids):
            await room.client.start(short, n, id=run_id)
        other = subprocess.Popen(
            [sys.executable, PROGRAMS / "cancel_all.py", room.address, *ids],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
        for run_id in reversed(ids):
            with contextlib.suppress(RunEnded):
                await room.client.signal(run_id, "end")
        said, _ = await asyncio.to_thread(other.communicate)
        assert other.returncode == 0
        rows = [await room.reaches(run_id, "completed", "cancelled") for run_id in ids]
        for n, (row, answer) in enumerate(zip(rows, said.split("\n"), strict=False)):
            assert row.output == (str(n).encode() if row.status is Status.COMPLETED else None)
            assert answer == "accepted" or row.status is Status.COMPLETED
        assert {row.status for row in rows} == {Status.COMPLETED, Status.CANCELLED}


async def test_the_state_of_a_counter_survives_kills_between_its_calls(tmp_path: Path) -> None:
    """Case 032."""
    seen: list[int] = []

    @workflow
    async def counter() -> int:
        total = 0
        while (amount := await receive(int)) > 0:
            total += amount
        return total

    for n in range(4):
        async with Room(tmp_path, counter) as room:
            run = await room.client.start(counter, id="counter")
            await run.signal(n + 1)
            await eventually(partial(_entries, room, n + 1), "it is counted")
            seen.append(n + 1)
            await room.crash()
    async with Room(tmp_path, counter) as room:
        await room.client.signal("counter", 0)
        assert await room.client.run("counter").result() == sum(seen) == 10


async def _entries(room: Room, count: int) -> bool:
    return len(await room.journal("counter")) == count


async def test_an_interrupt_while_a_step_is_retried_leaves_the_run_to_be_recovered(tmp_path: Path) -> None:
    """Case 033: the interrupt comes from outside; one that a step raises is that step's own failure."""
    process = subprocess.Popen(
        [sys.executable, PROGRAMS / "retrying.py", f"sqlite:///{tmp_path / 'room.db'}"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(2):  # the step has been tried twice
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "tried"
    process.send_signal(signal.SIGINT)
    await asyncio.to_thread(process.communicate)
    assert process.returncode != 0

    @step(name="call", retry=Retry(attempts=None, first="10ms"))
    def call() -> str:
        return "answered"

    @workflow(name="stubborn")
    def stubborn() -> str:
        return call()

    async with Room(tmp_path, worker=False) as room:
        assert not (await room.row("r")).status.ended
    async with Room(tmp_path, stubborn) as room:
        assert await room.client.run("r").result() == "answered"
        kinds = {entry.kind for entry in await room.journal("r")}
        assert kinds == {Kind.ATTEMPT, Kind.STEP}


async def test_the_conflict_of_an_id_is_told_while_its_run_is_parked(tmp_path: Path) -> None:
    """Beside case 022: another workflow under the same id is an error, whatever became of the first one."""

    @workflow
    async def first() -> None:
        await receive(str)

    @workflow
    async def second() -> None:
        return None

    async with Room(tmp_path, first, second) as room:
        await room.client.start(first, id="r")
        with pytest.raises(RunConflict, match="is a run of workflow"):
            await room.client.start(second, id="r")
