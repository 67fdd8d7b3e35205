"""Chapter six: workers' sessions, their leases, and what becomes of the runs of the dead."""

from __future__ import annotations

from dalsegno.core.commit import Beat, Done, EndSession, OpenSession, Refused, Release, Rest
from dalsegno.core.commit import Session as Row
from dalsegno.core.notes import LongAttempt
from dalsegno.core.runs import KILLS_ITS_WORKER, Run, Status
from dalsegno.testing.conformance.world import LEASE, Case, World, a_commit, a_step, expect, fail


async def _row(world: World, number: int) -> Row:
    found = [row for row in await world.store.sessions(live=False) if row.number == number]
    return found[0] if found else fail(f"session {number} is not there")


async def _standing(world: World, run: Run) -> tuple[object, ...]:
    found = await world.read(run)
    return found.session, found.crashes, found.due_at, found.status, found.reason


async def a_session_opens(world: World) -> None:
    """A session is listed with all that it said of itself, its lease running from now on."""
    number = world.number()
    who = OpenSession(number, LEASE, 11, 22, "ns", "boot", "host", "3.11.7", "orders", (("order", "1"),))
    expect(await world.one(who), Done(1), "the verdict")
    now, boot = world.clock.now(), world.clock.boot()
    wanted = Row(
        number, 11, 22, "ns", "boot", "host", "3.11.7", "orders", LEASE, boot + LEASE, 0, boot, now, None
    )
    expect(await world.store.sessions(), [wanted], "the sessions")
    expect(await world.store.abilities(), {("order", "1", number)}, "the abilities")


async def a_session_number_is_never_given_twice(world: World) -> None:
    """A second session under a number in use is refused; the very same one may be written again."""
    number = world.number()
    who = OpenSession(number, LEASE, 11, 22, "ns", "boot", "host", "3.11.7", "orders", (("order", "1"),))
    await world.one(who)
    before = await world.snapshot()
    expect(await world.one(who), Done(1), "the same session again")
    other = OpenSession(number, LEASE, 12, 22, "ns", "boot", "host", "3.11.7", "orders", (("refund", "1"),))
    expect(await world.one(other), Refused.NUMBER_TAKEN, "another session of that number")
    expect(await world.snapshot(), before, "the store's rows after both")


async def sessions_are_listed_in_order(world: World) -> None:
    """Sessions are listed by number; those that were ended only when asked for."""
    third, first, second = 30_000, 10_000, 20_000
    for number in (third, first, second):
        await world.one(OpenSession(number, LEASE, 1, 2, "", "", "", "", ""))
    await world.one(EndSession(second))
    expect([s.number for s in await world.store.sessions()], [first, third], "the live ones")
    everyone = [s.number for s in await world.store.sessions(live=False)]
    expect(everyone, [first, second, third], "all of them")


