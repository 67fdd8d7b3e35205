"""Chapter thirteen: services are known, own their partitions through sessions, and are steered by people."""

from __future__ import annotations

from dalsegno.core.commit import Committed, Done, EndSession, Fence, Refused, Release
from dalsegno.core.reactions import (
    CAREFUL_AFTER,
    Declared,
    GivePartitions,
    Partition,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.testing.conformance.eventful import AtWork, an_event, at_work, emit, register, take
from dalsegno.testing.conformance.world import LEASE, Case, World, expect


async def _positions(world: World, service: int) -> set[int]:
    return {one.position for one in await world.store.partitions(service)}


async def _owners(world: World, service: int) -> list[int | None]:
    return [one.session for one in await world.store.partitions(service)]


async def a_service_is_known_once(world: World) -> None:
    """A service that is registered again is the same, with what it declares now; its positions stay."""
    (first,) = (await register(world, "pay", data=b'{"v":1}')).services
    wanted = (first.namespace, first.name, first.generation, first.partitions, first.declared)
    expect(wanted, ("default", "pay", 1, 2, b'{"v":1}'), "the service")
    expect((first.changed_at, first.paused_at, first.paused_by), (world.clock.now(), None, ""), "the rest")
    partitions = [Partition(first.number, n, 0) for n in (0, 1)]
    expect(await world.store.partitions(first.number), partitions, "its partitions")
    before = await world.snapshot()
    await register(world, "pay", data=b'{"v":1}')
    expect(await world.snapshot(), before, "the store's rows after the same again")
    await emit(world, an_event())
    other = Declared("charge", b"[1]"), Declared("refund", b"[2]")
    world.clock.advance(5)
    again = await register(world, "pay", data=b'{"v":2}', handlers=other, partitions=9, start=None)
    (second,) = again.services
    expect((second.number, second.declared, second.partitions), (first.number, b'{"v":2}', 2), "the service")
    expect(await world.store.partitions(first.number), partitions, "its partitions once more")
    handlers = [(one.service, one.name, one.declared, one.open_until) for one in again.handlers]
    number = first.number
    wanted_handlers = [(number, "charge", b"[1]", None), (number, "refund", b"[2]", None)]
    expect(handlers, wanted_handlers, "its handlers")
    expect(await world.store.handlers(number), list(again.handlers), "its handlers, read")
    expect(await world.store.services("default"), [second], "the services")


async def a_handler_that_is_gone_from_the_code_is_still_known(world: World) -> None:
    """A handler that is declared no more keeps its number: it may come back."""
    (first,) = (await register(world, "pay")).handlers
    await register(world, "pay", handlers=(Declared("refund"),))
    names = {one.name: one.number for one in (await register(world, "pay")).handlers}
    expect(names["charge"], first.number, "the number of the handler that came back")
    expect(sorted(names), ["charge", "refund"], "the handlers")


async def services_of_one_name_are_apart(world: World) -> None:
    """Two services may have handlers of one name, and two namespaces services of one name."""
    pay, ship = (await register(world, "pay", "ship")).services
    (other,) = (await register(world, "pay", namespace="other")).services
    expect(len({pay.number, ship.number, other.number}), 3, "how many services there are")
    expect(await world.store.services("other"), [other], "the services of another namespace")
    handlers = [await world.store.handlers(one.number) for one in (pay, ship, other)]
    expect(len({handler.number for found in handlers for handler in found}), 3, "how many handlers there are")
    session = await world.session()
    await take(world, session, pay.number)
    expect(await _owners(world, other.number), [None, None], "who owns the other's partitions")


async def a_new_service_begins_where_it_says(world: World) -> None:
    """A service that is new begins at the beginning of the log, its end, a position or a time."""
    for _ in range(3):
        await emit(world, an_event(), an_event())
        world.clock.advance(10)
    second = world.clock.now() - 20
    for name, fields, position in (
        ("beginning", {}, 0),
        ("end", {"start": None}, 6),
        ("position", {"start": 4}, 4),
        ("time", {"start": None, "start_at": second}, 2),
        ("moment later", {"start": None, "start_at": second + 1}, 4),
        ("long ago", {"start": None, "start_at": 0}, 0),
        ("time to come", {"start": None, "start_at": world.clock.now() + 99}, 6),
    ):
        (service,) = (await register(world, name, **fields)).services
        expect(await _positions(world, service.number), {position}, f"where it begins from the {name}")


async def partitions_are_taken_by_one(world: World) -> None:
    """A session takes as many partitions as it asks for and nobody owns; no two have the same."""
    (service,) = (await register(world, "pay", partitions=5)).services
    one, two = await world.session(), await world.session()
    expect(await take(world, one, service.number, 2), [0, 1], "the first two")
    expect(await take(world, two, service.number, 9), [2, 3, 4], "what the other gets of nine")
    expect(await take(world, one, service.number, 9), [], "what is left")
    expect(await _owners(world, service.number), [one, one, two, two, two], "the owners")
    expect(await take(world, one, service.number, 0, recall=True), [0, 1], "what one has, when it asks")
    verdict = await world.one(TakePartitions(two, service.number, 0, recall=True))
    wanted = Taken(tuple(Partition(service.number, n, 0, two) for n in (2, 3, 4)))
    expect(verdict, wanted, "what the other has, in full")
    expect(await take(world, one, service.number + 99), [], "partitions of a service that is not there")


async def partitions_are_given_back(world: World) -> None:
    """A session gives back what it owns, as it is, and nothing that it does not own."""
    work = await at_work(world, partitions=3)
    other = await world.session()
    await work.react(positions=((1, 7),), suspects=((1, 8),))
    verdict = await world.one(GivePartitions(other, work.service.number, (0, 1)))
    expect(verdict, Done(0), "giving what is another's")
    verdict = await world.one(GivePartitions(work.session, work.service.number, (1, 2, 9)))
    expect(verdict, Done(2), "giving its own")
    expect(await _owners(world, work.service.number), [work.session, None, None], "the owners")
    expect(
        (await work.partitions())[1],
        Partition(work.service.number, 1, 7, None, CAREFUL_AFTER, 8),
        "what was given",
    )
    expect(await take(world, other, work.service.number), [1, 2], "what the next one takes")


async def partitions_of_the_dead_are_handed_on(world: World) -> None:
    """The partitions of a session that was ended are its own until they are released, with one crash more."""
    work = await at_work(world)
    await emit(world, an_event())
    taker = await world.session()
    await world.one(EndSession(work.session))
    expect(await take(world, taker, work.service.number), [], "what can be taken before the release")
    expect(await world.store.anything_to_release(), True, "whether there is anything to release")
    await world.one(Release())
    wanted = [Partition(work.service.number, n, 0, None, 1) for n in (0, 1)]
    expect(await work.partitions(), wanted, "the partitions after the release")
    expect(await take(world, taker, work.service.number, 1), [0], "what can be taken after it")
    await world.write(EndSession(taker), Release())
    expect([one.crashes for one in await work.partitions()], [2, 1], "the crashes of each")


async def where_nothing_was_to_come_nothing_killed(world: World) -> None:
    """A partition that had come to the end of the log counts no crash when its session dies."""
    work = await at_work(world)
    await emit(world, an_event(), an_event())
    await work.react(positions=((0, 2), (1, 1)))
    await world.write(EndSession(work.session), Release())
    expect([one.crashes for one in await work.partitions()], [0, 1], "the crashes of each")


async def a_suspect_is_counted_as_it_begins(world: World) -> None:
    """An event that begins alone is noted before, and counted each time; not once more when its worker dies."""
    work = await at_work(world, partitions=1)
    await emit(world, an_event(), an_event())
    for crashes in (CAREFUL_AFTER, CAREFUL_AFTER + 1):
        await work.react(suspects=((0, 1),))
        expect([one.crashes for one in await work.partitions()], [crashes], "the crashes as it begins")
        await world.write(EndSession(work.session), Release())
        expect([one.crashes for one in await work.partitions()], [crashes], "the crashes after a death")
        work = AtWork(world, await world.session(), work.service, work.handler)
        await take(world, work.session, work.service.number)
    await work.react(suspects=((0, 2),))
    wanted = [Partition(work.service.number, 0, 0, work.session, CAREFUL_AFTER, 2)]
    expect(await work.partitions(), wanted, "the partition with another suspect")


async def a_suspect_whose_reply_was_lost_is_counted_once(world: World) -> None:
    """Where only the reply to a note of a suspect was lost, writing it again counts nothing."""
    work = await at_work(world, fenced=True)
    note, fence = work.a_react(suspects=((0, 1),)), Fence(work.session, 2, LEASE)
    first = await world.one(note, fence)
    after = await world.snapshot()
    expect(await world.one(note, fence), first, "the verdict of the repetition")
    expect(await world.snapshot(), after, "the store's rows after it")


async def partitions_wait_for_the_runs(world: World) -> None:
    """A release that is not through with the runs of a session leaves its partitions for the next one."""
    work = await at_work(world)
    for n in range(3):
        await world.start(f"order-{n}", workflow="pay.charge")
    await world.claim(work.session)
    await world.one(EndSession(work.session))
    expect(await world.one(Release(limit=2)), Done(2), "a first release")
    expect(await _owners(world, work.service.number), [work.session] * 2, "the owners after it")
    expect(await world.one(Release(limit=2)), Done(1), "a second")
    expect(await _owners(world, work.service.number), [None, None], "the owners after that")


async def a_goodbye_hands_on_at_once(world: World) -> None:
    """A session that says goodbye hands on its partitions at once, and it is no crash of theirs."""
    work = await at_work(world)
    await world.one(EndSession(work.session, goodbye=True))
    expect(await work.partitions(), [Partition(work.service.number, n, 0) for n in (0, 1)], "the partitions")


async def who_has_ended_takes_nothing(world: World) -> None:
    """A session that has ended takes no partitions, with its fence or without: nobody would hand them on."""
    work = await at_work(world)
    await world.one(EndSession(work.session, goodbye=True))
    before = await world.snapshot()
    asked = TakePartitions(work.session, work.service.number, 9)
    expect(await world.one(asked), Taken(()), "what it gets without a fence")
    expect(await world.one(asked, Fence(work.session, 1, LEASE)), Refused.FENCED, "what it gets with one")
    expect(await world.snapshot(), before, "the store's rows after both")
    expect(await take(world, 999_999, work.service.number), [], "what a session gets that never was")


async def who_is_fenced_gives_nothing_back(world: World) -> None:
    """A fenced session gives nothing back: whoever hands its partitions on counts its death with them."""
    work = await at_work(world, fenced=True)
    await world.one(EndSession(work.session))
    before = await world.snapshot()
    given = GivePartitions(work.session, work.service.number, (0, 1))
    expect(await world.one(given, Fence(work.session, 2, LEASE)), Refused.FENCED, "giving under its fence")
    expect(await world.snapshot(), before, "the store's rows after it")


async def what_was_taken_is_told_again(world: World) -> None:
    """Where only the reply was lost, taking again tells of all that the session owns."""
    (service,) = (await register(world, "pay")).services
    session = await world.session()
    fence = Fence(session, 1, LEASE)
    asked = TakePartitions(session, service.number, 1)
    first = await world.one(asked, fence)
    after = await world.snapshot()
    expect(await world.one(asked, fence), first, "the verdict of the repetition")
    expect(await world.snapshot(), after, "the store's rows after it")


async def positions_move_forward(world: World) -> None:
    """A partition moves forward only; what has come further is cleared of crashes and suspicion."""
    work = await at_work(world)
    await emit(world, an_event())
    await world.write(EndSession(work.session), Release())
    expect([one.crashes for one in await work.partitions()], [1, 1], "the crashes of each")
    work = AtWork(world, await world.session(), work.service, work.handler)
    await take(world, work.session, work.service.number)
    await work.react(suspects=((0, 3), (1, 4)))
    number = work.service.number
    many = CAREFUL_AFTER
    wanted = [Partition(number, 0, 0, work.session, many, 3), Partition(number, 1, 0, work.session, many, 4)]
    expect(await work.partitions(), wanted, "partitions with a suspect each")
    expect(await work.react(positions=((0, 5),)), Committed(world.clock.now()), "the verdict of a move")
    wanted[0] = Partition(number, 0, 5, work.session)
    expect(await work.partitions(), wanted, "partitions of which one has come further")
    await work.react(positions=((0, 4), (1, 0)))
    expect(await work.partitions(), wanted, "partitions that were not moved")


async def a_service_is_paused(world: World) -> None:
    """A person pauses a service, and lets it go on; who did, and when, is told."""
    work = await at_work(world)
    world.clock.advance(5)
    expect(await world.one(SteerService("default", "pay", "kim", pause=True)), Done(1), "the verdict")
    (service,) = await world.store.services("default")
    now = world.clock.now()
    expect((service.paused_at, service.paused_by, service.changed_at), (now, "kim", now), "the service")
    await world.one(SteerService("default", "pay", "max", pause=False))
    (service,) = await world.store.services("default")
    expect((service.paused_at, service.paused_by), (None, "max"), "the service that goes on")
    expect(service.generation, work.service.generation, "its generation")


async def a_service_begins_again(world: World) -> None:
    """A service that is rewound begins again behind a position, nobody's, as a new generation."""
    work = await at_work(world)
    await work.react(positions=((0, 5), (1, 9)), suspects=((0, 6),))
    expect(await world.one(SteerService("default", "pay", "kim", rewind=3)), Done(1), "the verdict")
    (service,) = await world.store.services("default")
    expect((service.generation, service.paused_at), (2, None), "the service")
    wanted = [Partition(service.number, n, 3) for n in (0, 1)]
    expect(await work.partitions(), wanted, "its partitions")


async def a_circuit_is_opened(world: World) -> None:
    """The circuit of a handler is opened until a time, and closed; never that of another service."""
    work, other = await at_work(world, "pay"), await at_work(world, "ship")
    until = world.clock.now() + 50
    await world.one(SteerService("default", "pay", circuit=(work.handler, until)))
    await world.one(SteerService("default", "pay", circuit=(other.handler, until)))
    (charge,) = await world.store.handlers(work.service.number)
    (ship,) = await world.store.handlers(other.service.number)
    expect((charge.open_until, ship.open_until), (until, None), "until when the circuits are open")
    await register(world, "pay")
    (charge,) = await world.store.handlers(work.service.number)
    expect(charge.open_until, until, "until when it is open once it was registered again")
    await world.one(SteerService("default", "pay", circuit=(work.handler, None)))
    (charge,) = await world.store.handlers(work.service.number)
    expect(charge.open_until, None, "until when a closed one is")


async def steering_nobody_does_nothing(world: World) -> None:
    """An order to a service that is not there concerns nobody."""
    await at_work(world)
    before = await world.snapshot()
    for namespace, name in (("default", "ship"), ("other", "pay")):
        verdict = await world.one(SteerService(namespace, name, pause=True, rewind=0))
        expect(verdict, Done(0), f"an order to {namespace}/{name}")
    expect(await world.snapshot(), before, "the store's rows")


CASES = (
    Case(a_service_is_known_once),
    Case(a_handler_that_is_gone_from_the_code_is_still_known),
    Case(services_of_one_name_are_apart),
    Case(a_new_service_begins_where_it_says),
    Case(partitions_are_taken_by_one),
    Case(partitions_are_given_back),
    Case(partitions_of_the_dead_are_handed_on),
    Case(where_nothing_was_to_come_nothing_killed),
    Case(a_suspect_is_counted_as_it_begins),
    Case(a_suspect_whose_reply_was_lost_is_counted_once),
    Case(partitions_wait_for_the_runs),
    Case(a_goodbye_hands_on_at_once),
    Case(who_has_ended_takes_nothing),
    Case(who_is_fenced_gives_nothing_back),
    Case(what_was_taken_is_told_again),
    Case(positions_move_forward),
    Case(a_service_is_paused),
    Case(a_service_begins_again),
    Case(a_circuit_is_opened),
    Case(steering_nobody_does_nothing),
)
