"""Chapter fifteen: reactions that are runs keep the order of their key; events that belong together meet."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.commit import Claim, DeadLetter, EndSession, Release, SentHow
from dalsegno.core.entries import Entry, Kind, Outcome
from dalsegno.core.reactions import SteerService
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.store.log import Lane
from dalsegno.testing.conformance.eventful import AtWork, at_work, claim_one, take
from dalsegno.testing.conformance.world import Case, World, expect


async def _lane(work: AtWork, key: str = "k-1") -> list[str]:
    runs = [
        await work.world.store.get(number) for number in await work.world.store.lane(work.service.number, key)
    ]
    return [run.id for run in runs if run is not None]


def _names(*events: int) -> list[str]:
    return [f"pay.charge#{event}" for event in events]


async def only_the_head_is_due(world: World) -> None:
    """Of the reactions of a key the first is due, the others are held; other keys are not concerned."""
    work = await at_work(world)
    runs = await work.lane(work.a_laned(1), work.a_laned(2), work.a_laned(3, "k-2"))
    now = world.clock.now()
    found = [(run.status, run.due_at) for run in runs]
    expect(found, [(Status.PENDING, now), (Status.PENDING, None), (Status.PENDING, now)], "the runs")
    await work.lane(work.a_laned(4))
    expect(await work.due(), _names(1, 3), "what is due")
    number = work.service.number
    lanes = [Lane("k-1", runs[0].number, 3), Lane("k-2", runs[2].number, 1)]
    expect(await world.store.lanes(number), lanes, "the lanes")
    expect(await _lane(work), _names(1, 2, 4), "the lane of the key")
    expect(await world.store.lane(number, "k-3"), [], "the lane of a key that has none")


async def an_end_lets_the_next_go_on(world: World) -> None:
    """When the first reaction of a key ends, however it does, the next one is due; the last leaves no lane."""
    work = await at_work(world)
    await work.lane(*(work.a_laned(event) for event in (1, 2, 3)))
    for event, status in ((1, Status.COMPLETED), (2, Status.FAILED), (3, Status.CANCELLED)):
        run = await claim_one(world, work.session)
        expect(run.id, f"pay.charge#{event}", "which one is due")
        world.clock.advance(5)
        await work.rest(run, status)
    expect(await world.store.lanes(work.service.number), [], "the lanes")
    expect(await work.due(), [], "what is due")
    await work.lane(work.a_laned(4))
    expect(await work.due(), _names(4), "what is due after the lane was empty")


async def a_rest_blocks_the_key(world: World) -> None:
    """A reaction that waits, or is parked, holds those behind it."""
    work = await at_work(world)
    await work.lane(work.a_laned(1), work.a_laned(2))
    run = await claim_one(world, work.session)
    await work.rest(run, Status.WAITING)
    expect(await work.due(), [], "what is due behind one that waits")
    expect(await _lane(work), _names(1, 2), "the lane")


async def a_held_run_sleeps_on(world: World) -> None:
    """A delivery to a reaction that is held is kept for its turn, and does not let it go before."""
    work = await at_work(world)
    _, held = await work.lane(work.a_laned(1), work.a_laned(2))
    expect((await world.signal(held)).how, SentHow.ACCEPTED, "the verdict of the signal")
    found = await world.read(held)
    expect((found.due_at, found.wakes, found.status), (None, 1, Status.PENDING), "the run that is held")
    await work.rest(await claim_one(world, work.session))
    expect(await work.due(), _names(2), "what is due in the end")
    expect(len((await world.store.inbox([held.number]))[held.number]), 1, "deliveries in its inbox")


async def the_rank_says_who_is_next(world: World) -> None:
    """Reactions of a key go in the order of their rank; one that was missing before the first is not held."""
    work = await at_work(world)
    await work.lane(work.a_laned(1, rank=10), work.a_laned(2, rank=30), work.a_laned(3, rank=20))
    first = await claim_one(world, work.session)
    await work.lane(work.a_laned(4, rank=5))
    missing = await claim_one(world, work.session)
    expect([first.id, missing.id], _names(1, 4), "who goes first, and who was missing")
    await work.rest(first)
    expect(await work.due(), [], "what is due while the missing one is under way")
    await work.rest(missing)
    third = await claim_one(world, work.session)
    expect(third.id, "pay.charge#3", "who is next")
    await work.rest(third)
    expect(await work.due(), _names(2), "who is last")


async def one_rank_may_be_twice(world: World) -> None:
    """Two reactions of one key and rank go one after the other; none is forgotten."""
    work = await at_work(world)
    await work.lane(work.a_laned(1, rank=7), work.a_laned(2, rank=7), work.a_laned(3, rank=7))
    order: list[str] = []
    while runs := (await world.claim(work.session)).runs:
        order += [run.id for run in runs]
        await work.rest(runs[0])
    expect(sorted(order), _names(1, 2, 3), "all that were due")
    expect(order[0], _names(1)[0], "the first")


async def without_a_key_nothing_is_before(world: World) -> None:
    """Reactions without a key have no lane and are due at once; one that says so is held."""
    work = await at_work(world)
    kept_back = work.a_laned(3, None, start=work.a_start(3, held=True))
    await work.lane(work.a_laned(1, None), work.a_laned(2, None), kept_back)
    expect(await world.store.lanes(work.service.number), [], "the lanes")
    expect(await work.due(), _names(1, 2), "what is due")


async def a_journal_begins_with_what_failed(world: World) -> None:
    """A reaction that was tried before it was a run has that attempt in its journal, and is due when it says."""
    work = await at_work(world)
    failed = Entry(1, Kind.ATTEMPT, 1, "pay.charge", b"\x01", Outcome.ERROR, 1, data=b"{}")
    later = world.clock.now() + 50
    (run,) = await work.lane(work.a_laned(1, failed=failed, due_at=later))
    journal = await world.store.journal(run.number)
    expect(journal, [replace(failed, at=world.clock.now())], "its journal")
    expect(run.due_at, later, "when it is due")
    expect(await work.due(), [], "what is due before that")
    world.clock.advance(50)
    expect(await work.due(), _names(1), "what is due then")


async def one_may_park_at_its_birth(world: World) -> None:
    """A reaction that starts with a reason is parked: it waits for a person, and those behind it with it."""
    work = await at_work(world)
    parked = work.a_start(1, held=True, reason="parked: kills its worker")
    run, _ = await work.lane(work.a_laned(1, start=parked), work.a_laned(2))
    expect((run.status, run.reason, run.due_at), (Status.WAITING, parked.reason, None), "the run")
    expect(await work.due(), [], "what is due")
    expect((await world.retry(id=run.id)).how, SentHow.ACCEPTED, "a person's retry")
    expect(await work.due(), _names(1), "what is due after it")


async def a_dead_worker_leaves_the_order_as_it_is(world: World) -> None:
    """When the worker of the first reaction dies, that one is due again, and those behind it are held."""
    work = await at_work(world)
    await work.lane(work.a_laned(1), work.a_laned(2))
    await work.due()
    await world.write(EndSession(work.session), Release())
    session = await world.session(("pay.charge", "1"))
    (again,) = (await world.claim(session)).runs
    expect((again.id, again.crashes), ("pay.charge#1", 1), "what is due")


async def lanes_are_per_service(world: World) -> None:
    """Reactions of two services to one key do not wait for each other."""
    pay, ship = await at_work(world, "pay"), await at_work(world, "ship")
    await pay.lane(pay.a_laned(1))
    start = ship.a_start(1, id="ship.charge#1", workflow="ship.charge")
    (run,) = await ship.lane(ship.a_laned(1, start=start))
    expect(run.due_at, world.clock.now(), "when the other service's is due")


async def a_dead_letter_may_let_the_key_go_on(world: World) -> None:
    """A dead letter leaves its lane if it says so, and holds it otherwise, until it has ended."""
    work = await at_work(world)
    await work.lane(*(work.a_laned(event) for event in (1, 2, 3)))
    for event, goes_on in ((1, True), (2, False)):
        run = await claim_one(world, work.session)
        letter = DeadLetter(
            work.service.number, work.handler, event, "k-1", "KeyError", "KeyError: 'sku'", 5, goes_on
        )
        await work.rest(run, Status.WAITING, reason=DEAD_LETTER, dead=letter)
    expect(await _lane(work), _names(2, 3), "the lane")
    expect(await work.due(), [], "what is due behind the one that holds it")
    await world.retry(id="pay.charge#1")
    await work.rest(await claim_one(world, work.session))
    expect(await _lane(work), _names(2, 3), "the lane after the end of one that had left it")
    await world.retry(id="pay.charge#2")
    await work.rest(await claim_one(world, work.session), Status.FAILED)
    expect(await work.due(), _names(3), "what is due after the end of the one that held it")


async def a_replay_stands_behind_what_is_left(world: World) -> None:
    """A reaction of a new generation stands in the lane beside the old one of its event, and goes in its turn."""
    work = await at_work(world)
    (old,) = await work.lane(work.a_laned(1))
    await world.one(SteerService("default", "pay", rewind=0))
    await take(world, work.session, work.service.number)
    again = work.a_laned(1, start=work.a_start(1, id="pay.charge#1/2"))
    await world.one(work.a_react(laned=(again,), generation=2))
    (new,) = [await work.found("pay.charge#1/2")]
    expect((old.due_at, new.due_at), (world.clock.now(), None), "when the two are due")
    await work.rest(await claim_one(world, work.session))
    expect(await work.due(), ["pay.charge#1/2"], "what is due after the old one")


# -- joins


async def _told(world: World, run: Run) -> int:
    return len((await world.store.inbox([run.number]))[run.number])


async def events_that_belong_together_meet(world: World) -> None:
    """The first event of a key begins a round, those with the other parts join it; then a new one begins."""
    work = await at_work(world)
    await work.join(work.a_joined(1, 1))
    first = await work.found("pay.charge#1")
    expect((first.wakes, first.due_at), (1, world.clock.now()), "the run of the round")
    await work.join(work.a_joined(2, 1, key="k-2"), work.a_joined(3, 2))
    expect((await world.read(first)).wakes, 2, "what the first round was told")
    expect(await world.store.find("default", "pay.charge#3"), None, "a run for what has joined")
    expect(await _told(world, await work.found("pay.charge#2")), 1, "what the other key's round was told")
    await work.join(work.a_joined(4, 2))
    expect(await _told(world, await work.found("pay.charge#4")), 1, "what the next round was told")
    expect((await world.read(first)).wakes, 2, "what the first round was told in the end")


async def a_reaction_that_joins_is_the_run_of_its_round(world: World) -> None:
    """The reactions to all events of a round name its one run, whichever of them began it."""
    work = await at_work(world)
    for event, part in ((1, 1), (2, 2)):
        joined = work.a_joined(event, part)
        await work.react(work.a_reaction(event, run=joined.start.number), joined=(joined,))
    run = await work.found("pay.charge#1")
    named = [row.run for event in (1, 2) for row in await world.store.reactions(event)]
    expect(named, [run.number, run.number], "the runs that the reactions name")


async def the_oldest_round_is_filled_first(world: World) -> None:
    """A part that comes again begins a round of its own; what is lacking goes to the oldest."""
    work = await at_work(world)
    await work.join(work.a_joined(1, 1), work.a_joined(2, 1), work.a_joined(3, 2))
    first, second = await work.found("pay.charge#1"), await work.found("pay.charge#2")
    expect((await _told(world, first), await _told(world, second)), (2, 1), "what the rounds were told")
    await work.join(work.a_joined(4, 2))
    expect((await _told(world, first), await _told(world, second)), (2, 2), "what they were told in the end")


async def the_oldest_round_is_the_one_of_the_earliest_event(world: World) -> None:
    """Which round is the oldest is said by the log, and not by the clocks of the workers that number runs."""
    work = await at_work(world)
    ahead, behind = work.a_joined(1, 1), work.a_joined(2, 1)
    await work.join(ahead, replace(behind, start=replace(behind.start, number=ahead.start.number - 1_000)))
    await work.join(work.a_joined(3, 2))
    first, second = await work.found("pay.charge#1"), await work.found("pay.charge#2")
    expect((await _told(world, first), await _told(world, second)), (2, 1), "what the rounds were told")


async def a_round_of_three_takes_them_in_any_order(world: World) -> None:
    """A round is whole when all of its parts have come, in whatever order."""
    work = await at_work(world)
    await work.join(*(work.a_joined(n, part, all=7) for n, part in ((1, 4), (2, 1), (3, 4), (4, 2))))
    first, second = await work.found("pay.charge#1"), await work.found("pay.charge#3")
    expect((await _told(world, first), await _told(world, second)), (3, 1), "what the rounds were told")


async def a_round_ends_with_its_run(world: World) -> None:
    """An event does not join a round whose run has ended: it begins another."""
    work = await at_work(world)
    await work.join(work.a_joined(1, 1))
    run = await claim_one(world, work.session)
    await work.rest(run, Status.FAILED)
    await work.join(work.a_joined(2, 2))
    expect(await _told(world, await work.found("pay.charge#2")), 1, "what the new round was told")


async def rounds_of_a_lane_go_one_after_the_other(world: World) -> None:
    """A round is held until the one before it in its lane has ended, and is then told of all that came."""
    work = await at_work(world)
    parts = ((1, 1), (2, 1), (3, 2), (4, 2))
    await work.join(*(work.a_joined(event, part, lane="k-1\n1") for event, part in parts))
    first, second = await work.found("pay.charge#1"), await work.found("pay.charge#2")
    expect((first.due_at, second.due_at), (world.clock.now(), None), "when the rounds are due")
    expect((await _told(world, first), await _told(world, second)), (2, 2), "what the rounds were told")
    run = await claim_one(world, work.session)
    expect((run.id, await work.due()), ("pay.charge#1", []), "what is due")
    await work.rest(run, Status.FAILED)
    expect(await work.due(), _names(2), "what is due when the first has ended")


async def a_replay_calls_off_what_will_not_be_whole(world: World) -> None:
    """The rounds of an old generation, which nothing joins any more, are cancelled; whole ones go on."""
    work = await at_work(world)
    await work.join(work.a_joined(1, 1), work.a_joined(2, 2), work.a_joined(3, 1))
    await world.one(SteerService("default", "pay", by="kim", rewind=0))
    whole, lacking = await work.found("pay.charge#1"), await work.found("pay.charge#3")
    inboxes = await world.store.inbox([whole.number, lacking.number])
    kinds = [[delivery.kind for delivery in inboxes[run.number]] for run in (whole, lacking)]
    expect(kinds, [[Kind.SIGNAL, Kind.SIGNAL], [Kind.SIGNAL, Kind.CANCEL]], "what the rounds were told")


async def a_replay_has_rounds_of_its_own(world: World) -> None:
    """An event of a new generation does not join a round of the one before."""
    work = await at_work(world)
    await work.join(work.a_joined(1, 1))
    await world.one(SteerService("default", "pay", rewind=0))
    await world.one(work.a_react(generation=2, joined=(work.a_joined(2, 2),)))
    first = await work.found("pay.charge#1")
    expect(await _told(world, first), 2, "what the old round was told: its event, and that it is cancelled")
    expect(await _told(world, await work.found("pay.charge#2")), 1, "what the new one was told")


async def handlers_have_rounds_of_their_own(world: World) -> None:
    """An event joins the rounds of its own handler only."""
    work, other = await at_work(world, "pay"), await at_work(world, "ship")
    await work.join(work.a_joined(1, 1))
    start = other.a_start(2, id="ship.charge#2", workflow="ship.charge")
    await other.join(replace(other.a_joined(2, 2), start=start))
    expect(await _told(world, await work.found("pay.charge#1")), 1, "what the one was told")
    expect(await _told(world, await work.found("ship.charge#2")), 1, "what the other was told")


async def what_is_held_counts_as_not_due(world: World) -> None:
    """Nobody is told that there is something to claim because of a reaction that is held."""
    work = await at_work(world)
    await work.lane(work.a_laned(1), work.a_laned(2))
    await work.due()
    expect(await world.store.anything_due(work.session, "default"), False, "whether anything is due")
    expect(await world.store.next_due("default"), None, "when the next is due")
    verdict = await world.one(Claim(work.session, "default", 100, suspects=100))
    expect(getattr(verdict, "runs", None), (), "what can be claimed")


CASES = (
    Case(only_the_head_is_due),
    Case(an_end_lets_the_next_go_on),
    Case(a_rest_blocks_the_key),
    Case(a_held_run_sleeps_on),
    Case(the_rank_says_who_is_next),
    Case(one_rank_may_be_twice),
    Case(without_a_key_nothing_is_before),
    Case(a_journal_begins_with_what_failed),
    Case(one_may_park_at_its_birth),
    Case(a_dead_worker_leaves_the_order_as_it_is),
    Case(lanes_are_per_service),
    Case(a_dead_letter_may_let_the_key_go_on),
    Case(a_replay_stands_behind_what_is_left),
    Case(what_is_held_counts_as_not_due),
    Case(events_that_belong_together_meet),
    Case(a_reaction_that_joins_is_the_run_of_its_round),
    Case(the_oldest_round_is_filled_first),
    Case(the_oldest_round_is_the_one_of_the_earliest_event),
    Case(a_round_of_three_takes_them_in_any_order),
    Case(a_round_ends_with_its_run),
    Case(rounds_of_a_lane_go_one_after_the_other),
    Case(a_replay_calls_off_what_will_not_be_whole),
    Case(a_replay_has_rounds_of_its_own),
    Case(handlers_have_rounds_of_their_own),
)
