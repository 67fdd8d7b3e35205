"""Chapter nine: a group is one transaction, and each item of it answers for itself."""

from __future__ import annotations

from dalsegno.core.commit import (
    Claim,
    Claimed,
    Committed,
    EndSession,
    Failed,
    Fence,
    Refused,
    Release,
    Rest,
    Sent,
    SentHow,
    Start,
    Started,
)
from dalsegno.core.entries import Timer
from dalsegno.core.runs import Status
from dalsegno.core.writes import Write
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, a_signal, a_step, expect, fail


async def verdicts_come_in_order(world: World) -> None:
    """Each item gets its verdict, in the order of the items; an empty group gets none."""
    run = await world.claimed()
    verdicts = await world.write(
        world.a_start("other"), a_signal(run), a_commit(run, a_step(1)), EndSession(5), Release()
    )
    kinds = [type(verdict).__name__ for verdict in verdicts]
    expect(kinds, ["Started", "Sent", "Committed", "Done", "Done"], "the kinds of verdicts")
    expect(await world.write(), [], "the verdicts of nothing")


async def items_see_those_before_them(world: World) -> None:
    """Items are applied in order: a later one sees what an earlier one of its group has written."""
    start = world.a_start("order-1")
    session = await world.session()
    found = await world.write(start, Claim(session, "default", 10), world.a_start("order-1"))
    claimed, again = found[1], found[2]
    if not isinstance(claimed, Claimed) or not isinstance(again, Started):
        fail(f"the group answered {found!r}")
    expect([run.number for run in claimed.runs], [start.number], "what was claimed")
    expect((again.created, again.run.status), (False, Status.RUNNING), "the second start")


async def one_bad_item_harms_nobody(world: World) -> None:
    """An item that cannot be written answers that it failed, leaves nothing, and the others land."""
    bad, good = await world.claimed("bad"), await world.claimed("good")
    await world.one(a_commit(bad, a_step(1)))
    spoilt = a_commit(bad, a_step(2), a_step(1), timers=(Timer(1, 5),), starts=(world.a_start("child"),))
    before = (await world.read(bad), await world.store.load([bad.number]))
    verdicts = await world.write(
        world.a_start("first"), a_commit(good, a_step(1)), spoilt, a_signal(good), world.a_start("last")
    )
    if not isinstance(verdicts[2], Failed):
        fail(f"an entry in the place of another one answered {verdicts[2]!r}")
    kinds = [type(verdict).__name__ for verdict in verdicts]
    expect(kinds, ["Started", "Committed", "Failed", "Sent", "Started"], "the verdicts")
    after = (await world.read(bad), await world.store.load([bad.number]))
    expect(after, before, "what the bad item left behind")
    expect(await world.store.find("default", "child"), None, "its child")
    expect(len(await world.store.journal(good.number)), 1, "entries of the good one")
    expect((await world.read(good)).wakes, 1, "wakes of the good one")


async def a_bad_item_under_a_fence_counts_once(world: World) -> None:
    """A group with an item that failed is one commit of its session, like any other."""
    run = await world.claimed()
    assert run.session is not None
    await world.one(a_commit(run, a_step(1)))
    group = (a_commit(run, a_step(1)), a_commit(run, a_step(2)))
    bad, good = await world.write(*group, fence=Fence(run.session, 1, LEASE))
    if not isinstance(bad, Failed):
        fail(f"an entry in the place of another one answered {bad!r}")
    expect(good, Committed(world.clock.now()), "the item after the bad one")
    third = await world.one(a_commit(run, a_step(3)), Fence(run.session, 2, LEASE))
    expect(third, Committed(world.clock.now()), "the next group")


async def the_fence_bars_commits_alone(world: World) -> None:
    """Under a fence that does not hold, commits and claims are refused; starts and messages go through."""
    run, other = await world.claimed(), await world.start("other")
    assert run.session is not None
    await world.one(EndSession(run.session))
    group: list[Write] = [
        a_commit(run, a_step(1)),
        world.a_start("new"),
        a_signal(other),
        Claim(run.session, "default", 10),
        a_commit(run, rest=Rest(Status.COMPLETED, 0)),
    ]
    verdicts = await world.write(*group, fence=Fence(run.session, 1, LEASE))
    expect((verdicts[0], verdicts[3], verdicts[4]), (Refused.FENCED,) * 3, "commits and the claim")
    if not isinstance(verdicts[1], Started) or not verdicts[1].created:
        fail(f"the start answered {verdicts[1]!r}")
    expect(verdicts[2], Sent(SentHow.ACCEPTED, other.number, Status.PENDING), "the signal")


async def a_landed_group_may_be_written_again(world: World) -> None:
    """Where only the reply to a group was lost, writing it again answers the same and changes nothing."""
    run, resting = await world.claimed("run"), await world.claimed("resting")
    session = run.session
    assert session is not None
    await world.one(a_commit(resting, rest=Rest(Status.WAITING, 0, due_at=world.clock.now())))
    (resting,) = (await world.claim(session)).runs
    due = await world.start("due")
    group: list[Write] = [
        a_commit(run, a_step(1), a_step(2), timers=(Timer(4, 9),), starts=(_child(world, run.number),)),
        a_commit(resting, a_step(1), rest=Rest(Status.WAITING, 0, due_at=world.clock.now() + 1_000)),
        world.a_start("new"),
        a_signal(run, "s-1"),
        Claim(session, "default", 1),
        Release(),
    ]
    fence = Fence(session, 1, LEASE)
    first = await world.write(*group, fence=fence)
    after = await world.snapshot()
    second = await world.write(*group, fence=fence)
    expect(await world.snapshot(), after, "the store's rows after the repetition")
    expect(second[:2], first[:2], "the verdicts of the commits")
    expect(second[3], Sent(SentHow.REPEATED, run.number, Status.RUNNING), "the verdict of the signal")
    claimed = second[4]
    if not isinstance(claimed, Claimed) or due.number not in [run.number for run in claimed.runs]:
        fail(f"the repeated claim does not tell of the run that it has: {claimed!r}")


def _child(world: World, parent: int) -> Start:
    return world.a_start("child", workflow="refund", parent=parent, parent_op=3)


async def a_landed_end_may_be_written_again(world: World) -> None:
    """The end of a run, written again because the reply was lost, is the end that it was."""
    run = await world.claimed()
    assert run.session is not None
    end = a_commit(run, rest=Rest(Status.COMPLETED, 0, output=b"1"))
    fence = Fence(run.session, 1, LEASE)
    first = await world.one(end, fence)
    after = await world.snapshot()
    expect(await world.one(end, fence), first, "the verdict of the repetition")
    expect(await world.snapshot(), after, "the store's rows after it")


CASES = (
    Case(verdicts_come_in_order),
    Case(items_see_those_before_them),
    Case(one_bad_item_harms_nobody),
    Case(a_bad_item_under_a_fence_counts_once),
    Case(the_fence_bars_commits_alone),
    Case(a_landed_group_may_be_written_again),
    Case(a_landed_end_may_be_written_again),
)
