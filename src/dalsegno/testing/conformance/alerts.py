"""Chapter twenty-one: alerts begin once, end once, and are told by whoever looks after their rule."""

from __future__ import annotations

from typing import Any

from dalsegno.core.alerts import AlertRow, Seen, Tally, Tell, Told, Watch
from dalsegno.core.commit import Done, Refused
from dalsegno.testing.conformance.eventful import an_event
from dalsegno.testing.conformance.world import Case, World, expect

LEASE = 1_000
ONE, TWO = 7, 8  # sessions


async def _watch(world: World, session: int = ONE, rule: str = "lag") -> object:
    return await world.one(Watch("default", rule, session, LEASE))


async def _see(world: World, holds: bool, session: int = ONE, **fields: Any) -> object:
    return await world.one(Seen("default", "lag", "till", session, holds, **fields))


async def one_session_looks_after_a_rule(world: World) -> None:
    """Until it has not said so for its lease; each rule and each namespace for itself."""
    expect(await _watch(world), Done(1), "the first")
    expect(await _watch(world, TWO), Done(0), "another")
    expect(await _watch(world, TWO, "parked"), Done(1), "another rule")
    expect(await world.one(Watch("other", "lag", TWO, LEASE)), Done(1), "another namespace")
    world.clock.advance(LEASE)
    expect(await _watch(world), Done(1), "the first again")
    world.clock.advance(LEASE)
    expect(await _watch(world, TWO), Done(0), "another, since it was renewed")
    world.clock.advance(1)
    expect(await _watch(world, TWO), Done(1), "another, once it was not")
    expect(await _watch(world), Done(0), "the first, who comes too late")


async def an_alert_begins_once_and_ends_once(world: World) -> None:
    """However often its condition is seen; a later one is another alert."""
    await _watch(world)
    at = world.clock.now()
    expect(await _see(world, holds=False), Done(0), "nothing")
    expect(await _see(world, holds=True, text="12 behind", value=12.0), Done(1), "its beginning")
    world.clock.advance(10)
    expect(await _see(world, holds=True, text="20 behind", value=20.0), Done(0), "it goes on")
    row = AlertRow(1, "default", "lag", "till", "20 behind", 20.0, at, at + 10, None, Told.NOTHING)
    expect(await world.store.open_alerts("default"), [row], "the row")
    expect(await world.store.open_alerts("other"), [], "those of another namespace")
    world.clock.advance(10)
    expect(await _see(world, holds=False), Done(1), "its end")
    expect(await _see(world, holds=False), Done(0), "its end again")
    expect(await world.store.open_alerts("default"), [], "those that have not ended")
    expect(await _see(world, holds=True), Done(1), "the next one")
    rows = await world.store.alerts("default")
    expect([(row.number, row.ended_at) for row in rows], [(2, None), (1, at + 20)], "all of them")
    expect(len(await world.store.alerts("default", 1)), 1, "the newest")


async def it_ends_only_when_it_has_been_calm(world: World) -> None:
    """For as long as was asked, since it was last seen to hold."""
    await _watch(world)
    await _see(world, holds=True)
    world.clock.advance(99)
    expect(await _see(world, holds=False, calm=100), Done(0), "too early")
    await _see(world, holds=True)
    world.clock.advance(99)
    expect(await _see(world, holds=False, calm=100), Done(0), "too early again")
    world.clock.advance(1)
    expect(await _see(world, holds=False, calm=100), Done(1), "its end")


async def who_does_not_look_after_the_rule_sees_nothing(world: World) -> None:
    """What others see of it is refused."""
    expect(await _see(world, holds=True), Refused.STALE, "nobody looks after it")
    await _watch(world)
    expect(await _see(world, holds=True, session=TWO), Refused.STALE, "somebody else does")
    expect(await world.store.alerts("default"), [], "the alerts")


async def what_was_told_is_kept(world: World) -> None:
    """It only grows, and an alert of which all was told is not asked for again."""
    await _watch(world)
    await _see(world, holds=True)
    (row,) = await world.store.untold_alerts("default", "lag")
    expect(row.owed, Told.BEGAN, "what is owed first")
    expect(await world.one(Tell(row.number, Told.BEGAN)), Done(1), "telling")
    expect(await world.one(Tell(row.number, Told.BEGAN)), Done(0), "telling again")
    (row,) = await world.store.untold_alerts("default", "lag")
    expect(row.owed, Told.NOTHING, "what is owed while it lasts")
    await _see(world, holds=False)
    (row,) = await world.store.untold_alerts("default", "lag")
    expect(row.owed, Told.ENDED, "what is owed at its end")
    expect(await world.one(Tell(row.number, Told.ENDED)), Done(1), "telling the end")
    expect(await world.store.untold_alerts("default", "lag"), [], "what is owed then")
    expect(await world.store.untold_alerts("default", "parked"), [], "what is owed of another rule")


async def its_event_is_on_the_log_with_it(world: World) -> None:
    """Where it begins and where it ends, and at no other time."""
    await _watch(world)
    began, ended = an_event("AlertBegan"), an_event("AlertEnded")
    for holds in (True, True, False, False, True):
        await _see(world, holds=holds, began=began, ended=ended)
    types = [event.type for event in await world.store.read_log(0, 10)]
    expect(types, ["AlertBegan", "AlertEnded", "AlertBegan"], "the log")


async def tallies_are_replaced_and_added_up(world: World) -> None:
    """Of one session and minute the last one counts; those of several are added; old ones are forgotten."""
    for session, minute, count in ((ONE, 5, 1), (ONE, 5, 3), (TWO, 5, 10), (ONE, 6, 100)):
        await world.one(Tally("default", session, minute, (("ended", "order", count),)))
    await world.one(Tally("default", ONE, 6, (("failed", "order", 7),)))
    await world.one(Tally("other", ONE, 6, (("ended", "order", 1_000),)))
    expect(await world.store.tallies("default", 5), {("ended", "order"): 113, ("failed", "order"): 7}, "all")
    expect(
        await world.store.tallies("default", 6), {("ended", "order"): 100, ("failed", "order"): 7}, "the last"
    )
    await world.one(Tally("default", ONE, 7, (), keep=6))
    expect(
        await world.store.tallies("default", 0),
        {("ended", "order"): 100, ("failed", "order"): 7},
        "what is kept",
    )
    expect(await world.store.tallies("other", 0), {("ended", "order"): 1_000}, "of another namespace")


CASES = (
    Case(one_session_looks_after_a_rule),
    Case(an_alert_begins_once_and_ends_once),
    Case(it_ends_only_when_it_has_been_calm),
    Case(who_does_not_look_after_the_rule_sees_nothing),
    Case(what_was_told_is_kept),
    Case(its_event_is_on_the_log_with_it),
    Case(tallies_are_replaced_and_added_up),
)
