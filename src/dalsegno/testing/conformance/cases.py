"""Processes and their cases: a row says what the events and the runs of its case say, in their transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from dalsegno.core.cases import Alias, CaseRow, NewEmitter, NewProcess, RebuildCases, RegisterProcesses
from dalsegno.core.commit import Commit, Done, Emit, Rest
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Forget
from dalsegno.core.runs import Status
from dalsegno.store.cases import CaseQuery
from dalsegno.testing.conformance.eventful import an_event, at_work, called_off, emit
from dalsegno.testing.conformance.world import Case, World, a_commit, expect, fail

DUE = 600
_ENDS = [[["Shipped", 1]], [["Billed", 1], ["Surveyed", 1]]]


def a_process(name: str = "order", **fields: Any) -> NewProcess:
    """Declare a process: Placed begins it, Shipped or both Billed and Surveyed end it, CalledOff cancels it."""
    told = {"starts": [["Placed", 1]], "ends": _ENDS, "cancel": ["CalledOff", 1], "due": DUE, **fields}
    return NewProcess(name, told.pop("tracking", "event_sourced"), msgspec.json.encode(told))


async def _declare(world: World, *processes: NewProcess, namespace: str = "default") -> Done:
    """Make processes known; without any, the process "order"."""
    verdict = await world.one(RegisterProcesses(namespace, processes or (a_process(),)))
    return verdict if isinstance(verdict, Done) else fail(f"registering answered {verdict!r}")


def an(type_: str, case: str | None = "order-1", **fields: Any) -> NewEvent:
    """Make an event of a case."""
    return an_event(type_, **{"case_id": case, "key": "1", **fields})


async def _a_case(world: World, id: str = "order-1") -> CaseRow:
    """Read a case that must be there."""
    found = await world.store.case("default", id)
    return found if found is not None else fail(f"case {id!r} is not there")


async def _stands(world: World, id: str = "order-1") -> tuple[str, str | None, int | None]:
    """Read how a case stands: its state, and which event closed it."""
    case = await _a_case(world, id)
    return case.state, case.end, case.end_event


# -- what is declared


async def processes_are_known_by_name(world: World) -> None:
    """A process is kept as it was declared last, and only what is new or changed counts."""
    expect(await _declare(world), Done(1), "the first time")
    expect(await _declare(world), Done(0), "the second time")
    (first,) = await world.store.processes("default")
    world.clock.advance(5)
    changed = a_process(due=1, tracking="stamp")
    expect(await _declare(world, changed, a_process("refund", starts=[["Back", 1]])), Done(2), "a change")
    rows = await world.store.processes("default")
    expect([row.name for row in rows], ["order", "refund"], "the processes")
    found = (rows[0].number, rows[0].tracking, rows[0].declared, rows[0].changed_at - first.changed_at)
    expect(found, (first.number, "stamp", changed.data, 5), "the one that changed")
    expect(await world.store.processes("other"), [], "those of another namespace")


async def what_workflows_emit_is_known(world: World) -> None:
    """What a version of a workflow emits is kept as it was declared last."""
    for data in (b"[1]", b"[2]", b"[2]"):
        await world.one(RegisterProcesses("default", emitters=(NewEmitter("order", "1", data),)))
    await world.one(RegisterProcesses("default", emitters=(NewEmitter("order", "2", b"[3]"),)))
    rows = await world.store.emitters("default")
    told = [(row.workflow, row.version, row.declared) for row in rows]
    expect(told, [("order", "1", b"[2]"), ("order", "2", b"[3]")], "the emitters")


async def a_process_counts_from_when_it_is_known(world: World) -> None:
    """Events that were there before a process are no case of it, until the rows are made anew."""
    await emit(world, an("Placed"))
    await _declare(world)
    await emit(world, an("Placed", "order-2", key="2"))
    expect(await world.store.case("default", "order-1"), None, "the case from before")
    expect((await _a_case(world, "order-2")).key, "2", "the one after")
    expect(await world.one(RebuildCases("default")), Done(2), "how many cases there are")
    expect((await _a_case(world)).began_event, 1, "where the first began")


async def a_process_of_the_same_group_counts(world: World) -> None:
    """A process that is registered in a group counts for the events of that group, and another one replaces it."""
    await world.write(RegisterProcesses("default", (a_process(),)), Emit((an("Placed"),)))
    expect(await _stands(world), ("open", None, None), "the case")
    later = RegisterProcesses("default", (a_process(starts=[["Begun", 1]]),))
    await world.write(later, Emit((an("Placed", "order-2"), an("Begun", "order-3"))))
    expect(await world.store.case("default", "order-2"), None, "what began it before")
    expect((await _a_case(world, "order-3")).began_event, 3, "what begins it now")


# -- how a row follows


async def an_event_opens_a_case(world: World) -> None:
    """The event that starts a case makes its row, once; others make none."""
    await _declare(world)
    await emit(world, an("Other", "order-0"), an("Placed", key="1"))
    case, at = await _a_case(world), world.clock.now()
    wanted = CaseRow(
        *(1, "default", "order-1", "order", "1", "event_sourced", "open"),
        *(at, 2, None, at + DUE, None, None, None),
    )
    expect(case, wanted, "the row")
    world.clock.advance(9)
    await emit(world, an("Placed"))
    expect(await _a_case(world), case, "the row after it was started again")
    expect(await world.store.case("default", "order-0"), None, "a case that nothing started")
    expect(await world.store.case("other", "order-1"), None, "the case in another namespace")


async def one_event_ends_a_case(world: World) -> None:
    """A case ends with the first event that its process names for it, and stays as it ended."""
    await _declare(world)
    await emit(world, an("Placed"), an("Placed", "order-2"))
    world.clock.advance(7)
    await emit(world, an("Shipped"), an("CalledOff", cancels=True))
    case = await _a_case(world)
    found = (case.state, case.end, case.end_event, case.ended_at)
    expect(found, ("ended", "Shipped", 3, world.clock.now()), "the row")
    expect(await _stands(world, "order-2"), ("open", None, None), "another case")


async def several_events_end_a_case_together(world: World) -> None:
    """A case that ends with several events ends with the last of them, in one group or in several."""
    await _declare(world)
    await emit(world, an("Placed"), an("Billed"), an("Billed"), an("Placed", "order-2"))
    expect(await _stands(world), ("open", None, None), "half of it")
    await emit(world, an("Surveyed", "order-2"), an("Surveyed"), an("Billed", "order-2"))
    expect(await _stands(world), ("ended", "Surveyed", 6), "all of it, in two groups")
    expect(await _stands(world, "order-2"), ("ended", "Billed", 7), "all of it, in one")


async def a_cancelled_case_stays_cancelled(world: World) -> None:
    """The event that cancels a case closes its row, and what undoes it changes nothing."""
    await _declare(world)
    await emit(world, an("Placed"), an("CalledOff", cancels=True), an("Shipped"))
    expect(await _stands(world), ("cancelled", "CalledOff", 2), "the row")


async def what_came_before_the_start_counts(world: World) -> None:
    """A case whose end, or cancelling, came before its start is over as soon as it begins."""
    await _declare(world)
    await emit(world, an("CalledOff", cancels=True), an("Billed", "order-2"))
    await emit(world, an("Surveyed", "order-2"), an("Placed", "order-2"), an("Placed"))
    expect(await _stands(world), ("cancelled", "CalledOff", 1), "the cancelled one")
    expect(await _stands(world, "order-2"), ("ended", "Surveyed", 3), "the ended one")


async def runs_and_services_write_rows_too(world: World) -> None:
    """Events of a run's commit and of a reaction open and end cases as those from outside do."""
    await _declare(world)
    run = await world.claimed()
    await world.one(a_commit(run, rest=Rest(Status.COMPLETED, 0), events=(an("Placed", run=run.number),)))
    expect((await _a_case(world)).began_event, 1, "what began it")
    work = await at_work(world)
    await work.react(work.a_reaction(1), events=(an("Shipped", cause=1),))
    expect(await _stands(world), ("ended", "Shipped", 2), "the row")


