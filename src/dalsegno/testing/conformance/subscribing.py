"""Chapter twelve: runs that wait for events."""

from __future__ import annotations

from dalsegno.core.commit import Committed, Emit, Refused, Rest, Subscription
from dalsegno.core.entries import Delivery, Kind
from dalsegno.core.event import Heard, delivery_id, event_signal, hear
from dalsegno.core.runs import Run, Status
from dalsegno.testing.conformance.eventful import an_event, emit
from dalsegno.testing.conformance.world import Case, World, a_commit, a_step, expect

BY_KEY = Subscription("Paid", "k-1", by_key=True)
BY_CASE = Subscription("Paid", "c-1")


async def _inbox(world: World, run: Run) -> tuple[Delivery, ...]:
    return (await world.store.inbox([run.number]))[run.number]


async def _heard(world: World, run: Run) -> list[int]:
    return [hear(delivery.data or b"").number for delivery in await _inbox(world, run)]


async def an_event_after_the_wait_is_delivered(world: World) -> None:
    """A run that waits for events of its key, or of its case, is told of each that comes."""
    one, two = await world.claimed("one"), await world.claimed("two")
    await world.one(a_commit(one, subscribes=(BY_KEY,)))
    await world.one(a_commit(two, subscribes=(BY_CASE,)))
    await emit(world, an_event("Paid", key="k-1"), an_event("Paid", case_id="c-1"))
    await emit(world, an_event("Paid", key="k-1", case_id="c-1"))
    expect(await _heard(world, one), [1, 3], "what was told by key")
    expect(await _heard(world, two), [2, 3], "what was told by case")


async def an_event_before_the_wait_is_delivered(world: World) -> None:
    """What was on the log before somebody waited for it is delivered at once, in its order."""
    await emit(world, *(an_event("Paid", key=key, case_id="c-1") for key in ("k-1", "k-2", "k-1")))
    one, two = await world.claimed("one"), await world.claimed("two")
    await world.one(a_commit(one, subscribes=(BY_KEY,)))
    expect(await _heard(world, one), [1, 3], "what was told by key")
    await world.one(a_commit(two, subscribes=(BY_CASE,)))
    expect(await _heard(world, two), [1, 2, 3], "what was told by case")


async def a_wait_and_its_event_may_come_together(world: World) -> None:
    """An event in the same group as the wait is delivered once, whichever comes first."""
    one, two = await world.claimed("one"), await world.claimed("two")
    await world.write(
        a_commit(one, subscribes=(BY_KEY,)),
        Emit((an_event("Paid", key="k-1"),)),
        a_commit(two, subscribes=(BY_KEY,)),
    )
    expect(await _heard(world, one), [1], "what was told to who waited before it")
    expect(await _heard(world, two), [1], "what was told to who waited after it")
    own = await world.claimed("own")
    await world.one(a_commit(own, subscribes=(BY_CASE,), events=(an_event("Paid", case_id="c-1"),)))
    expect(await _heard(world, own), [2], "what a run is told of its own event")


async def an_event_is_told_as_it_is(world: World) -> None:
    """The delivery of an event holds what it is, and where it came from."""
    run = await world.claimed()
    await world.one(a_commit(run, subscribes=(BY_KEY,)))
    time = world.clock.now() - 70
    event = an_event("Paid", key="k-1", case_id="c-9", version=3, data=b'{"a":[1]}', hops=4, time=time)
    await emit(world, event)
    (delivery,) = await _inbox(world, run)
    seen = (delivery.kind, delivery.name, delivery.id, delivery.source, delivery.number)
    wanted = (Kind.SIGNAL, event_signal("Paid"), delivery_id(1), "shop", 1)
    expect(seen, wanted, "the delivery")
    heard = hear(delivery.data or b"")
    expect(bytes(heard.data), b'{"a":[1]}', "the event's data")
    told = Heard(1, "Paid", 3, heard.data, "k-1", "c-9", 4, time, world.clock.now())
    expect(heard, told, "what it tells of the event")


async def an_event_comes_once(world: World) -> None:
    """However often, and by whatever, a run waits for an event, it is told of it once."""
    await emit(world, an_event("Paid", key="k-1", case_id="c-1"))
    run = await world.claimed()
    await world.one(a_commit(run, subscribes=(BY_KEY, BY_CASE, BY_KEY)))
    await world.one(a_commit(run, subscribes=(BY_KEY, BY_CASE)))
    expect(await _heard(world, run), [1], "what was told")
    await emit(world, an_event("Paid", key="k-1", case_id="c-1"))
    expect(await _heard(world, run), [1, 2], "what was told after the next")
    await world.one(a_commit(run, a_step(1), consumed=(1, 2), subscribes=(BY_KEY,)))
    expect(await _heard(world, run), [], "what was told again once it was taken")
    expect((await world.read(run)).wakes, 2, "its wakes")


