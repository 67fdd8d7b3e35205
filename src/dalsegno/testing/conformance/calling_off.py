"""Chapter twenty: the event that cancels a case calls its runs off, in the transaction that writes it."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Commit, Committed, Rest, Send, Sent, SentHow
from dalsegno.core.entries import Kind
from dalsegno.core.event import NewEvent
from dalsegno.core.runs import Status
from dalsegno.testing.conformance.eventful import an_event, at_work, called_off, emit
from dalsegno.testing.conformance.world import Case, World, a_commit, expect


def _the_end(case_id: str = "c-1", **fields: Any) -> NewEvent:
    return an_event("CalledOff", **{"case_id": case_id, "cancels": True, "sender": "kim", **fields})


async def the_event_calls_the_runs_of_its_case_off(world: World) -> None:
    """Whoever has not ended hears of it, whatever it does at the time; runs of other cases do not."""
    ended = await world.ended("ended", case_id="c-1")
    under_way = await world.claimed("under way", case_id="c-1")
    new = await world.start("new", case_id="c-1")
    others = [await world.start("other", case_id="c-2"), await world.start("none")]
    elsewhere = await world.start("new", case_id="c-1", namespace="other")
    await emit(world, _the_end())
    runs = [ended, under_way, new, *others, elsewhere]
    expect(await called_off(world, *runs), ["under way by kim", "new by kim"], "who was told")
    expect((await world.claim(under_way.session or 0)).news, ((under_way.number, 1),), "the owner's news")


async def a_parked_run_is_called_off_too(world: World) -> None:
    """It is due: a person's word wakes it, and to cancel its case is one."""
    parked = await world.claimed("parked", case_id="c-1")
    await world.one(a_commit(parked, rest=Rest(Status.WAITING, 0, "parked: diverged")))
    await emit(world, _the_end())
    expect((await world.read(parked)).due_at, world.clock.now(), "when it is due")


async def what_undoes_goes_on(world: World) -> None:
    """Nor is that told which follows the event, and a second such event is no news."""
    work = await at_work(world)
    await emit(world, an_event(case_id="c-1"))
    undoing = work.a_laned(1, start=work.a_start(1, case_id="c-1", undoes=True))
    (one,) = await work.lane(undoing)
    (number,) = await emit(world, _the_end())
    (two,) = await work.lane(work.a_laned(2, "k-2", start=work.a_start(number, case_id="c-1")))
    late = await world.start("late", case_id="c-1")
    await emit(world, _the_end(sender="lou"))
    expect(await called_off(world, one, two, late), ["late by kim"], "who was told")


async def a_reaction_that_is_too_late_is_called_off(world: World) -> None:
    """One whose handler was called before the case was cancelled, and that becomes a run after it."""
    work = await at_work(world)
    await emit(world, an_event(case_id="c-1"), an_event(case_id="c-2"), _the_end())
    starts = [work.a_start(1, case_id="c-1"), work.a_start(2, case_id="c-2")]
    runs = await work.lane(*(work.a_laned(n, start=start) for n, start in enumerate(starts, 1)))
    undoing = work.a_laned(1, "k-2", start=work.a_start(1, id="undo", case_id="c-1", undoes=True))
    runs += await work.lane(undoing)
    expect(await called_off(world, *runs), ["pay.charge#1 by kim"], "who was told")


async def whoever_says_so_goes_on(world: World) -> None:
    """The run that emits the event is not called off by it, nor those that it belongs to."""
    parent = await world.claimed("parent", case_id="c-1")
    child = await world.claimed("child", case_id="c-1", parent=parent.number, parent_op=1)
    other = await world.claimed("other", case_id="c-1")
    said: Commit = a_commit(child, events=(_the_end(run=child.number),))
    expect(await world.one(said), Committed(world.clock.now()), "the verdict of its commit")
    expect(await called_off(world, parent, child, other), ["other by kim"], "who was told")


async def an_attached_child_hears_of_it_from_its_parent(world: World) -> None:
    """One whose parent has ended, belongs to another case, or let it go, is told itself."""
    parent, elsewhere = await world.start("parent", case_id="c-1"), await world.start("elsewhere")
    ended = await world.ended("ended", Status.FAILED)
    made = [
        await world.start("child", case_id="c-1", parent=parent.number),
        await world.start("detached", case_id="c-1", parent=parent.number, attached=False),
        await world.start("of another", case_id="c-1", parent=elsewhere.number),
        await world.start("orphan", case_id="c-1", parent=ended.number),
    ]
    await emit(world, _the_end())
    told = ["parent by kim", "detached by kim", "of another by kim", "orphan by kim"]
    expect(await called_off(world, parent, *made), told, "who was told")


async def a_run_named_like_the_case_is_of_it(world: World) -> None:
    """One that was started for no other is told as others are, and let be where these are."""
    plain = await world.start("c-1")
    parent = await world.start("parent")
    attached = await world.start("c-2", parent=parent.number)
    undoing = await world.start("c-3", undoes=True)
    later = await world.start("c-4", cause=9)
    another = await world.start("c-5", case_id="c-6")
    await emit(world, *(_the_end(f"c-{n}") for n in range(1, 6)))
    told = ["c-1 by kim", "c-2 by kim"]
    expect(await called_off(world, parent, plain, attached, undoing, later, another), told, "who was told")


async def a_case_is_cancelled_once(world: World) -> None:
    """Which cases are cancelled is found by their names, or by what cancelled them since."""
    for case_id in ("c-1", "c-2", "c-1", "c-3"):
        await emit(world, _the_end(case_id))
    await emit(world, _the_end("c-9", namespace="other"))
    found = [
        await world.store.cancelled_cases("default", names, after)
        for names, after in (([], 0), (["c-1"], 9), (["c-1", "c-8"], 2), ([], 4), ([], 3))
    ]
    all_of_them = {"c-1": 1, "c-2": 2, "c-3": 4}
    wanted = [all_of_them, {"c-1": 1}, {"c-1": 1, "c-3": 4}, {}, {"c-3": 4}]
    expect(found, wanted, "what is cancelled, and by which event")


async def a_run_hears_of_it_once(world: World) -> None:
    """Neither another such event nor a person's word cancels it again."""
    run = await world.start(case_id="c-1")
    await emit(world, _the_end(), _the_end())
    asked = Send(Kind.CANCEL, run=run.number, id="cancel", source="lou")
    expect(await world.one(asked), Sent(SentHow.REPEATED, run.number, run.status), "the answer to a person")
    expect(await called_off(world, run), ["run by kim"], "what it was told")


CASES = (
    Case(the_event_calls_the_runs_of_its_case_off),
    Case(a_parked_run_is_called_off_too),
    Case(what_undoes_goes_on),
    Case(a_reaction_that_is_too_late_is_called_off),
    Case(whoever_says_so_goes_on),
    Case(an_attached_child_hears_of_it_from_its_parent),
    Case(a_run_named_like_the_case_is_of_it),
    Case(a_case_is_cancelled_once),
    Case(a_run_hears_of_it_once),
)