async def a_run_opens_a_case(world: World) -> None:
    """A run that is started for a case of a process opens it; children and reactions of it do not."""
    await _declare(world, a_process(), a_process("order-2", starts=[["Again", 1]]))
    first = await world.start("first", case_id="order-1")
    await world.start("second", case_id="order-1")
    await world.start("third", case_id="order-2-7")
    for name, fields in (("child", {"parent": 1}), ("reaction", {"cause": 1}), ("plain", {})):
        await world.start(name, case_id=f"order-{name}" if fields else "other-1", **fields)
    case = await _a_case(world)
    expect((case.key, case.began_run, case.began_event), ("1", first.number, None), "the row")
    longest = await _a_case(world, "order-2-7")
    expect((longest.process, longest.key), ("order-2", "7"), "the process with the longest name")
    expect(len(await world.store.cases(CaseQuery())), 2, "how many cases there are")
    await emit(world, an("Shipped"))
    expect(await _stands(world), ("ended", "Shipped", 1), "how it ended")


async def what_is_refused_opens_nothing(world: World) -> None:
    """A commit that is refused, and an event that was there before, leave all rows as they are."""
    await _declare(world)
    run = await world.claimed()
    await emit(world, an("Placed", "order-2", id="e-1"))
    before = await world.snapshot()
    stale = Commit(run.number, run.session or 0, run.turn + 1, 0, events=(an("Placed"),))
    await world.write(stale, Emit((an("Placed", "order-3", id="e-1"),)))
    expect(await world.snapshot(), before, "the rows")


