"""Chapter fourteen: what a service did with events is written in one commit, each reaction once."""

from __future__ import annotations

from dalsegno.core.commit import Committed, EndSession, Failed, Fence, Kept, Refused
from dalsegno.core.reactions import KeptRow, React, ReactedAs, SteerService
from dalsegno.store.log import ReactionRow
from dalsegno.testing.conformance.eventful import AtWork, an_event, at_work, emit, take, types_on_log
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, expect, fail


def _full(work: AtWork, **fields: object) -> React:
    """Make a React that writes something of everything."""
    given: dict[str, object] = {
        "positions": ((0, 3), (1, 2)),
        "events": (an_event("Charged", cause=1),),
        "laned": (work.a_laned(2),),
        "joined": (work.a_joined(3, 1),),
        "kept": (Kept(work.service.number, "k-1", 1, b"1"),),
        "suspects": ((0, 4),),
        **fields,
    }
    return work.a_react(work.a_reaction(1), work.a_reaction(2, outcome=ReactedAs.RUN), **given)


async def _refused(world: World, item: React, wanted: Refused, fence: Fence | None = None) -> None:
    before = await world.snapshot()
    expect(await world.one(item, fence), wanted, "the verdict")
    expect(await world.snapshot(), before, "the store's rows after the refusal")


async def all_of_it_is_one_commit(world: World) -> None:
    """Positions, reactions, events, runs and states of a React are there together, and bear one time."""
    work = await at_work(world)
    await emit(world, an_event(key="k-1"))
    world.clock.advance(5)
    now = world.clock.now()
    expect(await world.one(_full(work)), Committed(now), "the verdict")
    expect([one.position for one in await work.partitions()], [3, 2], "the positions")
    expect([one.suspect for one in await work.partitions()], [4, None], "the suspects")
    expect(await types_on_log(world), [(1, "Placed"), (2, "Charged")], "the log")
    done = ReactionRow(1, work.handler, ReactedAs.DONE, None, 0, None, now, 1)
    expect(await world.store.reactions(1), [done], "the reactions to the first")
    laned, joined = await work.found("pay.charge#2"), await work.found("pay.charge#3")
    expect((laned.cause, laned.due_at), (2, now), "the run in a lane")
    expect((joined.cause, joined.wakes), (3, 1), "the run of a join")
    kept = await world.store.kept(work.service.number, "k-1")
    expect(kept, KeptRow(1, b"1", 0, 1, now), "the state")


async def a_reaction_tells_what_came_of_it(world: World) -> None:
    """A reaction reads back as it was written; those of an event come in the order of handlers."""
    work, other = await at_work(world), await at_work(world, "ship")
    now = world.clock.now()
    await other.react(other.a_reaction(1, took=7))
    await work.react(work.a_reaction(1, outcome=ReactedAs.FILTERED, run=77, took=12, note="n"))
    wanted = [
        ReactionRow(1, work.handler, ReactedAs.FILTERED, 77, 12, "n", now, 1),
        ReactionRow(1, other.handler, ReactedAs.DONE, None, 7, None, now, 1),
    ]
    expect(await world.store.reactions(1), sorted(wanted, key=lambda row: row.handler), "the reactions")
    expect(await world.store.reactions(2), [], "the reactions to another event")


async def what_is_done_beyond_a_position_is_told(world: World) -> None:
    """A session that takes over reads which reactions of the service are done beyond its position."""
    work, other = await at_work(world), await at_work(world, "ship")
    await work.react(*(work.a_reaction(event) for event in (3, 5, 8)))
    await other.react(other.a_reaction(6))
    number = work.service.number
    done = {(event, work.handler) for event in (3, 5, 8)}
    expect(await world.store.reacted(number, 1, 0), done, "all that is done")
    expect(await world.store.reacted(number, 1, 3), done - {(3, work.handler)}, "what is beyond 3")
    expect(await world.store.reacted(number, 1, 8), set(), "what is beyond the last")
    expect(await world.store.reacted(number, 2, 0), set(), "what another generation has done")


async def a_fenced_session_reacts_no_more(world: World) -> None:
    """What a session did is refused once it is fenced, and leaves nothing."""
    work = await at_work(world)
    await emit(world, an_event())
    await world.one(EndSession(work.session))
    await _refused(world, _full(work), Refused.FENCED, Fence(work.session, 1, LEASE))


async def another_generation_reacts_no_more(world: World) -> None:
    """What a session did before the service was rewound is refused, and leaves nothing."""
    work = await at_work(world)
    await world.one(SteerService("default", "pay", rewind=0))
    await _refused(world, _full(work), Refused.STALE)
    await take(world, work.session, work.service.number)
    await _refused(world, _full(work), Refused.STALE)
    expect(await world.one(_full(work, generation=2)), Committed(world.clock.now()), "the new generation")


