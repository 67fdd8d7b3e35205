"""Chapter three: what one advance of a run produced is written as a whole, or not at all."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.commit import Commit, Committed, EndSession, Fence, Refused, Rest, Send
from dalsegno.core.entries import Entry, Kind, Outcome, Timer
from dalsegno.core.runs import COMPENSATING, Run, Status
from dalsegno.core.writes import Verdict
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, a_signal, a_step, expect, fail


def _full(world: World, run: Run, **fields: object) -> Commit:
    """Make a commit that writes something of everything."""
    return a_commit(
        run,
        a_step(1),
        a_step(2),
        timers=(Timer(7, world.clock.now() + 50),),
        starts=(world.a_start("child", parent=run.number, parent_op=5),),
        sends=(Send(Kind.SIGNAL, namespace="default", run_id="bystander", name="Paid", id="s"),),
        clear_crashes=True,
        **fields,
    )


async def _expect_refusal(world: World, commit: Commit, wanted: Refused, fence: Fence | None = None) -> None:
    """Write a commit that must be refused, and leave nothing behind."""
    before = await world.snapshot()
    expect(await world.one(commit, fence), wanted, "the verdict")
    expect(await world.snapshot(), before, "the store's rows after the refusal")


async def everything_is_written(world: World) -> None:
    """Entries, timers, children and messages of a commit are there together."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    world.clock.advance(3)
    now = world.clock.now()
    expect(await world.one(_full(world, run)), Committed(now), "the verdict")
    loaded = (await world.store.load([run.number]))[run.number]
    expect(loaded.entries, (replace(a_step(1), at=now), replace(a_step(2), at=now)), "the journal")
    expect(loaded.timers, (Timer(7, now + 47 + 3),), "the timers")
    child = await world.store.find("default", "child")
    bystander = await world.store.find("default", "bystander")
    if child is None or bystander is None:
        fail("the child or the bystander is not there")
    expect((child.parent, child.parent_op, child.status), (run.number, 5, Status.PENDING), "the child")
    expect(bystander.wakes, 1, "the wakes of who was sent something")
    expect((await world.read(run)).session, run.session, "the run's session")


async def entries_keep_all_they_carry(world: World) -> None:
    """An entry reads back as it was written, with the time of its commit."""
    run = await world.claimed()
    entry = Entry(
        1, Kind.CHILD, 4, "ship", b"\x00\x01", Outcome.UNKNOWN, 3, source="order-2", codec=9, data=b"{}"
    )
    bare = Entry(2, Kind.CANCEL)
    await world.one(a_commit(run, entry, bare))
    now = world.clock.now()
    expect(await world.store.journal(run.number), [replace(entry, at=now), replace(bare, at=now)], "entries")


async def time_never_goes_back_in_a_run(world: World) -> None:
    """Entries bear the store's time, but never one before the floor that the commit names."""
    run = await world.claimed()
    world.clock.advance(-1_000)
    floor = world.clock.now() + 1_000
    expect(await world.one(a_commit(run, a_step(1), floor=floor)), Committed(floor), "the verdict")
    expect([entry.at for entry in await world.store.journal(run.number)], [floor], "the entry's time")


async def a_fenced_session_commits_nothing(world: World) -> None:
    """A commit under the fence of a session that was ended is refused, and leaves nothing."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    assert run.session is not None
    await world.one(EndSession(run.session))
    await _expect_refusal(world, _full(world, run), Refused.FENCED, Fence(run.session, 1, LEASE))


async def the_fence_counts(world: World) -> None:
    """A fence that counts otherwise than the store, ahead or behind, does not hold."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    assert run.session is not None
    expect(await world.one(a_commit(run), Fence(run.session, 1, LEASE)), Committed(world.clock.now()), "one")
    expect(await world.one(a_commit(run), Fence(run.session, 2, LEASE)), Committed(world.clock.now()), "two")
    await _expect_refusal(world, _full(world, run), Refused.FENCED, Fence(run.session, 1, LEASE))
    await _expect_refusal(world, _full(world, run), Refused.FENCED, Fence(run.session, 4, LEASE))
    await _expect_refusal(world, _full(world, run), Refused.FENCED, Fence(999_999, 1, LEASE))


