"""Chapter sixteen: what nobody could digest is kept until a person has seen to it."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import DeadLetter, Fence, Rest, SentHow
from dalsegno.core.entries import Kind
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.store.log import DeadLetterGroup, DeadLetterQuery
from dalsegno.testing.conformance.eventful import AtWork, at_work, claim_one
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, expect, fail


async def _bury(work: AtWork, event: int, cause: str = "KeyError", **fields: Any) -> Run:
    """Begin a reaction of its own key, and let it become a dead letter."""
    await work.lane(work.a_laned(event, f"own-{event}"))
    return await _bury_again(work, await claim_one(work.world, work.session), cause, **fields)


async def _bury_again(work: AtWork, run: Run, cause: str = "KeyError", **fields: Any) -> Run:
    error = fields.pop("error", f"{cause}: of {run.id}")
    letter = DeadLetter(
        work.service.number, work.handler, run.cause or 0, f"own-{run.cause}", cause, error, 5, **fields
    )
    return await work.rest(run, Status.WAITING, reason=DEAD_LETTER, dead=letter)


async def _letters(world: World, **query: Any) -> list[DeadLetterRow]:
    return await world.store.dead_letters(DeadLetterQuery(**{"state": None, **query}))


async def _letter(world: World, run: Run) -> DeadLetterRow:
    found = [row for row in await _letters(world) if row.run == run.number]
    return found[0] if len(found) == 1 else fail(f"{run.id} is {len(found)} dead letters")


async def a_dead_letter_is_kept(world: World) -> None:
    """A reaction that parks as a dead letter is one, with all that a person wants to know, from the same commit."""
    work = await at_work(world)
    await work.lane(work.a_laned(7, "own-7"))
    run = await claim_one(world, work.session)
    world.clock.advance(5)
    parked = await _bury_again(work, run)
    expect((parked.status, parked.reason), (Status.WAITING, DEAD_LETTER), "the run")
    letter = await _letter(world, run)
    now = world.clock.now()
    wanted = DeadLetterRow(
        letter.number, "default", run.number, work.service.number, work.handler, 7, "own-7", "KeyError",
        f"KeyError: of {run.id}", 5, 1, "open", now, now, "",
    )  # fmt: skip
    expect(letter, wanted, "the dead letter")
    expect(await world.store.dead_letter(letter.number), letter, "the dead letter by its number")
    expect(await world.store.dead_letter(letter.number + 1), None, "one that is not there")
    expect(await world.store.dead_letter_of(run.number), letter, "the dead letter by its run")
    expect(await world.store.dead_letter_of(run.number + 1), None, "that of a run that is none")


async def a_refused_commit_buries_nothing(world: World) -> None:
    """A commit that is refused makes no dead letter; one that landed is no second one when it is repeated."""
    work = await at_work(world)
    await work.lane(work.a_laned(1))
    run = await claim_one(world, work.session)
    letter = DeadLetter(work.service.number, work.handler, 1, "k-1", "KeyError", "KeyError", 5)
    fields: dict[str, Any] = {"dead": letter, "laned": True}
    await world.one(a_commit(run, rest=Rest(Status.WAITING, 9, DEAD_LETTER), **fields))
    expect(await _letters(world), [], "dead letters of a refused commit")
    landed = a_commit(run, rest=Rest(Status.WAITING, 0, DEAD_LETTER), **fields)
    first = await world.one(landed, Fence(work.session, 1, LEASE))
    after = await world.snapshot()
    expect(await world.one(landed, Fence(work.session, 1, LEASE)), first, "the verdict of the repetition")
    expect(await world.snapshot(), after, "the store's rows after it")


async def a_redrive_is_a_retry(world: World) -> None:
    """A person's retry lets the run try again with what they said, and notes who and why; once, however often."""
    work = await at_work(world)
    run = await _bury(work, 1)
    world.clock.advance(5)
    expect((await world.retry("kim", run.id, b'{"sku":1}', "typo")).how, SentHow.ACCEPTED, "the redrive")
    letter = await _letter(world, run)
    told = (letter.state, letter.changed_by, letter.why, letter.changed_at, letter.times)
    expect(told, ("redriving", "kim", "typo", world.clock.now(), 1), "the dead letter")
    before = await world.snapshot()
    world.clock.advance(5)
    expect((await world.retry("max", run.id)).how, SentHow.REPEATED, "a second redrive")
    expect(await world.snapshot(), before, "the store's rows after it")
    (delivery,) = (await world.store.inbox([run.number]))[run.number]
    expect((delivery.kind, delivery.source, delivery.data), (Kind.HOLD, "kim", b'{"sku":1}'), "the answer")
    expect((await claim_one(world, work.session)).number, run.number, "what is due")


async def it_keeps_its_number(world: World) -> None:
    """One that fails again after a redrive is open again, the same, and counts how often."""
    work = await at_work(world)
    run = await _bury(work, 1)
    first = await _letter(world, run)
    await world.retry(id=run.id)
    world.clock.advance(5)
    await _bury_again(work, await claim_one(world, work.session), "ValueError")
    again = await _letter(world, run)
    expect((again.number, again.at), (first.number, first.at), "its number, and since when it is one")
    told = (again.state, again.times, again.cause, again.error, again.changed_at)
    expect(told, ("open", 2, "ValueError", f"ValueError: of {run.id}", world.clock.now()), "what it tells")


