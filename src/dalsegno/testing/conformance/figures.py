"""Chapter twenty: what is in the store is counted by what it does, and what has ended is not."""

from __future__ import annotations

import msgspec

from dalsegno.core.cases import NewProcess, RegisterProcesses
from dalsegno.core.commit import Rest
from dalsegno.core.runs import DEAD_LETTER, Status
from dalsegno.store.figures import CaseGroup, StalledRuns, WaitingRuns
from dalsegno.testing.conformance.eventful import an_event, emit
from dalsegno.testing.conformance.world import Case, World, a_commit, a_step, expect


async def what_is_to_be_begun_and_what_has_begun_is_counted(world: World) -> None:
    """Pending runs that are due, and runs that a session owns, each namespace for itself."""
    expect(await world.store.at_work("default"), (0, 0), "the counts of an empty store")
    await world.claimed("claimed")
    await world.ended("ended")
    await world.start("due")
    await world.start("later", due_at=world.clock.now() + 1_000)
    await world.start("held", held=True)
    await world.start("away", namespace="other")
    expect(await world.store.at_work("default"), (1, 1), "due and claimed runs")
    expect(await world.store.at_work("other"), (1, 0), "those of another namespace")
    world.clock.advance(1_000)
    expect(await world.store.at_work("default"), (2, 1), "once the later one is due")


async def what_waits_is_counted_by_why_it_waits(world: World) -> None:
    """By workflow, by the reason of those that are parked, and by whether a time will wake them."""
    at = world.clock.now()
    await world.resting("forever", reason="compensating")
    await world.resting("asleep", due_at=at + 1_000)
    world.clock.advance(10)
    await world.resting("also forever")
    await world.resting("parked", reason=DEAD_LETTER)
    refund = await world.claimed("refund", workflow="refund")
    await world.one(a_commit(refund, rest=Rest(Status.WAITING, refund.wakes)))
    await world.ended("ended")
    wanted = [
        WaitingRuns("order", "", asleep=False, count=2, since=at),
        WaitingRuns("order", "", asleep=True, count=1, since=at),
        WaitingRuns("order", DEAD_LETTER, asleep=False, count=1, since=at + 10),
        WaitingRuns("refund", "", asleep=False, count=1, since=at + 10),
    ]
    expect(await world.store.waiting("default"), wanted, "the groups")
    expect(await world.store.waiting("other"), [], "those of another namespace")
    world.clock.advance(990)
    alike = await world.store.waiting("default")
    expect(
        [(group.workflow, group.parked, group.asleep, group.count) for group in alike],
        [("order", "", False, 3), ("order", DEAD_LETTER, False, 1), ("refund", "", False, 1)],
        "once the time has come at which one wakes",
    )


async def what_stands_still_is_counted_by_workflow(world: World) -> None:
    """What waits for no time to come, is due and not taken up, or is owned and writes nothing; and nothing else."""
    at = world.clock.now()
    forever = await world.resting("forever")
    await world.resting("asleep", due_at=at + 10_000)
    await world.resting("overdue", due_at=at + 100)
    await world.resting("parked", reason=DEAD_LETTER)
    await world.ended("ended")
    silent, busy = await world.claimed("silent", workflow="a"), await world.claimed("busy", workflow="a")
    pending = await world.start("pending", workflow="b")
    expect(await world.store.stalled("default", at), [], "at once")
    world.clock.advance(1_000)
    await world.one(a_commit(busy, a_step(1)))
    await world.start("fresh", workflow="b")
    found = await world.store.stalled("default", at + 1_000)
    wanted = [
        StalledRuns("a", 1, at, silent.number),
        StalledRuns("b", 1, at, pending.number),
        StalledRuns("order", 2, at, forever.number),
    ]
    expect(found, wanted, "what stands still")
    expect(await world.store.stalled("other", at + 1_000), [], "that of another namespace")


async def cases_that_are_late_or_stand_still_are_counted_by_process(world: World) -> None:
    """Open ones alone; one to which an event comes, or of which a run moves or sleeps, does not stand still."""
    at = world.clock.now()
    for process in ("order", "refund"):
        due = 600 if process == "order" else None
        told = {"starts": [[f"{process}.began", 1]], "ends": [[[f"{process}.ended", 1]]], "due": due}
        declared = NewProcess(process, data=msgspec.json.encode(told))
        await world.one(RegisterProcesses("default", (declared,)))
    cases = ("order-1", "order-2", "order-3", "order-4", "order-5", "refund-1")
    for case in cases:
        process, _, key = case.partition("-")
        await emit(world, an_event(f"{process}.began", case_id=case, key=key))
    await emit(world, an_event("order.ended", case_id="order-2", key="2"))
    asleep = await world.claimed("asleep", case_id="order-3")
    await world.one(a_commit(asleep, rest=Rest(Status.WAITING, asleep.wakes, due_at=at + 10_000)))
    busy = await world.claimed("busy", case_id="order-4")
    expect(await world.store.late_cases("default"), [], "late ones at once")
    expect(await world.store.still_cases("default", at), [], "those that stand still, at once")
    world.clock.advance(1_000)
    await world.one(a_commit(busy, a_step(1)))
    await emit(world, an_event("news", case_id="order-5", key="5"))
    late = [CaseGroup("order", 4, at + 600, "order-1")]
    expect(await world.store.late_cases("default"), late, "those that are late")
    still = [CaseGroup("order", 1, at, "order-1"), CaseGroup("refund", 1, at, "refund-1")]
    expect(await world.store.still_cases("default", at + 1_000), still, "those that stand still")
    expect(await world.store.still_cases("other", at + 1_000), [], "those of another namespace")


CASES = (
    Case(cases_that_are_late_or_stand_still_are_counted_by_process),
    Case(what_stands_still_is_counted_by_workflow),
    Case(what_is_to_be_begun_and_what_has_begun_is_counted),
    Case(what_waits_is_counted_by_why_it_waits),
)
