"""Chapter one: a run is created once."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Refused, Started
from dalsegno.core.runs import Run, Status
from dalsegno.testing.conformance.world import Case, World, expect, fail


async def a_start_makes_a_pending_run(world: World) -> None:
    """A new run is pending, due at once, and bears all that its start said."""
    given: dict[str, Any] = {
        "input": b'{"amount":1}',
        "input_codec": 2,
        "input_digest": b"\x00\xff",
        "fingerprint": "1:abc",
        "python": "3.11",
        "parent": 77,
        "parent_op": 3,
        "attached": False,
        "depth": 2,
        "case_id": "case",
        "traceparent": "00-aa-bb-01",
    }
    start = world.a_start("order-1", **given)
    verdict = await world.one(start)
    now = world.clock.now()
    times: dict[str, Any] = {"due_at": now, "created_at": now, "changed_at": now}
    wanted = Run(start.number, "default", "order-1", "order", "1", Status.PENDING, **times, **given)
    expect(verdict, Started(True, wanted), "the verdict of a start")
    expect(await world.store.find("default", "order-1"), wanted, "the run found by its id")
    expect(await world.store.get(start.number), wanted, "the run found by its number")


async def a_second_start_finds_the_first(world: World) -> None:
    """A second start of an id changes nothing and answers with the first run, whatever it says itself."""
    first = await world.start("order-1", input=b"1", input_digest=b"a")
    world.clock.advance(5)
    again = world.a_start("order-1", input=b"2", input_digest=b"b", workflow="refund", case_id="c")
    expect(await world.one(again), Started(False, first), "the verdict of the second start")
    expect(await world.read(first), first, "the first run")
    expect(await world.store.get(again.number), None, "the run of the second start's number")


async def both_starts_may_be_in_one_group(world: World) -> None:
    """Of two starts of one id in one group, the first one creates."""
    one, two = await world.write(world.a_start("order-1"), world.a_start("order-1"))
    if not (isinstance(one, Started) and one.created):
        fail(f"the first start answered {one!r}")
    expect(two, Started(False, one.run), "the verdict of the second start")


async def an_id_is_taken_when_its_run_has_ended(world: World) -> None:
    """A start finds the run of its id after that has ended."""
    ended = await world.ended("order-1")
    expect(await world.one(world.a_start("order-1")), Started(False, ended), "a start of an ended run's id")


async def namespaces_are_apart(world: World) -> None:
    """One id in two namespaces names two runs."""
    here = await world.start("order-1")
    there = await world.start("order-1", namespace="other")
    expect(await world.store.find("default", "order-1"), here, "the run in the one namespace")
    expect(await world.store.find("other", "order-1"), there, "the run in the other")
    expect(await world.store.find("third", "order-1"), None, "the run in a third")


async def a_number_is_never_given_twice(world: World) -> None:
    """A start under a number that another run has is refused, and creates nothing."""
    first = await world.start("order-1")
    verdict = await world.one(world.a_start("order-2", number=first.number))
    expect(verdict, Refused.NUMBER_TAKEN, "the verdict of a start with another run's number")
    expect(await world.store.find("default", "order-2"), None, "the run of the refused start")
    expect(await world.read(first), first, "the run that has the number")


async def what_nobody_started_is_not_there(world: World) -> None:
    """An unknown id or number reads as None."""
    expect(await world.store.find("default", "order-1"), None, "an unknown id")
    expect(await world.store.get(5), None, "an unknown number")


async def a_start_moves_the_change_mark(world: World) -> None:
    """The change mark is another one after something was written, and stays while nothing is."""
    before = world.store.change_mark()
    expect(world.store.change_mark(), before, "the mark while nothing is written")
    await world.start("order-1")
    after = world.store.change_mark()
    if after == before:
        fail(f"the change mark is {before} before and after a start")
    expect(world.store.change_mark(), after, "the mark while nothing more is written")


CASES = (
    Case(a_start_makes_a_pending_run),
    Case(a_second_start_finds_the_first),
    Case(both_starts_may_be_in_one_group),
    Case(an_id_is_taken_when_its_run_has_ended),
    Case(namespaces_are_apart),
    Case(a_number_is_never_given_twice),
    Case(what_nobody_started_is_not_there),
    Case(a_start_moves_the_change_mark),
)
