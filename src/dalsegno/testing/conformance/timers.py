"""Chapter five: the timers of a run."""

from __future__ import annotations

from dalsegno.core.commit import Rest
from dalsegno.core.durations import MAX
from dalsegno.core.entries import Timer
from dalsegno.core.runs import Status
from dalsegno.testing.conformance.world import Case, World, a_commit, expect


async def timers_are_read_earliest_first(world: World) -> None:
    """Timers read in the order of their due times, those of one moment in the order of their making."""
    run = await world.claimed()
    timers = (Timer(4, 30), Timer(1, 20), Timer(3, 10, True), Timer(2, 20))
    await world.one(a_commit(run, timers=timers))
    wanted = [Timer(3, 10, True), Timer(1, 20), Timer(2, 20), Timer(4, 30)]
    expect(await world.store.timers(run.number), wanted, "the timers")
    expect((await world.store.load([run.number]))[run.number].timers, tuple(wanted), "the timers, loaded")


async def a_timer_is_set_anew(world: World) -> None:
    """A timer of the same operation replaces the one before."""
    run = await world.claimed()
    await world.one(a_commit(run, timers=(Timer(1, 20), Timer(2, 25))))
    await world.one(a_commit(run, timers=(Timer(1, 40, True),)))
    expect(await world.store.timers(run.number), [Timer(2, 25), Timer(1, 40, True)], "the timers")


async def a_timer_is_dropped(world: World) -> None:
    """Timers that are over are gone; dropping one that is not there is harmless."""
    run = await world.claimed()
    await world.one(a_commit(run, timers=(Timer(1, 20), Timer(2, 25))))
    await world.one(a_commit(run, dropped=(1, 9)))
    expect(await world.store.timers(run.number), [Timer(2, 25)], "the timers")


async def timers_are_per_run(world: World) -> None:
    """Two runs may each have a timer of one operation number."""
    one, two = await world.claimed("one"), await world.claimed("two")
    await world.one(a_commit(one, timers=(Timer(1, 20),)))
    await world.one(a_commit(two, timers=(Timer(1, 30),)))
    await world.one(a_commit(one, dropped=(1,)))
    expect(await world.store.timers(one.number), [], "the timers of one")
    expect(await world.store.timers(two.number), [Timer(1, 30)], "the timers of the other")


async def timers_outlive_a_rest(world: World) -> None:
    """A run that waits keeps its timers."""
    run = await world.claimed()
    due = world.clock.now() + 50
    await world.one(a_commit(run, timers=(Timer(1, due),), rest=Rest(Status.WAITING, 0, due_at=due)))
    expect(await world.store.timers(run.number), [Timer(1, due)], "the timers")


async def a_thousand_years_are_no_trouble(world: World) -> None:
    """The longest timer that may be set is kept to the microsecond."""
    run = await world.claimed()
    due = world.clock.now() + MAX
    await world.one(a_commit(run, timers=(Timer(1, due),), rest=Rest(Status.WAITING, 0, due_at=due)))
    expect(await world.store.timers(run.number), [Timer(1, due)], "the timer")
    expect(await world.store.next_due("default"), due, "the next due")


CASES = (
    Case(timers_are_read_earliest_first),
    Case(a_timer_is_set_anew),
    Case(a_timer_is_dropped),
    Case(timers_are_per_run),
    Case(timers_outlive_a_rest),
    Case(a_thousand_years_are_no_trouble),
)