# -- several keys

_KEYS = {"order": "order_id", "payment": "payment_id"}


def with_keys(type_: str, case: str | None = None, /, **data: object) -> NewEvent:
    """Make an event whose payload has keys."""
    return an_event(type_, case_id=case, key="k", data=msgspec.json.encode(data))


async def events_find_their_case(world: World) -> None:
    """An event without a case finds it by what its payload says, by its key, or starts it; else it has none."""
    await _declare(world, a_process(keys=_KEYS))
    await emit(
        world,
        an_event("Placed", key="1", data=b'{"order_id":1}'),
        with_keys("Taken", "order-1", payment_id="p-1"),
        with_keys("Settled", payment_id="p-1"),
        with_keys("Settled", order_id="1"),
        an_event("Shipped", key="1"),
        with_keys("Settled", payment_id="p-2"),
        with_keys("Settled", payment_id=None, order_id=1.5),
        an_event("Shipped", key="2"),
    )
    cases = [event.case_id for event in await world.store.read_log(0, 100)]
    expect(cases, [*["order-1"] * 5, None, None, None], "whose they are")
    expect(await _stands(world), ("ended", "Shipped", 5), "the row")
    aliases = [Alias("order", "order", "1"), Alias("order", "payment", "p-1")]
    expect(await world.store.case_aliases("default", "order-1"), aliases, "its keys")
    for value in ("order-1", "1", "p-1"):
        found = [case.id for case in await world.store.find_cases("default", value)]
        expect(found, ["order-1"], f"what is found by {value}")
    expect(await world.store.find_cases("default", "p-2"), [], "what is found by a key of nobody")


async def a_run_is_told_of_an_event_that_found_its_case(world: World) -> None:
    """Whoever waits for events of a case hears of one that found the case by a key."""
    from dalsegno.core.commit import Subscription

    await _declare(world, a_process(keys=_KEYS))
    run = await world.claimed()
    await emit(world, an_event("Placed", key="1", data=b'{"order_id":1}'))
    waits = a_commit(run, subscribes=(Subscription("Settled", "order-1"),), rest=Rest(Status.WAITING, 0))
    await world.one(waits)
    await emit(world, with_keys("Settled", order_id=1))
    expect(len((await world.store.inbox([run.number]))[run.number]), 1, "what it was told")


async def two_cases_turn_out_to_be_one(world: World) -> None:
    """A key of two cases makes them one: the younger one's events, keys and names go to the elder."""
    await _declare(world, a_process(keys=_KEYS))
    for key in ("1", "2", "3"):
        started = an_event("Placed", key=key, case_id=f"order-{key}")
        await emit(world, started, with_keys("Taken", f"order-{key}", payment_id=f"p-{key}"))
    await emit(world, an("Billed", "order-3"), with_keys("Seen", "order-3", payment_id="p-2"))
    expect(await world.store.case_names("default", "order-3"), ("order-2", "order-3"), "the names")
    await emit(world, with_keys("Seen", "order-1", payment_id="p-3"))
    for name in ("order-1", "order-2", "order-3"):
        expect((await _a_case(world, name)).id, "order-1", f"the case {name}")
    names = await world.store.case_names("default", "order-2")
    expect(names, ("order-1", "order-2", "order-3"), "the names of all three")
    expect(len(await world.store.case_aliases("default", "order-1")), 3, "how many keys it has")
    expect(await _stands(world), ("open", None, None), "its state")
    await emit(world, an("Surveyed", "order-2"))
    expect(await _stands(world), ("ended", "Surveyed", 10), "its end")
    found = [case.id for case in await world.store.find_cases("default", "order-3")]
    expect(found, ["order-1"], "what is found by an old name")