async def its_end_is_told(world: World) -> None:
    """One whose run completes is resolved; one whose run fails, or is cancelled, is discarded."""
    work = await at_work(world)
    for event, (status, state) in enumerate(
        ((Status.COMPLETED, "resolved"), (Status.FAILED, "discarded"), (Status.CANCELLED, "discarded")), 1
    ):
        run = await _bury(work, event)
        await world.retry(id=run.id)
        world.clock.advance(5)
        await work.rest(await claim_one(world, work.session), status)
        letter = await _letter(world, run)
        expect((letter.state, letter.changed_at), (state, world.clock.now()), f"a run that {status}")


async def an_end_without_one_makes_none(world: World) -> None:
    """A reaction that ends without ever having been a dead letter is none."""
    work = await at_work(world)
    await work.lane(work.a_laned(1))
    await work.rest(await claim_one(world, work.session), Status.FAILED)
    expect(await _letters(world), [], "the dead letters")


async def they_are_grouped_by_cause(world: World) -> None:
    """Open dead letters are counted by what they failed of, the most first, with the oldest as an example."""
    work = await at_work(world)
    begun = world.clock.now()
    runs = []
    for event, cause in enumerate(("KeyError", "ValueError", "KeyError", "KeyError"), 1):
        runs.append(await _bury(work, event, cause, error=f"{cause}: {10 - event}"))
        world.clock.advance(10)
    first, second = await _letter(world, runs[0]), await _letter(world, runs[1])
    of = (work.service.number, work.handler)
    wanted = [
        DeadLetterGroup("KeyError", *of, 3, begun, begun + 30, first.number, "KeyError: 9"),
        DeadLetterGroup("ValueError", *of, 1, begun + 10, begun + 10, second.number, "ValueError: 8"),
    ]
    expect(await world.store.dead_letter_groups("default"), wanted, "the groups")
    expect(await world.store.dead_letter_groups("other"), [], "the groups of another namespace")
    await world.retry(id=runs[0].id)
    counts = [(group.cause, group.count) for group in await world.store.dead_letter_groups("default")]
    expect(counts, [("KeyError", 2), ("ValueError", 1)], "the groups once one is redriven")


async def they_are_listed_by_the_first_words_of_their_cause(world: World) -> None:
    """Dead letters are found by the whole cause, or by the words that it begins with."""
    work = await at_work(world)
    causes = ("KeyError in h", "KeyError in h2", "KeyError", "KeyErrors in h", "Größe in h")
    runs = [await _bury(work, event, cause) for event, cause in enumerate(causes, 1)]
    numbers = [(await _letter(world, run)).number for run in runs]
    for begins, wanted in (
        ("KeyError", [3, 2, 1]),
        ("KeyError in h", [1]),
        ("Größe", [5]),
        ("in h", []),
        ("Key%", []),
    ):
        found = [numbers.index(row.number) + 1 for row in await _letters(world, begins=begins)]
        expect(found, wanted, f"those that begin with {begins}")


async def they_are_listed(world: World) -> None:
    """Dead letters are listed, the newest first, in pages, by state, service, handler and cause."""
    work, other = await at_work(world, "pay"), await at_work(world, "ship")
    runs = [await _bury(work, 1), await _bury(work, 2, "ValueError"), await _bury(work, 3)]
    start = other.a_start(4, id="ship.charge#4", workflow="ship.charge")
    await other.lane(other.a_laned(4, "own-4", start=start))
    runs.append(await _bury_again(other, await claim_one(world, other.session)))
    await world.retry(id=runs[2].id)
    numbers = [(await _letter(world, run)).number for run in runs]

    async def listed(**query: Any) -> list[int]:
        return [numbers.index(row.number) + 1 for row in await _letters(world, **query)]

    expect(await listed(), [4, 3, 2, 1], "all of them")
    expect(await listed(limit=2), [4, 3], "a page")
    expect(await listed(limit=2, before=numbers[2]), [2, 1], "the next page")
    expect(await listed(state="open"), [4, 2, 1], "the open ones")
    expect(await listed(state="redriving"), [3], "those that are tried again")
    expect(await listed(cause="ValueError"), [2], "one cause")
    expect(await listed(begins="ValueError"), [2], "one that begins so")
    expect(await listed(begins="Key"), [], "none begins with the half of a word")
    expect(await listed(service=other.service.number), [4], "one service")
    expect(await listed(handler=work.handler), [3, 2, 1], "one handler")
    expect(await listed(handler=work.handler, cause="KeyError", state="open"), [1], "several conditions")
    expect(await listed(namespace="other"), [], "another namespace")


CASES = (
    Case(a_dead_letter_is_kept),
    Case(a_refused_commit_buries_nothing),
    Case(a_redrive_is_a_retry),
    Case(it_keeps_its_number),
    Case(its_end_is_told),
    Case(an_end_without_one_makes_none),
    Case(they_are_grouped_by_cause),
    Case(they_are_listed),
    Case(they_are_listed_by_the_first_words_of_their_cause),
)