async def a_heartbeat_renews(world: World) -> None:
    """A heartbeat renews the lease and notes the turn of the loop, without counting as a commit."""
    session = await world.session()
    world.clock.advance(LEASE // 2)
    expect(await world.one(Beat(session, LEASE, 77)), Done(1), "the verdict")
    row = await _row(world, session)
    expect(
        (row.lease_until, row.loop_turn_at, row.commits), (world.clock.boot() + LEASE, 77, 0), "the session"
    )


async def a_late_heartbeat_is_refused(world: World) -> None:
    """A heartbeat of a session that was ended, or never was, renews nothing."""
    session = await world.session()
    await world.one(EndSession(session))
    before = await world.snapshot()
    expect(await world.one(Beat(session, LEASE, 77)), Refused.FENCED, "a heartbeat after the end")
    expect(await world.one(Beat(5, LEASE, 77)), Refused.FENCED, "a heartbeat of nobody")
    expect(await world.snapshot(), before, "the store's rows after them")


async def a_lease_protects(world: World) -> None:
    """An end that asks for an expired lease does nothing before the lease is over."""
    session = await world.session()
    end = EndSession(session, expired_only=True)
    world.clock.advance(LEASE)
    expect(await world.one(end), Done(0), "an end at the last moment of the lease")
    expect((await _row(world, session)).fenced_at, None, "when it was fenced")
    world.clock.advance(1)
    expect(await world.one(end), Done(1), "an end after it")
    expect((await _row(world, session)).fenced_at, world.clock.now(), "when it was fenced")


async def a_session_ends_once(world: World) -> None:
    """Of all that end a session one wins; it stays ended since then, and has no abilities any more."""
    session = await world.session()
    expect(await world.one(EndSession(session)), Done(1), "the first end")
    ended_at = world.clock.now()
    world.clock.advance(5)
    for end in (
        EndSession(session),
        EndSession(session, expired_only=True),
        EndSession(session, goodbye=True),
    ):
        expect(await world.one(end), Done(0), "a later end")
    expect((await _row(world, session)).fenced_at, ended_at, "when it was fenced")
    expect(await world.store.abilities(), set(), "the abilities")
    expect(await world.one(EndSession(5)), Done(0), "the end of nobody")


async def runs_of_the_dead_are_handed_on(world: World) -> None:
    """Release makes the runs of ended sessions due again, each with a crash more; others it leaves."""
    dead, alive = await world.claimed("dead"), await world.claimed("alive")
    assert dead.session is not None
    expect(await world.one(Release()), Done(0), "a release while all live")
    await world.one(EndSession(dead.session))
    expect((await world.read(dead)).session, dead.session, "who owns it between fence and release")
    world.clock.advance(5)
    expect(await world.one(Release()), Done(1), "the release")
    expect(
        await _standing(world, dead), (None, 1, world.clock.now(), Status.RUNNING, None), "the dead one's run"
    )
    expect(await _standing(world, alive), (alive.session, 0, None, Status.RUNNING, None), "the living one's")
    expect(await world.one(Release()), Done(0), "another release")


async def a_release_is_bounded(world: World) -> None:
    """A release hands on no more than its limit; the next one goes on, across sessions."""
    runs: list[Run] = []
    for name in ("a", "b", "c"):
        runs += [await world.start(f"{name}-{n}") for n in range(3)]
        session = await world.session()
        await world.claim(session)
        await world.one(EndSession(session))
    counts = [await world.one(Release(limit)) for limit in (4, 3, 100, 100)]
    expect(counts, [Done(4), Done(3), Done(2), Done(0)], "how many each release handed on")
    crashes = [(await world.read(run)).crashes for run in runs]
    expect(crashes, [1] * 9, "crashes of each")


async def a_goodbye_is_no_crash(world: World) -> None:
    """A session that says goodbye hands on its runs at once, and it is no crash of theirs."""
    run = await world.claimed()
    assert run.session is not None
    world.clock.advance(5)
    expect(await world.one(EndSession(run.session, goodbye=True)), Done(1), "the goodbye")
    expect(await _standing(world, run), (None, 0, world.clock.now(), Status.RUNNING, None), "the run")
    expect(await world.one(Release()), Done(0), "a release after it")
    (again,) = (await world.claim(await world.session())).runs
    expect((again.number, again.turn), (run.number, 2), "who claims it next")


async def who_kills_its_worker_is_parked(world: World) -> None:
    """A run that has crashed its worker more often than allowed is parked, and not claimed any more."""
    run = await world.start()
    for crashes in (1, 2):
        session = await world.session()
        await world.claim(session)
        await world.write(EndSession(session), Release(max_crashes=2))
        expect((await world.read(run)).crashes, crashes, "its crashes")
    session = await world.session()
    expect(len((await world.claim(session)).runs), 1, "runs claimed for the last time")
    await world.write(EndSession(session), Release(max_crashes=2))
    expect(await _standing(world, run), (None, 3, None, Status.WAITING, KILLS_ITS_WORKER), "the run")
    expect((await world.claim(await world.session())).runs, (), "what can be claimed")


async def progress_clears_a_run(world: World) -> None:
    """Crashes are forgotten by a commit that says so, and by coming to rest; by others they are not."""
    cleared, rested, neither = [await world.start(name) for name in ("cleared", "rested", "neither")]
    session = await world.session()
    await world.claim(session)
    await world.write(EndSession(session), Release())
    claimed = (await world.claim(await world.session())).runs
    await world.one(a_commit(claimed[0], a_step(1), clear_crashes=True))
    await world.one(a_commit(claimed[1], rest=Rest(Status.WAITING, 0)))
    await world.one(a_commit(claimed[2], a_step(1)))
    crashes = [(await world.read(run)).crashes for run in (cleared, rested, neither)]
    expect(crashes, [0, 0, 1], "crashes of each")


async def long_attempts_are_told(world: World) -> None:
    """The attempts that a heartbeat reports are told of the run, until the next one, or the session's end."""
    run, other = await world.claimed("run"), await world.claimed("other")
    assert run.session is not None
    one = LongAttempt(run.number, 1, "charge", 2, 5, world.clock.now() - 10)
    two = LongAttempt(run.number, 3, "ship", 1, 0, world.clock.now() - 20)
    foreign = LongAttempt(other.number, 1, "charge", 1, 1, world.clock.now())
    await world.one(Beat(run.session, LEASE, 0, (one, two, foreign)))
    expect(await world.store.attempts(run.number), [two, one], "the attempts, longest first")
    expect(await world.store.attempts(other.number), [], "the attempts of a run that is not the session's")
    await world.one(Beat(run.session, LEASE, 0, (one,)))
    expect(await world.store.attempts(run.number), [one], "the attempts after another heartbeat")
    call = LongAttempt(-7, 2, "ship", 1, 0, world.clock.now())
    await world.one(Beat(run.session, LEASE, 0, (one, call)))
    expect(await world.store.attempts(-7), [call], "the calls for an event, which have no run")
    await world.one(EndSession(run.session))
    expect(await world.store.attempts(run.number), [], "the attempts after the session's end")
    expect(await world.store.attempts(-7), [], "the calls after the session's end")


CASES = (
    Case(a_session_opens),
    Case(a_session_number_is_never_given_twice),
    Case(sessions_are_listed_in_order),
    Case(a_heartbeat_renews),
    Case(a_late_heartbeat_is_refused),
    Case(a_lease_protects),
    Case(a_session_ends_once),
    Case(runs_of_the_dead_are_handed_on),
    Case(a_release_is_bounded),
    Case(a_goodbye_is_no_crash),
    Case(who_kills_its_worker_is_parked),
    Case(progress_clears_a_run),
    Case(long_attempts_are_told),
)