async def only_the_owner_moves_a_partition(world: World) -> None:
    """What a session did with a partition that is another's, or nobody's, is refused as a whole."""
    work = await at_work(world, partitions=1)
    await _refused(world, _full(work, positions=((0, 3), (5, 3))), Refused.STALE)
    other = AtWork(world, await world.session(), work.service, work.handler)
    await _refused(world, _full(other, positions=((0, 3),)), Refused.STALE)


async def an_event_is_reacted_to_once(world: World) -> None:
    """A second reaction of a handler to an event fails with all that came with it; the first one stays."""
    work = await at_work(world)
    await emit(world, an_event())
    await work.react(work.a_reaction(1, note="first"))
    before = await world.snapshot()
    for item in (
        _full(work),
        work.a_react(work.a_reaction(2), work.a_reaction(2), positions=((0, 9),), events=(an_event(),)),
    ):
        verdict = await world.one(item)
        if not isinstance(verdict, Failed):
            fail(f"a second reaction answered {verdict!r}")
        expect(await world.snapshot(), before, "the store's rows after it")


async def a_generation_reacts_anew(world: World) -> None:
    """A service that was rewound reacts again; both reactions are told."""
    work = await at_work(world)
    await work.react(work.a_reaction(1))
    await world.one(SteerService("default", "pay", rewind=0))
    await take(world, work.session, work.service.number)
    again = work.a_react(work.a_reaction(1), generation=2)
    expect(await world.one(again), Committed(world.clock.now()), "the verdict")
    expect([row.generation for row in await world.store.reactions(1)], [1, 2], "the generations that reacted")


async def a_run_that_is_there_refuses_it(world: World) -> None:
    """A React whose run has the id or the number of another one is refused, and leaves nothing."""
    work = await at_work(world)
    other = await world.start("pay.charge#2")
    await _refused(world, _full(work), Refused.CHILD_EXISTS)
    free = work.a_start(5, number=other.number)
    taken = (work.a_laned(5, start=free),)
    await _refused(world, _full(work, laned=taken), Refused.NUMBER_TAKEN)
    twice = (work.a_laned(5), work.a_laned(5, rank=6))
    await _refused(world, _full(work, laned=twice), Refused.CHILD_EXISTS)
    same = tuple(work.a_laned(n, start=work.a_start(n, number=4_000)) for n in (5, 6))
    await _refused(world, _full(work, laned=same), Refused.NUMBER_TAKEN)


async def what_landed_is_answered_again(world: World) -> None:
    """Where only the reply was lost, writing it again answers the same and changes nothing."""
    work = await at_work(world)
    fence = Fence(work.session, 1, LEASE)
    first = await world.one(_full(work), fence)
    after = await world.snapshot()
    world.clock.advance(5)
    expect(await world.one(_full(work), fence), first, "the verdict of the repetition")
    expect(await world.snapshot(), after, "the store's rows after it")


async def states_are_kept(world: World) -> None:
    """A service keeps one state per key, by reactions and by runs alike, until it forgets it."""
    work, other = await at_work(world), await at_work(world, "ship")
    number, now = work.service.number, world.clock.now()
    one = Kept(number, "k-1", 3, b"\x00one", rank=9, codec=4)
    await work.react(kept=(one, Kept(number, "k-2", 3, b"two"), Kept(other.service.number, "k-1", 3, b"x")))
    expect(await world.store.kept(number, "k-1"), KeptRow(4, b"\x00one", 9, 3, now), "a state")
    expect(await world.store.kept(number, "k-3"), None, "a state that is not kept")
    world.clock.advance(5)
    run = await world.claimed()
    await world.one(
        a_commit(run, kept=(Kept(number, "k-1", 4, b"new", rank=2), Kept(number, "k-2", 4, None)))
    )
    expect(
        await world.store.kept(number, "k-1"), KeptRow(1, b"new", 2, 4, now + 5), "a state that was replaced"
    )
    expect(await world.store.kept(number, "k-2"), None, "a state that was forgotten")
    foreign = await world.store.kept(other.service.number, "k-1")
    expect(foreign, KeptRow(1, b"x", 0, 3, now), "another service's state of the key")


CASES = (
    Case(all_of_it_is_one_commit),
    Case(a_reaction_tells_what_came_of_it),
    Case(what_is_done_beyond_a_position_is_told),
    Case(a_fenced_session_reacts_no_more),
    Case(another_generation_reacts_no_more),
    Case(only_the_owner_moves_a_partition),
    Case(an_event_is_reacted_to_once),
    Case(a_generation_reacts_anew),
    Case(a_run_that_is_there_refuses_it),
    Case(what_landed_is_answered_again),
    Case(states_are_kept),
)