async def other_events_are_not_told(world: World) -> None:
    """A run is not told of events of another type, key, case or namespace."""
    run = await world.claimed()
    await world.one(a_commit(run, subscribes=(BY_KEY, BY_CASE)))
    before = await world.read(run)
    await emit(
        world,
        an_event("Placed", key="k-1", case_id="c-1"),
        an_event("Paid", key="k-2", case_id="c-2"),
        an_event("Paid", key="c-1", case_id="k-1"),
        an_event("Paid"),
        an_event("Paid", key="k-1", case_id="c-1", namespace="other"),
        an_event("Paid", key="K-1"),
    )
    expect(await _heard(world, run), [], "what was told")
    expect(await world.read(run), before, "the run")


async def namespaces_hear_their_own(world: World) -> None:
    """A wait in another namespace is for the events of that one."""
    run = await world.claimed(namespace="other")
    elsewhere = Subscription("Paid", "k-1", True, "other")
    await emit(world, an_event("Paid", key="k-1"), an_event("Paid", key="k-1", namespace="other"))
    await world.one(a_commit(run, subscribes=(elsewhere,)))
    expect(await _heard(world, run), [2], "what was there before")
    await emit(world, an_event("Paid", key="k-1"), an_event("Paid", key="k-1", namespace="other"))
    expect(await _heard(world, run), [2, 4], "what came after")


async def an_event_wakes_a_resting_run(world: World) -> None:
    """A run that rests is due as soon as an event has come that it waits for."""
    run = await world.claimed()
    await world.one(a_commit(run, subscribes=(BY_KEY,), rest=Rest(Status.WAITING, 0)))
    expect((await world.read(run)).due_at, None, "when it is due before the event")
    world.clock.advance(5)
    await emit(world, an_event("Paid", key="k-1"))
    found = await world.read(run)
    expect((found.due_at, found.wakes), (world.clock.now(), 1), "when it is due, and its wakes")
    (claimed,) = (await world.claim(await world.session())).runs
    expect(claimed.number, run.number, "what can be claimed")


async def a_run_that_rests_for_what_is_there_is_due(world: World) -> None:
    """A commit that rests and waits for an event that is on the log already leaves the run due."""
    await emit(world, an_event("Paid", key="k-1"))
    run = await world.claimed()
    verdict = await world.one(a_commit(run, subscribes=(BY_KEY,), rest=Rest(Status.WAITING, 0)))
    expect(verdict, Committed(world.clock.now()), "the verdict")
    expect((await world.read(run)).due_at, world.clock.now(), "when it is due")
    expect(await _heard(world, run), [1], "what was told")


async def no_event_is_slept_through(world: World) -> None:
    """A run cannot come to rest, or end, over an event that it has not seen."""
    run = await world.claimed()
    await world.one(a_commit(run, subscribes=(BY_KEY,)))
    await emit(world, an_event("Paid", key="k-1"))
    for status in (Status.WAITING, Status.COMPLETED):
        verdict = await world.one(a_commit(run, rest=Rest(status, 0), unsubscribes=True))
        expect(verdict, Refused.MISSED, f"a rest as {status}")
    await world.one(a_commit(run, a_step(1), consumed=(1,)))
    await emit(world, an_event("Paid", key="k-1"))
    expect(await _heard(world, run), [2], "what was told after the refusals")


async def who_has_ended_is_not_told(world: World) -> None:
    """A run that has ended, with its waits or without, is told nothing and changes no more."""
    neat, messy = await world.claimed("neat"), await world.claimed("messy")
    for run, unsubscribes in ((neat, True), (messy, False)):
        await world.one(a_commit(run, subscribes=(BY_KEY,)))
        await world.one(a_commit(run, rest=Rest(Status.COMPLETED, 0), unsubscribes=unsubscribes))
    before = [await world.read(run) for run in (neat, messy)]
    expect(await emit(world, an_event("Paid", key="k-1")), [1], "the event's number")
    expect([await world.read(run) for run in (neat, messy)], before, "the runs")
    expect(await _heard(world, neat) + await _heard(world, messy), [], "what was told")


CASES = (
    Case(an_event_after_the_wait_is_delivered),
    Case(an_event_before_the_wait_is_delivered),
    Case(a_wait_and_its_event_may_come_together),
    Case(an_event_is_told_as_it_is),
    Case(an_event_comes_once),
    Case(other_events_are_not_told),
    Case(namespaces_hear_their_own),
    Case(an_event_wakes_a_resting_run),
    Case(a_run_that_rests_for_what_is_there_is_due),
    Case(no_event_is_slept_through),
    Case(who_has_ended_is_not_told),
)
