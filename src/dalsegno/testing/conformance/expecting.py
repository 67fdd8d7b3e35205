"""Chapter seventeen: what is decided by events is written only while no later one has come."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Committed, Done, Emit, Emitted, Fence, Refused
from dalsegno.core.reactions import Forget
from dalsegno.core.sourcing import Conflict, Expect, Snapshot, Source
from dalsegno.core.writes import Write
from dalsegno.testing.conformance.eventful import an_event, at_work, emit, types_on_log
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, a_step, expect


def _expecting(version: int, **fields: Any) -> Expect:
    return Expect(
        **{"key": "k-1", "types": ("Placed", "Paid"), "version": version, "name": "Order", **fields}
    )


async def an_expectation_holds_until_a_later_event_comes(world: World) -> None:
    """Only a later event of that key, of those types, in that namespace is a conflict; nothing is written then."""
    await emit(world, an_event(key="k-1"), an_event("Other", key="k-1"), an_event(key="k-2"))
    await emit(world, an_event("Paid", key="k-1", namespace="other"))
    verdict = await world.one(Emit((an_event("Paid", key="k-1"),), (_expecting(1),)))
    expect(isinstance(verdict, Emitted), True, "whether what holds was written")
    before = await world.snapshot()
    verdict = await world.one(Emit((an_event("Paid", key="k-1"),), (_expecting(1),)))
    expect(verdict, Conflict(_expecting(1), 5), "the verdict of what expects the first event")
    verdict = await world.one(Emit((an_event(key="k-3"),), (_expecting(0, key="k-3"), _expecting(0))))
    expect(verdict, Conflict(_expecting(0), 5), "the verdict where the second of two does not hold")
    expect(await world.snapshot(), before, "the store's rows after the conflicts")


async def of_two_in_one_group_the_first_wins(world: World) -> None:
    """Two that expect the same in one group are not both written, whoever brings the events."""
    run = await world.claimed()
    await emit(world, an_event("Known", id="e-1"))
    group: list[Write] = [
        Emit((an_event("Known", id="e-1"),)),
        a_commit(run, a_step(1), events=(an_event("Paid", key="k-1"),), expects=(_expecting(0),)),
        Emit((an_event("Paid", key="k-1"),), (_expecting(0),)),
        a_commit(run, a_step(2), expects=(_expecting(0, key="k-2"),)),
    ]
    verdicts = await world.write(*group)
    expect(verdicts[1:3], [Committed(world.clock.now()), Conflict(_expecting(0), 2)], "the verdicts")
    expect(verdicts[3], Committed(world.clock.now()), "the verdict of what expects something else")
    expect(await types_on_log(world), [(1, "Known"), (2, "Paid")], "the log")


async def a_conflict_refuses_the_whole_commit(world: World) -> None:
    """Of a commit or a reaction that expects otherwise nothing is written, and it may come again without."""
    work = await at_work(world)
    await emit(world, an_event(key="k-1"))
    run = await world.claimed()
    told = an_event("Paid", key="k-1")
    before = await world.snapshot()
    commit = a_commit(run, a_step(1), events=(told,), expects=(_expecting(0),))
    expect(await world.one(commit), Conflict(_expecting(0), 1), "the verdict of the commit")
    verdict = await work.react(work.a_reaction(1), events=(told,), expects=(_expecting(0),))
    expect(verdict, Conflict(_expecting(0), 1), "the verdict of the reaction")
    expect(await world.snapshot(), before, "the store's rows after the conflicts")
    expect(await world.one(a_commit(run, a_step(1))), Committed(world.clock.now()), "the verdict without")


async def what_has_landed_is_no_conflict(world: World) -> None:
    """Where only the reply was lost, writing it again answers as if it were the first time."""
    work = await at_work(world)
    await emit(world, an_event(key="k-1"))
    run = await world.start("run", workflow="pay.charge")
    (run,) = (await world.claim(work.session)).runs
    group: list[Write] = [
        a_commit(run, a_step(1), events=(an_event("Paid", key="k-1"),), expects=(_expecting(1),)),
        Emit((an_event(key="k-2", id="e-1"),), (_expecting(0, key="k-2"),)),
        work.a_react(work.a_reaction(1), events=(an_event(key="k-3"),), expects=(_expecting(0, key="k-3"),)),
    ]
    fence = Fence(work.session, 1, LEASE)
    first = await world.write(*group, fence=fence)
    after = await world.snapshot()
    second = await world.write(*group, fence=fence)
    expect((second[0], second[2]), (first[0], first[2]), "the verdicts of the repetition")
    expect(second[1], Emitted([3], 1), "the verdict of the events from outside")
    expect(await world.snapshot(), after, "the store's rows after the repetition")


async def a_fenced_session_hears_of_its_fence_first(world: World) -> None:
    """Whether it would be a conflict is no question any more."""
    run = await world.claimed()
    await emit(world, an_event(key="k-1"))
    assert run.session is not None
    commit = a_commit(run, a_step(1), expects=(_expecting(0),))
    expect(await world.one(commit, Fence(run.session, 7, LEASE)), Refused.FENCED, "the verdict")


def _saved(version: int, shape: str = "a", **fields: Any) -> Snapshot:
    given = {"namespace": "default", "name": "Order", "key": "k-1", "count": version, "data": b"1"}
    return Snapshot(**{**given, "version": version, "shape": shape, **fields})


async def the_newest_snapshot_is_kept(world: World) -> None:
    """An earlier one replaces none; of the same event one in another shape does."""
    expect(await world.store.snapshot("default", "Order", "k-1"), None, "a snapshot that is not there")
    expect(await world.one(_saved(5)), Done(1), "the verdict of the first")
    expect(await world.one(_saved(5)), Done(0), "the verdict of the same again")
    expect(await world.one(_saved(4, "b")), Done(0), "the verdict of an earlier one")
    expect(await world.one(_saved(5, "b", data=b"2")), Done(1), "the verdict of one in another shape")
    row = await world.store.snapshot("default", "Order", "k-1")
    wanted = (5, 5, "b", b"2", world.clock.now())
    expect(row and (row.version, row.count, row.shape, row.data, row.at), wanted, "what is kept")
    expect(await world.one(_saved(9)), Done(1), "the verdict of a later one")
    expect(await world.store.snapshot("other", "Order", "k-1"), None, "that of another namespace")


async def what_an_aggregate_needs_is_not_forgotten(world: World) -> None:
    """Events are removed up to the first that an aggregate is folded from and no snapshot has."""
    expect(await world.one(Source("default", "Order", ("Placed", "Paid"))), Done(2), "two new types")
    expect(await world.one(Source("default", "Order", ("Paid", "Placed"))), Done(0), "the same again")
    await emit(world, an_event("Other", key="k-1"), an_event(), an_event(namespace="other", key="k-1"))
    await emit(world, an_event(key="k-1"), an_event("Paid", key="k-1"), an_event(key="k-2"))
    expect(await world.one(Forget(100)), Done(3), "what no aggregate needs is removed")
    expect(await world.one(Forget(100)), Done(0), "what one needs is not")
    await world.one(_saved(4))
    expect(await world.one(Forget(100)), Done(1), "what a snapshot has is removed")
    await world.one(_saved(5))
    expect(await world.one(Forget(100)), Done(1), "up to what another one needs")
    await world.one(_saved(6, key="k-2", name="Invoice"))
    expect(await world.one(Forget(100)), Done(0), "a snapshot of something else is none")
    await world.one(_saved(6, key="k-2"))
    expect(await world.one(Forget(100)), Done(1), "all of it, in the end")


CASES = (
    Case(an_expectation_holds_until_a_later_event_comes),
    Case(of_two_in_one_group_the_first_wins),
    Case(a_conflict_refuses_the_whole_commit),
    Case(what_has_landed_is_no_conflict),
    Case(a_fenced_session_hears_of_its_fence_first),
    Case(the_newest_snapshot_is_kept),
    Case(what_an_aggregate_needs_is_not_forgotten),
)