async def another_session_cannot_commit(world: World) -> None:
    """A commit of a run by a session that does not own it is refused."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    other = await world.session()
    await _expect_refusal(world, _full(world, replace(run, session=other)), Refused.STALE)


async def an_earlier_turn_cannot_commit(world: World) -> None:
    """A commit of a turn that is over is refused, though the session owns the run again."""
    await world.start("bystander", workflow="refund")
    first = await world.claimed()
    assert first.session is not None
    await world.one(a_commit(first, rest=Rest(Status.WAITING, 0, due_at=world.clock.now())))
    await world.claim(first.session)
    await _expect_refusal(world, _full(world, first), Refused.STALE)
    await _expect_refusal(world, _full(world, first, rest=Rest(Status.COMPLETED, 0)), Refused.STALE)


async def nobody_commits_a_run_at_rest(world: World) -> None:
    """A run that waits, or has ended, takes no commits: it is nobody's."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    await world.one(a_commit(run, rest=Rest(Status.COMPLETED, 0, output=b"1")))
    await _expect_refusal(world, _full(world, run), Refused.STALE)
    await _expect_refusal(world, _full(world, run, rest=Rest(Status.FAILED, 0)), Refused.STALE)


async def an_unknown_run_cannot_commit(world: World) -> None:
    """A commit of a run that is not there is refused."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    await _expect_refusal(world, _full(world, replace(run, number=5)), Refused.STALE)


async def no_delivery_is_slept_through(world: World) -> None:
    """A run cannot come to rest, or end, while a delivery waits that it has not seen."""
    await world.start("bystander", workflow="refund")
    run = await world.claimed()
    await world.signal(run)
    for status in (Status.WAITING, Status.COMPLETED):
        await _expect_refusal(world, _full(world, run, rest=Rest(status, 0)), Refused.MISSED)
    verdict = await world.one(a_commit(run, rest=Rest(Status.WAITING, 1)))
    expect(verdict, Committed(world.clock.now()), "coming to rest once the delivery was seen")


async def a_foreign_child_refuses_the_commit(world: World) -> None:
    """Where a child's id belongs to another run, the whole commit is refused."""
    await world.start("bystander", workflow="refund")
    await world.start("child", workflow="refund")
    run = await world.claimed()
    await _expect_refusal(world, _full(world, run), Refused.CHILD_EXISTS)
    await _expect_refusal(world, _full(world, run, rest=Rest(Status.COMPLETED, 0)), Refused.CHILD_EXISTS)


async def another_child_of_the_same_operation_refuses_the_commit(world: World) -> None:
    """A child that the same operation started is its own only if it is of the same workflow."""
    run = await world.claimed()
    child = world.a_start("child", parent=run.number, parent_op=5)
    await world.one(a_commit(run, starts=(child,)))
    for fields in ({"workflow": "refund"}, {"input_digest": b"other"}):
        other = world.a_start("child", parent=run.number, parent_op=5, **fields)
        await _expect_refusal(world, a_commit(run, a_step(1), starts=(other,)), Refused.CHILD_EXISTS)


async def its_own_child_may_be_started_again(world: World) -> None:
    """A child that this very operation started before is no hindrance, and is not started twice."""
    run = await world.claimed()
    child = world.a_start("child", parent=run.number, parent_op=5)
    await world.one(a_commit(run, starts=(child,)))
    again = world.a_start("child", parent=run.number, parent_op=5)
    verdict = await world.one(a_commit(run, a_step(1), starts=(again,)))
    expect(verdict, Committed(world.clock.now()), "the verdict of the second start")
    found = await world.store.find("default", "child")
    expect(found.number if found else None, child.number, "the child's number")
    expect(await world.store.get(again.number), None, "the run of the second number")


async def a_taken_number_refuses_the_commit(world: World) -> None:
    """Where a child's number belongs to another run, the whole commit is refused."""
    other = await world.start("bystander", workflow="refund")
    run = await world.claimed()
    for rest in (None, Rest(Status.COMPLETED, 0)):
        starts = tuple(
            world.a_start(name, parent=run.number, parent_op=n, number=number)
            for n, (name, number) in enumerate((("one", None), ("two", other.number)))
        )
        await _expect_refusal(world, a_commit(run, a_step(1), starts=starts, rest=rest), Refused.NUMBER_TAKEN)


