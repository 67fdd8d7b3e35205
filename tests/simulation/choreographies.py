"""Scenarios with services: what a program emits and asks, each with an end that no timing decides."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from dalsegno.events.service import Service
from dalsegno.testing.world import World
from tests.simulation import services as s
from tests.simulation.eventful import emit, mend, open_books


class Choreography(NamedTuple):
    """A scenario, and the services that its programs know."""

    lead: Callable[[World], Coroutine[Any, Any, None]]
    services: tuple[Service, ...]

    async def __call__(self, world: World) -> None:
        open_books(world)
        await self.lead(world)
        await mend(world)


def orders(*orders: s.Ordered) -> Callable[[World], Coroutine[Any, Any, None]]:
    """Emit orders, one after the other."""

    async def lead(world: World) -> None:
        await emit(world, *orders)

    return lead


async def waiting_run(world: World) -> None:
    """Let a run wait for an event before it comes, and another one look for it when it is there."""
    await world.start(s.await_packed, "a", id="early")
    await world.until_waiting("early")
    await emit(world, s.Ordered("a"))
    await world.settle()
    await world.start(s.await_packed, "a", id="late")


async def announcing_run(world: World) -> None:
    """Emit from a workflow."""
    await world.start(s.announce, "a", id="announcer")


async def out_of_order(world: World) -> None:
    """Emit the events of a key in a wrong order, with one that is missing for long."""
    await emit(world, *(s.Tick("t", place) for place in (2, 1, 4, 5)))
    await world.sleep(1)
    await emit(world, s.Tick("t", 3))


async def called_off(world: World) -> None:
    """Cancel a case while its payment cannot be made: it is never made, and the undoing handler is called."""
    await emit(world, s.Ordered("a", 1, "ill"))
    await world.sleep(0.3)
    await world.ask(lambda client: client.cancel_case(s.CalledOff("a")))


async def held_at_the_end(world: World) -> None:
    """Let a run come to its end with events while who takes them is too far behind."""
    await world.start(s.say_last, "a", id="last")


PAIR = (s.Ordered("a", 1), s.Ordered("b", 1))
CHOREOGRAPHIES: dict[str, Choreography] = {
    "a reaction that returns an event": Choreography(orders(*PAIR, s.Ordered("a", 2)), (s.payments,)),
    "two handlers of one event, one in a thread": Choreography(orders(*PAIR), (s.stock,)),
    "a key blocked by retries": Choreography(
        orders(s.Ordered("a", 1, "flaky"), s.Ordered("a", 2), s.Ordered("b", 3)), (s.payments,)
    ),
    "a dead letter redriven": Choreography(
        orders(s.Ordered("a", 1, "ill"), s.Ordered("a", 2), s.Ordered("b", 1)), (s.payments,)
    ),
    "a dead letter discarded": Choreography(
        orders(s.Ordered("a", 1, "lost"), s.Ordered("a", 2)), (s.payments,)
    ),
    "a join": Choreography(orders(*PAIR, s.Ordered("a", 2)), (s.payments, s.stock, s.shipping)),
    "a stacked workflow": Choreography(orders(*PAIR), (s.payments, s.stock, s.shipping, s.packing)),
    "a state that is kept": Choreography(
        orders(s.Ordered("a", 1), s.Ordered("a", 2, "flaky"), s.Ordered("a", 3)), (s.payments, s.ledger)
    ),
    "a run that waits for an event": Choreography(waiting_run, (s.payments, s.stock, s.shipping, s.packing)),
    "a run that emits": Choreography(announcing_run, (s.payments,)),
    "a run that ends with events held back": Choreography(held_at_the_end, (s.crawlers,)),
    "a sequence with a gap": Choreography(out_of_order, (s.clocks,)),
    "a batch": Choreography(orders(*(s.Ordered("a", n) for n in range(1, 6))), (s.stock, s.gatherer)),
    "a case that is called off": Choreography(called_off, (s.payments, s.back_office)),
}
