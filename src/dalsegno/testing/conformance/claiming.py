"""Chapter two: due runs are claimed, each by one session."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.commit import Claim, Claimed, EndSession, Fence, Refused, Release, Rest
from dalsegno.core.runs import Status
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, expect


async def a_claimed_run_is_the_sessions(world: World) -> None:
    """A claimed run is running, owned, one turn on, and not due any more."""
    started = await world.start()
    world.clock.advance(7)
    session = await world.session()
    claimed = await world.claim(session)
    now = world.clock.now()
    wanted = replace(
        started,
        status=Status.RUNNING,
        turn=1,
        session=session,
        due_at=None,
        started_at=now,
        changed_at=now,
    )
    expect(claimed, Claimed((wanted,), (), now), "what a claim answers")
    expect(await world.read(started), wanted, "the run after it was claimed")


async def nobody_claims_it_twice(world: World) -> None:
    """A run that is owned is not claimed again, by whomever."""
    await world.start()
    mine, theirs = await world.session(), await world.session()
    expect(len((await world.claim(mine)).runs), 1, "runs claimed first")
    expect((await world.claim(theirs)).runs, (), "runs claimed by another session")
    expect((await world.claim(mine)).runs, (), "runs claimed again")


async def it_was_first_started_once(world: World) -> None:
    """When a run is claimed for a second time, its turn counts on and its start stays where it was."""
    first = await world.claimed()
    await world.one(a_commit(first, rest=Rest(Status.WAITING, 0, due_at=world.clock.now() + 10)))
    world.clock.advance(10)
    (second,) = (await world.claim(await world.session())).runs
    expect((second.turn, second.started_at), (2, first.started_at), "turn and start of the second claim")
    expect(second.changed_at, world.clock.now(), "when it changed last")


async def only_what_is_due(world: World) -> None:
    """A run is claimed at the very microsecond when it is due, and not before."""
    run = await world.resting(due_at=world.clock.now() + 1_000)
    session = await world.session()
    world.clock.advance(999)
    expect((await world.claim(session)).runs, (), "runs claimed a microsecond early")
    world.clock.advance(1)
    expect([r.number for r in (await world.claim(session)).runs], [run.number], "runs claimed on time")


async def the_oldest_due_first(world: World) -> None:
    """Where not all can be claimed, those that have been due for longest are."""
    late = await world.resting("late", due_at=world.clock.now() + 20)
    early = await world.resting("early", due_at=world.clock.now() + 10)
    middle = await world.resting("middle", due_at=world.clock.now() + 15)
    world.clock.advance(100)
    session = await world.session()
    two = {run.number for run in (await world.claim(session, 2)).runs}
    expect(two, {early.number, middle.number}, "the first two claimed")
    expect([run.number for run in (await world.claim(session, 2)).runs], [late.number], "the last one")


async def as_many_as_asked_for(world: World) -> None:
    """A claim takes up to its limit, and answers in the order of run numbers."""
    numbers = [(await world.start(f"order-{n}")).number for n in range(5)]
    session = await world.session()
    expect((await world.claim(session, 0)).runs, (), "runs claimed with limit 0")
    expect([run.number for run in (await world.claim(session, 3)).runs], numbers[:3], "the first three")
    expect([run.number for run in (await world.claim(session, 3)).runs], numbers[3:], "the other two")


async def only_what_the_session_has(world: World) -> None:
    """A session claims runs of the workflows and versions that it has; others are left for others."""
    await world.start("old", version="1")
    new = await world.start("new", version="2")
    refund = await world.start("refund", workflow="refund", version="2")
    await world.start("other", workflow="other", version="2")
    session = await world.session(("order", "2"), ("refund", "2"))
    claimed = [run.number for run in (await world.claim(session)).runs]
    expect(claimed, [new.number, refund.number], "runs claimed")


async def only_from_its_queue(world: World) -> None:
    """A claim takes from one queue."""
    slow = await world.start("slow", queue="slow")
    fast = await world.start("fast")
    session = await world.session()
    expect([r.number for r in (await world.claim(session)).runs], [fast.number], "runs of one queue")
    expect([r.number for r in (await world.claim(session, queue="slow")).runs], [slow.number], "of the other")


async def suspects_stand_apart(world: World) -> None:
    """Runs that have crashed their worker too often are claimed as suspects only, a few at a time."""
    calm = await world.start("calm", workflow="refund")
    numbers = [(await world.start(f"suspect-{n}")).number for n in range(2)]
    for _ in range(2):
        session = await world.session()
        await world.claim(session, suspects=1, suspect_after=100)
        await world.write(EndSession(session), Release(max_crashes=9))
    both = await world.session(("order", "1"), ("refund", "1"))
    claimed = await world.claim(both, suspects=0, suspect_after=2)
    expect([run.number for run in claimed.runs], [calm.number], "runs claimed without suspects")
    claimed = await world.claim(both, suspects=1, suspect_after=2)
    expect([run.number for run in claimed.runs], numbers[:1], "claimed with one suspect")
    expect(claimed.runs[0].crashes, 2, "its crashes")


async def a_claim_tells_the_news(world: World) -> None:
    """A claim tells which owned runs got deliveries since, once; those of other sessions it does not."""
    mine, theirs = await world.claimed("mine"), await world.claimed("theirs")
    await world.signal(mine)
    await world.signal(mine)
    await world.signal(theirs)
    assert mine.session is not None
    expect((await world.claim(mine.session)).news, ((mine.number, 2),), "the news")
    expect((await world.claim(mine.session)).news, (), "the news, asked again")
    await world.signal(mine)
    expect((await world.claim(mine.session)).news, ((mine.number, 3),), "the news after another signal")


async def the_fenced_claim_nothing(world: World) -> None:
    """A claim under a fence that no longer holds is refused; without one it gets nothing."""
    await world.start()
    session = await world.session()
    await world.one(EndSession(session))
    verdict = await world.one(Claim(session, "default", 5), Fence(session, 1, LEASE))
    expect(verdict, Refused.FENCED, "a claim under the fence of a session that has ended")
    expect((await world.claim(session)).runs, (), "what it claims without a fence")


async def the_next_due_is_told(world: World) -> None:
    """The store tells when the next unowned run of a queue is due."""
    expect(await world.store.next_due("default"), None, "the next due of an empty store")
    await world.resting("later", due_at=world.clock.now() + 30)
    await world.resting("sooner", due_at=world.clock.now() + 20)
    await world.resting("never")
    await world.start("slow", queue="slow")
    expect(await world.store.next_due("default"), world.clock.now() + 20, "the next due")
    world.clock.advance(20)
    await world.claim(await world.session())
    expect(await world.store.next_due("default"), world.clock.now() + 10, "the next due after a claim")


CASES = (
    Case(a_claimed_run_is_the_sessions),
    Case(nobody_claims_it_twice),
    Case(it_was_first_started_once),
    Case(only_what_is_due),
    Case(the_oldest_due_first),
    Case(as_many_as_asked_for),
    Case(only_what_the_session_has),
    Case(only_from_its_queue),
    Case(suspects_stand_apart),
    Case(a_claim_tells_the_news),
    Case(the_fenced_claim_nothing),
    Case(the_next_due_is_told),
)