async def a_run_comes_to_rest(world: World) -> None:
    """A run that waits is nobody's, due when it said, and no longer suspected of anything."""
    run = await world.claimed()
    world.clock.advance(5)
    due, now = world.clock.now() + 60, world.clock.now()
    rest = Rest(Status.WAITING, 0, "compensating", due, notes=b"n", error=b"e")
    expect(await world.one(a_commit(run, a_step(1), rest=rest)), Committed(now), "the verdict")
    wanted = replace(
        run,
        status=Status.WAITING,
        reason="compensating",
        due_at=due,
        notes=b"n",
        error=b"e",
        session=None,
        changed_at=now,
    )
    expect(await world.read(run), wanted, "the run at rest")


async def a_run_ends(world: World) -> None:
    """A run that has ended has its outcome, no timers, and is never due again."""
    run = await world.claimed()
    await world.one(a_commit(run, timers=(Timer(1, 5), Timer(2, 6, True))))
    world.clock.advance(5)
    now = world.clock.now()
    rest = Rest(Status.COMPLETED, 0, "compensated", 99, b"notes", b"out", 4, b"err")
    expect(await world.one(a_commit(run, rest=rest)), Committed(now), "the verdict")
    wanted = replace(
        run,
        status=Status.COMPLETED,
        reason="compensated",
        output=b"out",
        output_codec=4,
        error=b"err",
        notes=None,
        due_at=None,
        session=None,
        changed_at=now,
        ended_at=now,
    )
    expect(await world.read(run), wanted, "the run that has ended")
    expect(await world.store.timers(run.number), [], "its timers")
    expect((await world.claim(await world.session())).runs, (), "what is due")


async def a_run_under_way_tells_its_reason(world: World) -> None:
    """A commit may give the run a reason and notes, or take them away, without bringing it to rest."""
    run = await world.claimed()
    world.clock.advance(5)
    await world.one(a_commit(run, reason=COMPENSATING, notes=b"half"))
    now = world.clock.now()
    wanted = replace(run, reason=COMPENSATING, notes=b"half", changed_at=now)
    expect(await world.read(run), wanted, "the run with a reason")
    await world.one(a_commit(run, a_step(1)))
    expect(await world.read(run), wanted, "the run after a commit that says nothing of it")
    await world.one(a_commit(run, reason="", notes=None))
    expect(await world.read(run), replace(wanted, reason=None, notes=None), "the run without a reason")


async def deliveries_are_consumed(world: World) -> None:
    """What a commit consumes is gone from the inbox, and the rest is still there."""
    run = await world.claimed()
    for name in ("first", "second", "third"):
        await world.one(a_signal(run, name=name))
    expect(
        await world.one(a_commit(run, a_step(1), consumed=(1, 3))), Committed(world.clock.now()), "verdict"
    )
    inbox = (await world.store.inbox([run.number]))[run.number]
    expect([(d.number, d.name) for d in inbox], [(2, "second")], "the inbox")


async def every_commit_renews_the_lease(world: World) -> None:
    """A group under a fence renews its session's lease, counts, and notes the turn of the loop."""
    run = await world.claimed()
    assert run.session is not None
    verdicts: list[Verdict] = []
    for commits in (1, 2):
        world.clock.advance(LEASE // 2)
        fence = Fence(run.session, commits, LEASE, loop_turn_at=commits * 11)
        verdicts.append(await world.one(a_commit(run, a_step(commits)), fence))
        (session,) = [s for s in await world.store.sessions() if s.number == run.session]
        found = (session.commits, session.lease_until, session.loop_turn_at)
        expect(found, (commits, world.clock.boot() + LEASE, commits * 11), "commits, lease and turn")
    if not all(isinstance(verdict, Committed) for verdict in verdicts):
        fail(f"the commits answered {verdicts!r}")


CASES = (
    Case(everything_is_written),
    Case(entries_keep_all_they_carry),
    Case(time_never_goes_back_in_a_run),
    Case(a_fenced_session_commits_nothing),
    Case(the_fence_counts),
    Case(another_session_cannot_commit),
    Case(an_earlier_turn_cannot_commit),
    Case(nobody_commits_a_run_at_rest),
    Case(an_unknown_run_cannot_commit),
    Case(no_delivery_is_slept_through),
    Case(a_foreign_child_refuses_the_commit),
    Case(another_child_of_the_same_operation_refuses_the_commit),
    Case(its_own_child_may_be_started_again),
    Case(a_taken_number_refuses_the_commit),
    Case(a_run_comes_to_rest),
    Case(a_run_ends),
    Case(a_run_under_way_tells_its_reason),
    Case(deliveries_are_consumed),
    Case(every_commit_renews_the_lease),
)