async def a_merged_case_is_cancelled_as_a_whole(world: World) -> None:
    """Cancelling a case under one name cancels all; so does merging with a cancelled one. Its runs are told."""
    await _declare(world, a_process(keys=_KEYS))
    for key in ("1", "2", "3"):
        await emit(world, an_event("Placed", key=key, case_id=f"order-{key}"))
    runs = [await world.start(f"run-{key}", case_id=f"order-{key}") for key in ("1", "2", "3")]
    runs.append(await world.start("order-2"))
    await emit(world, *(with_keys("Taken", f"order-{key}", payment_id="p") for key in "12"))
    await emit(world, an("CalledOff", "order-2", cancels=True, sender="kim"))
    expect(await _stands(world), ("cancelled", "CalledOff", 6), "the row")
    both = {"order-1": 6, "order-2": 6}
    expect(await world.store.cancelled_cases("default", (), 0), both, "those cancelled")
    told = ["run-1 by kim", "run-2 by kim", "order-2 by kim"]
    expect(await called_off(world, *runs), told, "who was told")
    await emit(world, with_keys("Taken", "order-3", payment_id="p"))
    found = await world.store.cancelled_cases("default", (), 0)
    expect(found, {**both, "order-3": 6}, "those cancelled after a merge")
    expect(await called_off(world, runs[2]), ["run-3 by kim"], "who was told then")


async def the_first_who_cancelled_counts(world: World) -> None:
    """Of two cases that were cancelled and turn out to be one, the word that came first is told to what joins them."""
    await _declare(world, a_process(keys=_KEYS))
    for key in ("1", "2", "3"):
        await emit(world, an_event("Placed", key=key, case_id=f"order-{key}"))
    run = await world.start("run", case_id="order-3")
    await emit(world, an("CalledOff", "order-2", cancels=True, sender="kim"))
    await emit(world, an("CalledOff", "order-1", cancels=True, sender="lou"))
    await emit(world, *(with_keys("Taken", f"order-{key}", payment_id="p") for key in "123"))
    found = await world.store.cancelled_cases("default", (), 0)
    expect(found, {"order-2": 4, "order-1": 5, "order-3": 4}, "those cancelled, and by which event")
    expect(await called_off(world, run), ["run by kim"], "who was told")


async def merged_cases_stay_one(world: World) -> None:
    """Two cases that turned out to be one stay one, though their process declares no further keys any more."""
    await _declare(world, a_process(keys=_KEYS))
    for key in ("1", "2"):
        await emit(world, an("Placed", f"order-{key}"), with_keys("Taken", f"order-{key}", payment_id="p"))
    await _declare(world, a_process())
    run = await world.start("run", case_id="order-2")
    await emit(world, an("Placed", "order-2"), an("CalledOff", "order-2", cancels=True, sender="kim"))
    expect(len(await world.store.cases(CaseQuery())), 1, "how many cases there are")
    expect(await _stands(world, "order-1"), ("cancelled", "CalledOff", 6), "the row")
    both = {"order-1": 6, "order-2": 6}
    expect(await world.store.cancelled_cases("default", (), 0), both, "those cancelled")
    expect(await called_off(world, run), ["run by kim"], "who was told")


# -- what is read


async def cases_are_listed(world: World) -> None:
    """Cases are listed by process, state and time, those that began last first, a page at a time."""
    await _declare(world, a_process(), a_process("refund", starts=[["Back", 1]], due=None))
    begun = world.clock.now()
    for n in range(6):
        world.clock.advance(10)
        await emit(world, an(*(("Back", f"refund-{n}") if n % 3 == 2 else ("Placed", f"order-{n}"))))
    await emit(world, an("Shipped", "order-0"), an("CalledOff", "order-4", cancels=True))

    async def listed(**fields: Any) -> list[str]:
        return [case.id.rpartition("-")[2] for case in await world.store.cases(CaseQuery(**fields))]

    expect(await listed(), list("543210"), "all")
    expect(await listed(processes=("refund",)), list("52"), "those of a process")
    expect(await listed(states=("open",)), list("5321"), "those in a state")
    expect(await listed(states=("ended", "cancelled"), processes=("order", "refund")), list("40"), "others")
    expect(await listed(since=begun + 20, until=begun + 50), list("321"), "those of a time")
    page = await world.store.cases(CaseQuery(limit=2))
    expect(await listed(limit=2, before=page[-1].number), list("32"), "the second page")
    expect(await listed(before=999), [], "what is behind a case that is not there")
    expect(await listed(namespace="other"), [], "those of another namespace")


async def late_cases_are_listed(world: World) -> None:
    """Those that are open and past their time are listed, the longest past first, a page at a time."""
    await _declare(world)
    for n in range(5):
        await emit(world, an("Placed", f"order-{n}"))
        world.clock.advance(10)
    await emit(world, an("Shipped", "order-1"))
    now = world.clock.now() + DUE - 20
    late = await world.store.cases(CaseQuery(late_at=now, limit=2))
    expect([case.id for case in late], ["order-0", "order-2"], "the first page")
    more = CaseQuery(late_at=now, before=late[-1].number, processes=("order",), states=("open",))
    expect([case.id for case in await world.store.cases(more)], ["order-3"], "the second page")
    for none in (CaseQuery(late_at=now, processes=("refund",)), CaseQuery(late_at=now, states=("ended",))):
        expect(await world.store.cases(none), [], "of another process, or that ended")


