"""Chapter ten: the log has every event once, in the order of commits, without gaps."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Commit, Done, Emit, Emitted, Failed, Refused
from dalsegno.core.event import Event, Head
from dalsegno.core.reactions import Forget
from dalsegno.store.log import EventQuery
from dalsegno.testing.conformance.eventful import an_event, at_work, emit, types_on_log
from dalsegno.testing.conformance.world import Case, World, a_commit, a_step, expect, fail


async def _listed(world: World, **query: Any) -> list[int]:
    return [event.number for event in await world.store.events(EventQuery(**query))]


async def events_are_numbered_in_order(world: World) -> None:
    """Events bear the numbers 1, 2, 3 … in the order of groups, of their items, and within an item."""
    expect(await world.store.head(), Head(0, 1, 0), "the ends of an empty log")
    expect(await emit(world, an_event("A"), an_event("B")), [1, 2], "the first numbers")
    run = await world.claimed()
    group = (
        Emit((an_event("C"),)),
        a_commit(run, a_step(1), events=(an_event("D"), an_event("E"))),
        a_commit(run, a_step(2)),
        Emit((an_event("F"),)),
    )
    verdicts = await world.write(*group)
    expect((verdicts[0], verdicts[3]), (Emitted([3], 0), Emitted([6], 0)), "what the emitters were told")
    expect(await types_on_log(world), list(enumerate("ABCDEF", 1)), "the log")
    expect((await world.store.head()).last, 6, "the last number")


async def nothing_leaves_a_gap(world: World) -> None:
    """A refused commit, an item that failed and a repeated event use up no number."""
    run = await world.claimed()
    await world.one(a_commit(run, a_step(1)))
    stale = Commit(run.number, run.session or 0, run.turn - 1, 0, (a_step(2),), events=(an_event("stale"),))
    spoilt = a_commit(run, a_step(1), events=(an_event("spoilt"),))
    verdicts = await world.write(
        Emit((an_event("A", id="e-1"),)),
        stale,
        spoilt,
        Emit((an_event("A", id="e-1"), an_event("B"))),
    )
    expect(verdicts[1], Refused.STALE, "the verdict of the refused commit")
    if not isinstance(verdicts[2], Failed):
        fail(f"an entry in the place of another one answered {verdicts[2]!r}")
    expect((verdicts[0], verdicts[3]), (Emitted([1], 0), Emitted([1, 2], 1)), "what the emitters were told")
    expect(await emit(world, an_event("C")), [3], "the number after them")
    expect(await types_on_log(world), [(1, "A"), (2, "B"), (3, "C")], "the log")


async def an_event_keeps_all_it_carries(world: World) -> None:
    """An event reads back as it was emitted, with its number and the time of its acceptance."""
    full = an_event(
        namespace="other",
        version=7,
        id="e-1",
        key="🧾",
        case_id="order-1",
        cause=3,
        run=5,
        hops=9,
        traceparent="00-a-b-01",
        time=-5,
        codec=4,
        data=b"\x00\xff",
        extra=b'{"subject":"x"}',
    )
    bare = an_event(source="", data=None)
    await emit(world, full, bare)
    at = world.clock.now()
    wanted = Event(
        1, "other", "Placed", 7, "shop", "e-1", "🧾", "order-1", 3, 5, 9, "00-a-b-01", -5, 4, b"\x00\xff",
        b'{"subject":"x"}', at,
    )  # fmt: skip
    expect(await world.store.event(1), wanted, "the event")
    plain = Event(
        2, "default", "Placed", 1, "", None, None, None, None, None, 0, None, None, 1, None, None, at
    )
    expect(await world.store.event(2), plain, "the event that carries nothing")
    expect(await world.store.event(3), None, "an event that is not there")


async def hops_are_counted(world: World) -> None:
    """An event is one hop further than the one that led to it, unless its emitter has counted."""
    await emit(world, an_event())
    await emit(world, an_event(cause=1))
    await emit(world, an_event(cause=2), an_event(cause=2, hops=40), an_event(cause=99))
    hops = [event.hops for event in await world.store.read_log(0, 10)]
    expect(hops, [0, 1, 2, 40, 1], "the hops of each")


async def time_never_goes_back_along_the_log(world: World) -> None:
    """An event is accepted no earlier than the one before it, though the clock was set back."""
    world.clock.advance(50)
    first = world.clock.now()
    await emit(world, an_event())
    world.clock.advance(-1_000)
    await emit(world, an_event())
    expect((await world.store.head()).at, first, "the time of the log's end")
    world.clock.advance(2_000)
    await emit(world, an_event())
    times = [event.at for event in await world.store.read_log(0, 10)]
    expect(times, [first, first, world.clock.now()], "when they were accepted")


async def an_id_from_outside_is_written_once(world: World) -> None:
    """An event whose source has sent its id before is not written again: its sender is told its number."""
    await emit(world, an_event(id="e-1"), an_event(id="e-2"))
    before = await world.snapshot()
    verdict = await world.one(Emit((an_event("Other", id="e-2"), an_event(id="e-1", data=b"other"))))
    expect(verdict, Emitted([2, 1], 2), "what a repetition answers")
    expect(await world.snapshot(), before, "the store's rows after it")
    expect(await world.store.known_event("default", "shop", "e-2"), 2, "the number of an id")
    expect(await world.store.known_event("default", "shop", "e-3"), None, "the number of an unknown id")
    others = (an_event(id="e-1", source="web"), an_event(id="e-1", namespace="other"), an_event(id="E-1"))
    expect(await emit(world, *others), [3, 4, 5], "the same id from elsewhere")


async def a_group_repeats_itself(world: World) -> None:
    """An id that comes twice within one group is written once, whichever items bring it."""
    run = await world.claimed()
    event = an_event(id="e-1")
    group = (
        Emit((event, an_event("B"), event)),
        a_commit(run, a_step(1), events=(event,)),
        Emit((event, an_event("C"))),
    )
    verdicts = await world.write(*group)
    expect((verdicts[0], verdicts[2]), (Emitted([1, 2, 1], 1), Emitted([1, 3], 1)), "what they were told")
    expect(await types_on_log(world), [(1, "Placed"), (2, "B"), (3, "C")], "the log")


async def events_without_an_id_are_never_the_same(world: World) -> None:
    """Events that have no id are all written, however alike they are."""
    event = an_event(key="k-1")
    expect(await emit(world, event, event), [1, 2], "two of them")
    expect(await emit(world, event), [3], "one more")


async def the_log_is_read_by_position(world: World) -> None:
    """The log reads in order from behind a number, all namespaces, no longer than asked for."""
    await emit(world, *(an_event(namespace=name) for name in ("default", "other", "default", "other")))
    read = world.store.read_log
    expect([event.number for event in await read(0, 100)], [1, 2, 3, 4], "the whole log")
    expect([event.number for event in await read(2, 100)], [3, 4], "what is behind a number")
    expect([event.number for event in await read(1, 2)], [2, 3], "a part of it")
    expect(await read(4, 100), [], "what is behind the end")


async def events_are_listed_by_what_they_are(world: World) -> None:
    """A list of events is narrowed by type, key and case, alone and together, in one namespace."""
    await emit(
        world,
        an_event("A", key="k-1", case_id="c-1"),
        an_event("B", key="k-1", case_id="c-2"),
        an_event("A", key="k-2", case_id="c-1"),
        an_event("A"),
        an_event("A", key="k-1", case_id="c-1", namespace="other"),
    )
    expect(await _listed(world), [1, 2, 3, 4], "all of a namespace")
    expect(await _listed(world, namespace="other"), [5], "another namespace")
    expect(await _listed(world, type="A"), [1, 3, 4], "one type")
    expect(await _listed(world, key="k-1"), [1, 2], "one key")
    expect(await _listed(world, case_id="c-1"), [1, 3], "one case")
    expect(await _listed(world, case_id="c-1", key="k-1"), [1], "a case and a key")
    expect(await _listed(world, type="B", case_id="c-1"), [], "what is not there")
    expect(await _listed(world, key="K-1"), [], "a key in other letters")


async def events_are_listed_in_pages(world: World) -> None:
    """A list goes on behind a number, or for the newest below one, and shows each event once."""
    await emit(world, *(an_event(key="k-1") for _ in range(5)))
    expect(await _listed(world, limit=2), [1, 2], "the first page")
    expect(await _listed(world, limit=2, after=2), [3, 4], "the second")
    expect(await _listed(world, limit=2, newest=True), [5, 4], "the newest")
    expect(await _listed(world, limit=2, newest=True, before=4), [3, 2], "those before them")
    expect(await _listed(world, after=1, before=4), [2, 3], "between two numbers")
    expect(await _listed(world, key="k-1", newest=True, limit=3), [5, 4, 3], "the newest of a key")
    expect(await _listed(world, limit=0), [], "none of it")


async def events_are_found_by_time(world: World) -> None:
    """A list holds the events accepted from one time on, and before another."""
    begun = world.clock.now()
    for _ in range(5):
        await emit(world, an_event(), an_event())
        world.clock.advance(10)
    expect(await _listed(world, since=begun), list(range(1, 11)), "since the first")
    expect(await _listed(world, since=begun + 10), list(range(3, 11)), "since the moment of the second pair")
    expect(await _listed(world, since=begun + 11), list(range(5, 11)), "since a moment later")
    expect(await _listed(world, until=begun + 10), [1, 2], "until the second pair")
    expect(await _listed(world, since=begun + 10, until=begun + 30), [3, 4, 5, 6], "between two times")
    expect(await _listed(world, since=begun + 10, newest=True, limit=1, until=begun + 30), [6], "the newest")
    expect(await _listed(world, since=begun + 50), [], "what is yet to come")
    expect(await _listed(world, until=begun), [], "what was before all")
    await world.one(Forget(4))
    expect(await _listed(world, since=begun, until=begun + 20), [4], "what was not forgotten")


async def what_is_forgotten_is_gone(world: World) -> None:
    """The oldest events are removed with what came of them; the numbers go on."""
    work = await at_work(world)
    await emit(world, *(an_event(id=f"e-{n}") for n in range(1, 6)))
    await work.react(*(work.a_reaction(event) for event in (1, 2, 3, 4)))
    expect(await world.one(Forget(4)), Done(3), "how many were removed")
    head = await world.store.head()
    expect((head.last, head.first), (5, 4), "the ends of the log")
    expect(await types_on_log(world), [(4, "Placed"), (5, "Placed")], "the log")
    expect(await world.store.event(3), None, "an event that was removed")
    expect(await world.store.reactions(3), [], "its reactions")
    expect(len(await world.store.reactions(4)), 1, "reactions of one that was left")
    expect(await world.one(Forget(4)), Done(0), "how many a second time")
    expect(await emit(world, an_event(id="e-5"), an_event(id="e-1")), [5, 6], "ids known and forgotten")


async def forgetting_is_bounded(world: World) -> None:
    """Forgetting removes no more than its limit at once, and nothing that is yet to come."""
    await emit(world, *(an_event() for _ in range(5)))
    expect(await world.one(Forget(5, limit=3)), Done(3), "a part")
    expect((await world.store.head()).first, 4, "the first that is left")
    expect(await world.one(Forget(1_000_000)), Done(2), "all the rest")
    head = await world.store.head()
    expect((head.last, head.first), (5, 6), "the ends of a log that was emptied")
    expect(await world.one(Forget(1_000_000)), Done(0), "an empty log")
    expect(await emit(world, an_event()), [6], "the number after it")
    expect([event.number for event in await world.store.read_log(0, 10)], [6], "the log")


async def forgetting_by_size_goes_as_far_as_it_must(world: World) -> None:
    """The log knows how much data it has; by size no more goes than is too much."""
    await emit(world, *(an_event(data=b'"' + b"x" * size + b'"') for size in (8, 18, 28, 38)))
    expect((await world.store.head()).bytes, 100, "how much data there is")
    expect(await world.one(Forget(5, bytes=100)), Done(0), "what fits")
    expect(await world.one(Forget(5, bytes=95)), Done(1), "a little too much")
    expect(await world.one(Forget(3, bytes=0)), Done(1), "no more than up to a number")
    expect((await world.store.head()).bytes, 70, "how much is left")
    await emit(world, an_event(data=b'"y"'))
    expect(await world.one(Forget(6, bytes=43)), Done(1), "exactly as much as is too much")
    head = await world.store.head()
    expect((head.first, head.bytes), (4, 43), "where the log begins, and how much is left")
    expect(await world.one(Forget(6)), Done(2), "the rest, whatever its size")
    expect((await world.store.head()).bytes, 0, "an empty log")


CASES = (
    Case(events_are_numbered_in_order),
    Case(nothing_leaves_a_gap),
    Case(an_event_keeps_all_it_carries),
    Case(hops_are_counted),
    Case(time_never_goes_back_along_the_log),
    Case(an_id_from_outside_is_written_once),
    Case(a_group_repeats_itself),
    Case(events_without_an_id_are_never_the_same),
    Case(the_log_is_read_by_position),
    Case(events_are_listed_by_what_they_are),
    Case(events_are_listed_in_pages),
    Case(events_are_found_by_time),
    Case(what_is_forgotten_is_gone),
    Case(forgetting_is_bounded),
    Case(forgetting_by_size_goes_as_far_as_it_must),
)
