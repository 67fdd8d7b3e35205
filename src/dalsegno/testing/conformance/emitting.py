"""Chapter eleven: events of a run or a service are on the log exactly when its commit is."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Commit, Emit, EndSession, Fence, Refused, Rest
from dalsegno.core.runs import Run, Status
from dalsegno.core.writes import Write
from dalsegno.testing.conformance.eventful import an_event, at_work, emit, types_on_log
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, a_step, expect


def _telling(run: Run, **fields: Any) -> Commit:
    return a_commit(run, a_step(1), events=(an_event("A", run=run.number), an_event("B")), **fields)


async def _expect_silence(world: World, commit: Write, wanted: Refused, fence: Fence | None = None) -> None:
    before = await world.snapshot()
    expect(await world.one(commit, fence), wanted, "the verdict")
    expect(await world.snapshot(), before, "the store's rows after the refusal")


async def a_commit_emits(world: World) -> None:
    """The events of a commit are on the log with it, with or without an entry, at rest and at the end."""
    run = await world.claimed()
    await world.one(_telling(run))
    expect(await types_on_log(world), [(1, "A"), (2, "B")], "the log after an entry")
    event = await world.store.event(1)
    expect(event.run if event else None, run.number, "who emitted it")
    await world.one(a_commit(run, rest=Rest(Status.COMPLETED, 0), events=(an_event("C"),)))
    expect(await types_on_log(world), [(1, "A"), (2, "B"), (3, "C")], "the log after the end")


async def a_refused_commit_emits_nothing(world: World) -> None:
    """Whatever refuses a commit keeps its events off the log."""
    await world.start("child", workflow="refund")
    run, gone = await world.claimed("run"), await world.claimed("gone")
    assert gone.session is not None
    await world.one(EndSession(gone.session))
    fence = Fence(gone.session, 1, LEASE)
    await _expect_silence(world, _telling(gone), Refused.FENCED, fence)
    stale = Commit(run.number, run.session or 0, run.turn + 1, 0, (a_step(1),), events=(an_event(),))
    await _expect_silence(world, stale, Refused.STALE)
    child = world.a_start("child", parent=run.number, parent_op=5)
    await _expect_silence(world, _telling(run, starts=(child,)), Refused.CHILD_EXISTS)
    await world.signal(run)
    await _expect_silence(world, _telling(run, rest=Rest(Status.COMPLETED, 0)), Refused.MISSED)


async def what_failed_emits_nothing(world: World) -> None:
    """An item that could not be written emits nothing; the others of its group do, in their order."""
    run, other = await world.claimed("run"), await world.claimed("other")
    await world.one(a_commit(run, a_step(1)))
    group = (
        Emit((an_event("C"),)),
        _telling(run),
        a_commit(other, a_step(1), events=(an_event("D"),)),
        Emit((an_event("E"),)),
    )
    verdicts = [type(verdict).__name__ for verdict in await world.write(*group)]
    expect(verdicts, ["Emitted", "Failed", "Committed", "Emitted"], "the verdicts")
    expect(await types_on_log(world), [(1, "C"), (2, "D"), (3, "E")], "the log")


async def a_landed_group_emits_nothing_twice(world: World) -> None:
    """Where only the reply to a group was lost, writing it again puts none of its events on the log again."""
    work = await at_work(world)
    await emit(world, an_event(key="k-1"))
    await world.start("run", workflow="pay.charge")
    await world.start("ending", workflow="pay.charge")
    run, ending = (await world.claim(work.session)).runs
    group: list[Write] = [
        _telling(run),
        a_commit(ending, rest=Rest(Status.COMPLETED, 0), events=(an_event("C"),)),
        Emit((an_event("D", id="e-1"),)),
        work.a_react(work.a_reaction(1), positions=((0, 1), (1, 1)), events=(an_event("E"),)),
    ]
    fence = Fence(work.session, 1, LEASE)
    first = await world.write(*group, fence=fence)
    after = await world.snapshot()
    world.clock.advance(5)
    second = await world.write(*group, fence=fence)
    wanted = [(1, "Placed"), (2, "A"), (3, "B"), (4, "C"), (5, "D"), (6, "E")]
    expect(await types_on_log(world), wanted, "the log")
    expect((second[:2], second[3]), (first[:2], first[3]), "the verdicts of the repetition")
    sessions = await world.store.sessions()
    expect(sessions[0].commits, 1, "the commits of the session")
    expect(await world.snapshot(), after, "the store's rows after the repetition")


async def a_fenced_session_emits_nothing_of_its_own(world: World) -> None:
    """Of a group whose fence is lost, what came from outside is emitted, and nothing else."""
    run = await world.claimed()
    assert run.session is not None
    await world.one(EndSession(run.session))
    verdicts = await world.write(_telling(run), Emit((an_event("C"),)), fence=Fence(run.session, 1, LEASE))
    expect(verdicts[0], Refused.FENCED, "the verdict of the commit")
    expect(await types_on_log(world), [(1, "C")], "the log")


CASES = (
    Case(a_commit_emits),
    Case(a_refused_commit_emits_nothing),
    Case(what_failed_emits_nothing),
    Case(a_landed_group_emits_nothing_twice),
    Case(a_fenced_session_emits_nothing_of_its_own),
)