async def a_trail_is_read_at_once(world: World) -> None:
    """All that a case has left is read at once: events, what came of them, its runs and its dead letters."""
    await _declare(world)
    run = await world.claimed("begun", case_id="order-1")
    emitter = await world.claimed("emitter")
    emitted = an("Placed", run=emitter.number)
    await world.one(a_commit(emitter, rest=Rest(Status.COMPLETED, 0), events=(emitted,)))
    await emit(world, an("Other", "order-2"), an("Paid"))
    work = await at_work(world)
    (laned,) = await work.lane(work.a_laned(3))
    await work.react(work.a_reaction(1), work.a_reaction(2), work.a_reaction(3, run=laned.number))
    trail = await world.store.trail("default", ["order-1", "none"])
    expect([event.number for event in trail.events], [1, 3], "its events")
    expect([row.event for row in trail.reactions], [1, 3], "what came of them")
    expect({one.number for one in trail.runs}, {run.number, emitter.number, laned.number}, "its runs")
    expect(trail.dead_letters, (), "its dead letters")
    later = await world.store.trail("default", ["order-1"], after=1, limit=1)
    expect([event.number for event in later.events], [3], "those behind the first")


# -- retention, and rebuilding


async def retention_takes_cases_that_are_over(world: World) -> None:
    """With the event that ended it a case is forgotten, and its keys with it; one that is open stays."""
    await _declare(world, a_process(keys=_KEYS))
    for key in ("1", "2"):
        placed = an_event("Placed", key=key, data=msgspec.json.encode({"order_id": key}))
        await emit(world, placed)
    await emit(world, an("Shipped", "order-1"), an("Paid"))
    await world.one(Forget(4))
    expect([case.id for case in await world.store.cases(CaseQuery())], ["order-2"], "the cases")
    expect(await world.store.case_aliases("default", "order-1"), [], "the keys of the one that is gone")
    expect(len(await world.store.case_aliases("default", "order-2")), 1, "those of the other")
    await world.one(RebuildCases("default"))
    expect((await _a_case(world, "order-2")).began_event, 2, "the one whose beginning is gone")


async def cases_are_made_anew(world: World) -> None:
    """Made anew from the log, all rows are as they were."""
    await _declare(world, a_process(keys=_KEYS), a_process("refund", starts=[["Back", 1]]))
    for key in ("1", "2", "3", "4"):
        world.clock.advance(3)
        await emit(world, an_event("Placed", key=key, case_id=f"order-{key}"))
        await emit(world, with_keys("Taken", f"order-{key}", payment_id=f"p-{key}"))
        world.clock.advance(3)
        await world.start(f"run-{key}", case_id=f"refund-{key}")
    await emit(world, with_keys("Seen", "order-3", payment_id="p-2"), an("Billed", "order-3"))
    await emit(world, an("Surveyed", "order-2"), an("CalledOff", "order-4", cancels=True))
    await emit(world, an("Shipped", "refund-1"), with_keys("Settled", payment_id="p-1"))
    await emit(world, an("Placed", namespace="other"))
    before = await world.snapshot()
    expect(await world.one(RebuildCases("default")), Done(7), "how many there are")
    expect(await world.snapshot(), before, "the rows")


CASES = (
    Case(processes_are_known_by_name),
    Case(what_workflows_emit_is_known),
    Case(a_process_counts_from_when_it_is_known),
    Case(a_process_of_the_same_group_counts),
    Case(an_event_opens_a_case),
    Case(one_event_ends_a_case),
    Case(several_events_end_a_case_together),
    Case(a_cancelled_case_stays_cancelled),
    Case(what_came_before_the_start_counts),
    Case(runs_and_services_write_rows_too),
    Case(a_run_opens_a_case),
    Case(what_is_refused_opens_nothing),
    Case(events_find_their_case),
    Case(a_run_is_told_of_an_event_that_found_its_case),
    Case(two_cases_turn_out_to_be_one),
    Case(a_merged_case_is_cancelled_as_a_whole),
    Case(the_first_who_cancelled_counts),
    Case(merged_cases_stay_one),
    Case(cases_are_listed),
    Case(late_cases_are_listed),
    Case(a_trail_is_read_at_once),
    Case(retention_takes_cases_that_are_over),
    Case(cases_are_made_anew),
)
