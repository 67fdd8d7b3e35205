"""Chapter four: what is sent to a run waits for it, once, and wakes it."""

from __future__ import annotations

from dalsegno.core.commit import EndSession, Release, Rest, Retry, Send, Sent, SentHow
from dalsegno.core.entries import Delivery, Kind, Outcome
from dalsegno.core.runs import DIVERGED, KILLS_ITS_WORKER, Run, Status
from dalsegno.testing.conformance.world import Case, World, a_commit, a_signal, a_step, expect


async def _inbox(world: World, run: Run) -> list[Delivery]:
    return list((await world.store.inbox([run.number]))[run.number])


async def a_delivery_waits(world: World) -> None:
    """A delivery waits in the run's inbox with all that it carries."""
    run = await world.start()
    send = Send(
        Kind.CHILD, run.number, "", "", "ship", "c-1", "order-9", 5, Outcome.ERROR, codec=7, data=b"\x00x"
    )
    expect(await world.one(send), Sent(SentHow.ACCEPTED, run.number, Status.PENDING), "the verdict")
    at = world.clock.now()
    wanted = Delivery(1, Kind.CHILD, "ship", "c-1", "order-9", 5, Outcome.ERROR, 7, b"\x00x", at)
    expect(await _inbox(world, run), [wanted], "the inbox")
    loaded = (await world.store.load([run.number]))[run.number]
    expect(loaded.inbox, (wanted,), "the inbox, loaded with the rest")


async def deliveries_are_numbered_in_order(world: World) -> None:
    """Deliveries are counted by the run's wakes, in the order of their acceptance."""
    run = await world.start()
    for n in range(3):
        world.clock.advance(1)
        await world.one(a_signal(run, f"s-{n}", name=f"n-{n}"))
    expect(
        [(d.number, d.name) for d in await _inbox(world, run)], [(1, "n-0"), (2, "n-1"), (3, "n-2")], "inbox"
    )
    expect((await world.read(run)).wakes, 3, "the wakes")


async def by_id_or_by_number(world: World) -> None:
    """A run is addressed by its number, or by namespace and id."""
    run = await world.start("order-1")
    by_id = Send(Kind.SIGNAL, namespace="default", run_id="order-1", name="Paid")
    expect(await world.one(by_id), Sent(SentHow.ACCEPTED, run.number, Status.PENDING), "a delivery by id")
    elsewhere = Send(Kind.SIGNAL, namespace="other", run_id="order-1", name="Paid")
    expect(await world.one(elsewhere), Sent(SentHow.UNKNOWN), "a delivery to another namespace")
    expect(await world.one(Send(Kind.SIGNAL, run=5, name="Paid")), Sent(SentHow.UNKNOWN), "an unknown number")
    expect(len(await _inbox(world, run)), 1, "deliveries in the inbox")


async def a_repeated_id_is_a_no_op(world: World) -> None:
    """A delivery whose id the run has had changes nothing: not while it waits, not once it was taken."""
    run = await world.claimed()
    await world.signal(run, "s-1")
    before = await world.snapshot()
    expect((await world.signal(run, "s-1", data=b"2")).how, SentHow.REPEATED, "a repetition while it waits")
    expect(await world.snapshot(), before, "the store's rows after it")
    await world.one(a_commit(run, a_step(1), consumed=(1,)))
    before = await world.snapshot()
    expect((await world.signal(run, "s-1")).how, SentHow.REPEATED, "a repetition after it was taken")
    expect(await world.snapshot(), before, "the store's rows after it")
    await world.one(a_commit(run, rest=Rest(Status.COMPLETED, 1)))
    expect((await world.signal(run, "s-1")).how, SentHow.REPEATED, "a repetition after the run has ended")


async def ids_are_per_run(world: World) -> None:
    """The same id sent to two runs is two deliveries; deliveries without an id are never the same."""
    one, two = await world.start("one"), await world.start("two")
    expect((await world.signal(one, "s-1")).how, SentHow.ACCEPTED, "the id at one run")
    expect((await world.signal(two, "s-1")).how, SentHow.ACCEPTED, "the id at the other")
    expect((await world.signal(two)).how, SentHow.ACCEPTED, "no id")
    expect((await world.signal(two)).how, SentHow.ACCEPTED, "no id, again")


async def an_ended_run_takes_none(world: World) -> None:
    """A run that has ended accepts no delivery, and the sender hears how it ended."""
    for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
        run = await world.ended(status.value, status)
        before = await world.snapshot()
        expect(
            await world.signal(run, "s"), Sent(SentHow.ENDED, run.number, status), f"sent to a {status} run"
        )
        expect(await world.snapshot(), before, "the store's rows after it")


