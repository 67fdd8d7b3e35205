"""Chapter seven: lists, pages and counts."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Loaded
from dalsegno.core.runs import Status
from dalsegno.store.protocol import RunQuery
from dalsegno.testing.conformance.world import Capability, Case, World, a_commit, a_step, expect


async def _ids(world: World, **query: Any) -> list[str]:
    return [run.id for run in await world.store.runs(RunQuery(**query))]


async def runs_are_listed_newest_first(world: World) -> None:
    """A list begins with the newest run and has as many as asked for."""
    for n in range(5):
        await world.start(f"order-{n}")
    expect(await _ids(world), [f"order-{n}" for n in (4, 3, 2, 1, 0)], "the list")
    expect(await _ids(world, limit=2), ["order-4", "order-3"], "its beginning")
    expect(await _ids(world, limit=0), [], "none of it")


async def lists_are_paged(world: World) -> None:
    """Pages that go on below the last number show every run once, though new ones are started between."""
    for n in range(5):
        await world.start(f"order-{n}")
    seen: list[str] = []
    before: int | None = None
    while page := await world.store.runs(RunQuery(before=before, limit=2)):
        seen += [run.id for run in page]
        before = page[-1].number
        await world.start(f"new-{len(seen)}")
    expect(seen, [f"order-{n}" for n in (4, 3, 2, 1, 0)], "all pages")


async def lists_are_narrowed(world: World) -> None:
    """A list shows runs of one namespace, and of a status, workflow, case or parent where asked."""
    ended, waiting = await world.ended("ended"), await world.resting("waiting")
    await world.start("fresh", case_id="case-1")
    await world.start("refund", workflow="refund", parent=waiting.number)
    await world.start("away", namespace="other")
    expect(await _ids(world), ["refund", "fresh", "waiting", "ended"], "the whole list")
    expect(await _ids(world, namespace="other"), ["away"], "another namespace")
    expect(await _ids(world, statuses=("completed",)), [ended.id], "one status")
    expect(await _ids(world, statuses=("waiting", "pending")), ["refund", "fresh", "waiting"], "two statuses")
    expect(await _ids(world, statuses=tuple(Status)), await _ids(world), "all six statuses")
    expect(await _ids(world, workflow="refund"), ["refund"], "one workflow")
    expect(await _ids(world, case_id="case-1"), ["fresh"], "one case")
    expect(await _ids(world, parent=waiting.number), ["refund"], "one parent")
    expect(await _ids(world, workflow="refund", statuses=("completed",)), [], "two conditions")


async def a_prefix_is_taken_literally(world: World) -> None:
    """An id prefix means its letters: no wildcards, no matter of case, no escapes."""
    ids = ["order-1", "Order-2", "orde%-3", "orde_-4", "order\\-5", "Ärger-6", "ärger-7", "日本-8"]
    for text in ids:
        await world.start(text)
    for prefix in ("order", "Order", "orde%", "orde_", "order\\", "%", "_", "Ä", "ä", "日", "日本-8", ""):
        wanted = [text for text in reversed(ids) if text.startswith(prefix)]
        expect(await _ids(world, id_prefix=prefix), wanted, f"ids that begin with {prefix!r}")


async def runs_are_counted(world: World) -> None:
    """Runs of a namespace are counted by status; a status that none has is left out."""
    expect(await world.store.counts("default"), {}, "the counts of an empty store")
    await world.ended("one")
    await world.ended("two")
    await world.start("three")
    await world.start("away", namespace="other")
    expect(await world.store.counts("default"), {"completed": 2, "pending": 1}, "the counts")
    expect(await world.store.counts("other"), {"pending": 1}, "the counts elsewhere")


async def journals_are_read_in_part(world: World) -> None:
    """A journal reads in order, after a position, and no longer than asked for."""
    run = await world.claimed()
    await world.one(a_commit(run, *map(a_step, range(1, 4))))
    await world.one(a_commit(run, *map(a_step, range(4, 8))))
    read = world.store.journal
    expect([e.position for e in await read(run.number)], [1, 2, 3, 4, 5, 6, 7], "the whole journal")
    expect([e.position for e in await read(run.number, 3)], [4, 5, 6, 7], "the journal after an entry")
    expect([e.position for e in await read(run.number, 2, 3)], [3, 4, 5], "a part of it")


async def many_runs_are_loaded_at_once(world: World) -> None:
    """Several runs are loaded in one go, each with what is its own."""
    runs = [await world.claimed(f"order-{n}") for n in range(3)]
    for n, run in enumerate(runs):
        await world.one(a_commit(run, *map(a_step, range(1, n + 1))))
        await world.signal(run, name=f"n-{n}")
    numbers = [run.number for run in runs]
    loaded = await world.store.load(numbers)
    expect([len(loaded[number].entries) for number in numbers], [0, 1, 2], "entries of each")
    inboxes = await world.store.inbox(numbers)
    expect([inboxes[n][0].name for n in numbers], ["n-0", "n-1", "n-2"], "the inbox of each")


async def endings_are_read_together(world: World) -> None:
    """Of many runs, those that have ended are read in one go, each with how it ended."""
    runs = [
        await world.ended("done"),
        await world.ended("gone", Status.CANCELLED),
        await world.resting("waiting"),
        await world.start("fresh"),
    ]
    other = await world.ended("other")
    read = await world.store.endings([5, *(run.number for run in runs)])
    seen = {ending.number: (ending.status, ending.output, ending.workflow) for ending in read}
    how = {run.number: (run.status, b'"done"', run.workflow) for run in runs[:2]}
    expect(seen, how, "the endings")
    expect(await world.store.endings([]), [], "the endings of none")
    many = [*range(1_000_000, 1_002_000), other.number]
    expect([ending.number for ending in await world.store.endings(many)], [other.number], "one among many")


async def what_is_not_there_reads_as_empty(world: World) -> None:
    """What hangs on a run that is not there reads as empty."""
    expect(dict(await world.store.load([5])), {5: Loaded((), (), ())}, "what is loaded of nobody")
    expect(dict(await world.store.inbox([5])), {5: ()}, "the inbox of nobody")
    expect(await world.store.journal(5), [], "the journal of nobody")
    expect(await world.store.timers(5), [], "the timers of nobody")
    expect(await world.store.attempts(5), [], "the attempts of nobody")
    expect(await world.store.runs(RunQuery()), [], "the list of nobody")
    expect(await world.store.sessions(), [], "the sessions")
    expect(dict(await world.store.load([])), {}, "nothing, loaded")


async def everything_is_there_after_reopening(world: World) -> None:
    """What was acknowledged is there when the store is closed and opened again."""
    run = await world.claimed()
    await world.one(a_commit(run, a_step(1), a_step(2)))
    await world.signal(run, "s-1")
    await world.ended("ended")
    before = await world.snapshot()
    await world.store.close()
    await world.store.open()
    expect(await world.snapshot(), before, "the store's rows")


async def opening_and_closing_may_be_repeated(world: World) -> None:
    """Opening an open store does nothing, nor does closing a closed one."""
    await world.start()
    await world.store.open()
    expect(await _ids(world), ["run"], "the runs")
    await world.store.close()
    await world.store.close()


CASES = (
    Case(runs_are_listed_newest_first),
    Case(lists_are_paged),
    Case(lists_are_narrowed),
    Case(a_prefix_is_taken_literally),
    Case(runs_are_counted),
    Case(journals_are_read_in_part),
    Case(many_runs_are_loaded_at_once),
    Case(endings_are_read_together),
    Case(what_is_not_there_reads_as_empty),
    Case(everything_is_there_after_reopening, Capability.DURABLE),
    Case(opening_and_closing_may_be_repeated),
)
