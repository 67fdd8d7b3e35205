"""What the catalogue asks of services: duplicates, poison, circles, and a crash between effect and note."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dalsegno import Service, event
from dalsegno.core.limits import Limits
from dalsegno.engine.registry import Registry
from dalsegno.events.known import Known
from dalsegno.store.log import DeadLetterQuery
from dalsegno.testing.faults import Exactly
from dalsegno.testing.invariants import peek
from dalsegno.testing.setting import Setting
from dalsegno.testing.world import World
from tests.simulation import services as s
from tests.simulation.eventful import emit, facts, known, mend, open_books, registry

pytestmark = pytest.mark.promise("P2", "P8", "P10", "P11")

DAY = 24 * 3_600.0


@event("circle.Ping", key="ball")
@dataclass
class Ping:
    ball: str


@event("circle.Pong", key="ball")
@dataclass
class Pong:
    ball: str


players = Service("players", partitions=1)


@players.on
async def hit(e: Ping) -> Pong:
    return Pong(e.ball)


@players.on
async def hit_back(e: Pong) -> Ping:
    return Ping(e.ball)


def play_services(scenario: object, *services: Service) -> World:
    """Play a scenario with two workers and no faults; return the world at rest, judged."""
    setting = Setting(workers=2)
    world = World(0, registry(), setting=setting, plan=Exactly(), known=known(services))
    open_books(world)
    world.run(scenario)  # type: ignore[arg-type]
    return world


def test_events_that_come_ten_times_mixed_up_between_keys_and_a_day_late_have_one_effect_each() -> None:
    orders = [s.Ordered(key, place) for place in (1, 2, 3) for key in ("a", "b", "c")]

    async def scenario(world: World) -> None:
        for one in orders:
            for _ in range(5):
                await emit(world, one)
        await world.settle()
        world.clock.travel(int(DAY * 1_000_000))
        for one in reversed(orders):
            for _ in range(5):
                await emit(world, one)
        await mend(world)

    found = facts(play_services(scenario, s.payments, s.ledger))
    assert {one: count for one, count in found.log.items() if one[0] == "sim.Paid"} == {
        ("sim.Paid", one.order, one.place): 1 for one in orders
    }
    assert found.kept == {("ledger", key): {"places": [1, 2, 3]} for key in ("a", "b", "c")}
    assert len(s.BOOK) == 2 * len(orders)


def test_a_poison_event_is_a_dead_letter_with_its_cause_while_others_go_on_and_a_redrive_ends_it() -> None:
    async def scenario(world: World) -> None:
        await emit(world, s.Ordered("a", 1, "ill"), s.Ordered("b", 1), s.Ordered("a", 2))
        await world.settle()
        (letter,) = peek(world.store.dead_letters(DeadLetterQuery(namespace="default", limit=10)))
        assert (letter.key, letter.attempts) == ("a", 3) and letter.cause.startswith("ValueError in")
        assert [one.key for one in s.BOOK] == ["b"], "the other key goes on, and this one keeps its order"
        await mend(world)

    facts(play_services(scenario, s.payments))
    assert [(one.key, one.place) for one in s.BOOK] == [("b", 1), ("a", 1), ("a", 2)]


def test_services_that_answer_each_other_without_end_are_stopped_at_the_limit_of_hops() -> None:
    some = Known()
    some.add([players])
    some.check()
    limits = Limits(crashes=1_000, suspect=500, hops=10)
    world = World(0, Registry(), setting=Setting(limits=limits), known=lambda _: some)

    async def scenario(world: World) -> None:
        await emit_ball(world)
        await world.settle()
        (letter,) = peek(world.store.dead_letters(DeadLetterQuery(namespace="default", limit=10)))
        assert "HopLimit: " in letter.error

    async def emit_ball(world: World) -> None:
        await world.ask(lambda client: client.emit(Ping("b"), id="first"))

    world.run(scenario)
    assert [event.hops for event in world.invariants.chronicle.events.values()] == list(range(12))