async def a_waiting_run_becomes_due(world: World) -> None:
    """A delivery makes a run that waits due at once, and leaves an earlier due time as it was."""
    sleeper = await world.resting("sleeper", due_at=world.clock.now() + 1_000)
    idle = await world.resting("idle")
    late = await world.resting("late", due_at=world.clock.now() - 5)
    for run in (sleeper, idle, late):
        await world.signal(run)
    now = world.clock.now()
    found = [(await world.read(run)).due_at for run in (sleeper, idle, late)]
    expect(found, [now, now, now - 5], "when they are due")
    expect(len((await world.claim(await world.session())).runs), 3, "how many can be claimed")


async def a_parked_run_sleeps_on(world: World) -> None:
    """A delivery to a parked run is kept and counted, and does not wake it."""
    run = await world.resting(reason=DIVERGED)
    expect((await world.signal(run)).how, SentHow.ACCEPTED, "the verdict")
    found = await world.read(run)
    expect((found.due_at, found.wakes, found.reason), (None, 1, DIVERGED), "due time, wakes and reason")
    expect(len(await _inbox(world, run)), 1, "deliveries in its inbox")


async def a_persons_answer_wakes_a_parked_run(world: World) -> None:
    """A delivery that releases makes a parked run due; claiming it takes the reason away."""
    run = await world.resting(reason=DIVERGED)
    await world.one(a_signal(run, release=True))
    expect((await world.read(run)).due_at, world.clock.now(), "when it is due")
    (claimed,) = (await world.claim(await world.session())).runs
    expect((claimed.number, claimed.reason), (run.number, None), "the claimed run and its reason")


async def another_reason_outlives_a_claim(world: World) -> None:
    """Claiming a run leaves a reason that is not about being parked."""
    await world.resting(reason="compensating", due_at=world.clock.now())
    (claimed,) = (await world.claim(await world.session())).runs
    expect(claimed.reason, "compensating", "the reason of the claimed run")


async def a_retry_is_for_the_parked(world: World) -> None:
    """A person's retry makes a parked run due, forgets its crashes, and tells the run."""
    run = await world.start()
    for _ in range(2):
        session = await world.session()
        await world.claim(session)
        await world.write(EndSession(session), Release(max_crashes=1))
    parked = await world.read(run)
    expect((parked.status, parked.reason, parked.crashes), (Status.WAITING, KILLS_ITS_WORKER, 2), "parked")
    world.clock.advance(9)
    verdict = await world.one(Retry("default", "run", "kim"))
    expect(verdict, Sent(SentHow.ACCEPTED, run.number, Status.WAITING), "the verdict")
    found = await world.read(run)
    expect((found.due_at, found.crashes, found.wakes), (world.clock.now(), 0, 1), "due, crashes and wakes")
    expect([(d.kind, d.source) for d in await _inbox(world, run)], [(Kind.HOLD, "kim")], "the inbox")


async def a_retry_counts_once(world: World) -> None:
    """A second retry of a run that nobody has claimed meanwhile is a no-op; once it parked again, one is not."""
    run = await world.resting(reason=DIVERGED)
    expect((await world.retry()).how, SentHow.ACCEPTED, "the first retry")
    before = await world.snapshot()
    world.clock.advance(5)
    expect((await world.retry("max")).how, SentHow.REPEATED, "the second")
    expect(await world.snapshot(), before, "the store's rows after it")
    (claimed,) = (await world.claim(await world.session())).runs
    await world.one(a_commit(claimed, consumed=(1,), rest=Rest(Status.WAITING, 1, DIVERGED)))
    expect((await world.retry()).how, SentHow.ACCEPTED, "a retry after it has parked again")
    expect((await world.read(run)).due_at, world.clock.now(), "when it is due")


async def a_retry_of_others_does_nothing(world: World) -> None:
    """A retry of a run that is not parked changes nothing; of an unknown one, it says so."""
    waiting, ended = await world.resting("waiting", reason="compensating"), await world.ended("ended")
    before = await world.snapshot()
    for run in (waiting, ended):
        wanted = Sent(SentHow.NOT_PARKED, run.number, run.status)
        expect(await world.one(Retry("default", run.id)), wanted, f"a retry of a {run.status} run")
    expect(await world.one(Retry("default", "nobody")), Sent(SentHow.UNKNOWN), "a retry of an unknown run")
    expect(await world.one(Retry("other", "waiting")), Sent(SentHow.UNKNOWN), "of one elsewhere")
    expect(await world.snapshot(), before, "the store's rows after them")


CASES = (
    Case(a_delivery_waits),
    Case(deliveries_are_numbered_in_order),
    Case(by_id_or_by_number),
    Case(a_repeated_id_is_a_no_op),
    Case(ids_are_per_run),
    Case(an_ended_run_takes_none),
    Case(a_waiting_run_becomes_due),
    Case(a_parked_run_sleeps_on),
    Case(a_persons_answer_wakes_a_parked_run),
    Case(another_reason_outlives_a_claim),
    Case(a_retry_is_for_the_parked),
    Case(a_retry_counts_once),
    Case(a_retry_of_others_does_nothing),
)
