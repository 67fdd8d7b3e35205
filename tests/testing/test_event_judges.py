"""The judges of the log and of services raise no false alarm, and notice what they are there for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from dalsegno.core.clock import Clock
from dalsegno.core.commit import Committed, DeadLetter, EndSession, Fence, Refused, Release
from dalsegno.core.reactions import Declared, React, Reaction, TakePartitions
from dalsegno.core.runs import DEAD_LETTER, Status
from dalsegno.core.writes import Verdict, Write
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import RunQuery
from dalsegno.store.verbs.group import Standing
from dalsegno.testing.chronicle import Chronicle
from dalsegno.testing.conformance import CASES, Case, SetClock, World
from dalsegno.testing.conformance.eventful import an_event, at_work, claim_one, emit
from dalsegno.testing.conformance.world import LEASE
from dalsegno.testing.reacting import Reacting
from dalsegno.testing.shadows import Broken, peek
from tests.helpers.counts import Count

pytestmark = pytest.mark.promise("P1", "P5", "P8", "P11")


class JudgedStore(MemoryStore):
    """A store in memory whose every write is judged."""

    def __init__(self, clock: Clock, *, fences: bool) -> None:
        super().__init__(clock)
        self.fences = fences  # whether a write of a session's own must be under its fence
        self.fenced: set[int] = set()
        self.chronicle = Chronicle(self._broken, self)
        self.reacting = Reacting(self._broken, self, self.fenced)

    def _broken(self, promise: str, what: str) -> None:
        raise Broken(f"{promise}: {what}")

    async def write(self, group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        verdicts = await super().write(group, fence)
        for item, verdict in zip(group, verdicts, strict=True):
            if self.fences:
                self.reacting.judge(item, verdict, fence)
            if isinstance(item, EndSession):
                self.fenced.add(item.number)
        runs = [
            run
            for namespace in ("default", "other")
            for run in peek(self.runs(RunQuery(namespace=namespace, limit=1_000_000)))
        ]
        self.chronicle.wrote(group, verdicts)
        self.reacting.wrote(group, verdicts, {run.number: run for run in runs}, self.chronicle.events)
        return verdicts


def world(*, fences: bool = True) -> World:
    clock = SetClock()
    return World(JudgedStore(clock, fences=fences), clock)


CHAPTERS = {
    "log",
    "emitting",
    "subscribing",
    "services",
    "reacting",
    "lanes",
    "dead_letters",
    "groups",
    "expecting",
    "projecting",
}
# What a worker of ours never does: it holds a run that is in no lane.
STRANGE = {"lanes.without_a_key_nothing_is_before"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.chapter in CHAPTERS], ids=lambda case: case.name
)
def test_a_store_that_keeps_its_contract_is_not_suspected(case: Case) -> None:
    if case.name in STRANGE:
        with pytest.raises(Broken, match="nobody is before it"):
            asyncio.run(case.check(world(fences=False)))
    else:
        asyncio.run(case.check(world(fences=False)))


# -- a short play in which much happens, as a worker does it


async def _play(world: World) -> None:
    """Two sessions, one after the other, work on a service; the first one dies, the second meets a bad event."""
    await emit(world, *(an_event(id=f"e-{n}", key="k-1") for n in range(1, 6)))
    await emit(world, an_event(id="e-5", key="k-1"))
    takes = (Declared("charge", b'{"takes":[["Placed",1]]}'),)
    work = await at_work(world, partitions=1, handlers=takes, fenced=True)

    async def react(number: int, *events: int, **fields: Any) -> Verdict:
        reactions = [Reaction(event, work.handler) for event in events]
        item = work.a_react(*reactions, **{"positions": ((0, max(events)),), **fields})
        (verdict,) = await world.write(item, fence=Fence(work.session, number, LEASE))
        return verdict

    paid = an_event("Paid", cause=1)
    assert isinstance(await react(2, 1, events=(paid,)), Committed)
    assert isinstance(await react(2, 1, events=(paid,)), Committed)  # its reply was lost
    await world.write(EndSession(work.session))
    assert await react(3, 2, events=(paid,)) is Refused.FENCED
    await world.write(Release())
    work.session = await world.session(("pay.charge", "1"))
    await world.one(TakePartitions(work.session, work.service.number, 9), Fence(work.session, 1, LEASE))
    laned = [work.a_laned(event) for event in (2, 3)]
    as_runs = [Reaction(one.start.cause or 0, work.handler, run=one.start.number) for one in laned]
    item = work.a_react(*as_runs, positions=((0, 3),), laned=tuple(laned))
    await world.one(item, Fence(work.session, 2, LEASE))
    run = await claim_one(world, work.session)
    letter = DeadLetter(work.service.number, work.handler, 2, "k-1", "KeyError", "KeyError: 'sku'", 5)
    await work.rest(run, Status.WAITING, reason=DEAD_LETTER, dead=letter)
    await world.retry(id="pay.charge#2")
    await work.rest(await claim_one(world, work.session))
    await work.rest(await claim_one(world, work.session))
    await react(3, 4, 5)
    judged = world.store
    assert isinstance(judged, JudgedStore)
    judged.reacting.at_rest(judged.chronicle.events)


def test_the_play_goes_as_it_must() -> None:
    asyncio.run(_play(world()))


# -- the same with a safeguard taken away

Real = Callable[..., Any]


def _after(name: str, spoil: Callable[[Any], None]) -> AbstractContextManager[Any]:
    """Let something go wrong after a method of the store."""
    real: Real = getattr(MemoryStore, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = real(self, *args, **kwargs)
        spoil(self)
        return answer

    return patch.object(MemoryStore, name, method)


def _instead(name: str, method: Callable[..., Any]) -> AbstractContextManager[Any]:
    real: Real = getattr(MemoryStore, name)
    return patch.object(MemoryStore, name, lambda self, *args: method(self, real, *args))


def _lose_an_event(store: Any) -> None:
    store._events.pop(2, None)


def _change_an_event(store: Any) -> None:
    if len(store._events) > 5:
        store._events[2] = replace(store._events[2], data=(store._events[2].data or b"")[::-1])


def _lose_the_ids(store: Any) -> None:
    store._event_ids.clear()


def _go_back(store: Any) -> None:
    for place, one in store._partitions.items():
        if one.position > 3:
            store._partitions[place] = replace(one, position=0)


def _lose_the_reactions(store: Any) -> None:
    store._reactions.clear()


def _change_the_first_reaction(store: Any) -> None:
    for key, row in list(store._reactions.items())[:-1]:
        store._reactions[key] = replace(row, note="changed")


def _own(store: Any) -> None:
    for place, one in store._partitions.items():
        store._partitions[place] = replace(one, session=4_711)


def _free_all(store: Any) -> None:
    for rows in store._rows.values():
        if rows.run.status is Status.PENDING and rows.run.session is None:
            rows.run = replace(rows.run, due_at=store.now())


def _hold_all(store: Any) -> None:
    for rows in store._rows.values():
        if rows.run.status is Status.PENDING and rows.run.session is None:
            rows.run = replace(rows.run, due_at=None)


def _emit_though_refused(store: Any, real: Real, item: Any, standing: Any) -> Any:
    verdict = real(store, item, standing)
    if verdict is Refused.FENCED and isinstance(item, React):
        store._emitted += [(event, None) for event in item.events]
    return verdict


def _hold_every_fence(store: Any, real: Real, fence: Fence) -> Standing:
    session = store._sessions[fence.session]
    return real(store, fence) if session.fenced_at is None else Standing.HELD


def _do_nothing(store: Any, real: Real, *args: Any, **kwargs: Any) -> None:
    return None


TEETH: dict[str, tuple[AbstractContextManager[Any], str]] = {
    "an event is lost": (_after("_append", _lose_an_event), "P1: the log should go from"),
    "an event changes": (_after("_append", _change_an_event), "P1: event 2 was"),
    "an id is written twice": (_after("_append", _lose_the_ids), "P2: these ids"),
    "a refused reaction emits": (_instead("_item", _emit_though_refused), "P5: .* no item that was accepted"),
    "a fenced session reacts": (_instead("_hold", _hold_every_fence), "P5: session"),
    "a position goes back": (_after("_react", _go_back), "P8: pay went back"),
    "an event is passed over": (_after("_record", _lose_the_reactions), "P8: the reaction"),
    "a reaction changes": (_after("_append", _change_the_first_reaction), "P8: ReactionRow"),
    "a partition changes hands": (
        _after("_claim", _own),
        "P5: .* was taken from a session that nobody fenced",
    ),
    "an order is not kept": (_after("_lane", _free_all), "P8: pay.charge#3 goes on"),
    "a lane stands still": (_after("_leave_lane", _hold_all), "P11: the first of"),
    "an end stays in its lane": (_instead("_leave_lane", _do_nothing), "P8: a reaction to k-1 has ended"),
    "a dead letter is not kept": (_instead("_bury", _do_nothing), "P11: .* is parked as a dead letter"),
}


@pytest.mark.parametrize("name", TEETH)
def test_what_goes_wrong_is_noticed(name: str, count: Count) -> None:
    switch, words = TEETH[name]
    with switch, pytest.raises(Broken, match=words):
        asyncio.run(_play(world()))
    count("teeth", of=1)


def test_it_is_noticed_when_the_dead_keep_what_they_had() -> None:
    async def play() -> None:
        judged = world()
        store = judged.store
        assert isinstance(store, JudgedStore)
        work = await at_work(judged, fenced=True)
        await judged.write(EndSession(work.session), Release())
        store.reacting.at_rest(store.chronicle.events)

    asyncio.run(play())
    with (
        patch.object(MemoryStore, "_hand_on_partitions", lambda self, session, *, crashed: None),
        pytest.raises(Broken, match="belongs to a session that was fenced"),
    ):
        asyncio.run(play())


def test_it_is_noticed_when_an_event_is_left_undone() -> None:
    async def play(*events: int) -> None:
        judged = world()
        store = judged.store
        assert isinstance(store, JudgedStore)
        takes = (Declared("charge", b'{"takes":[["Placed",1]]}'),)
        work = await at_work(judged, handlers=takes, fenced=True)
        await emit(judged, an_event(), an_event("Paid"), an_event())
        item = work.a_react(*map(work.a_reaction, events))
        await judged.one(item, Fence(work.session, 2, LEASE))
        store.reacting.at_rest(store.chronicle.events)

    asyncio.run(play(1, 3))
    with pytest.raises(Broken, match="P11: charge of pay has not reacted to Event\\(number=3"):
        asyncio.run(play(1))
