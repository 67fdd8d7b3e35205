"""Chapter eighteen: read models in generations, of which one serves while another is built."""

from __future__ import annotations

from typing import Any

from dalsegno.core.commit import Committed, Done, Kept
from dalsegno.core.reactions import Forget, React
from dalsegno.core.sourcing import Clear, Project, Projected, ProjectionRow, Serve
from dalsegno.testing.conformance.eventful import an_event, emit, take
from dalsegno.testing.conformance.world import Case, World, expect, fail


async def _project(world: World, version: int = 1, **fields: Any) -> tuple[ProjectionRow, ...]:
    verdict = await world.one(Project("default", "status", version, **fields))
    return verdict.rows if isinstance(verdict, Projected) else fail(f"projecting answered {verdict!r}")


def _told(rows: tuple[ProjectionRow, ...]) -> list[tuple[int, int, str]]:
    return [(row.generation, row.version, row.state) for row in rows]


async def _fold(world: World, row: ProjectionRow, position: int, *keys: str) -> None:
    """Fold a generation up to a position, in a session of its own."""
    session = await world.session()
    await take(world, session, row.service)
    kept = tuple(Kept(row.service, key, position, key.encode()) for key in keys)
    verdict = await world.one(React(session, row.service, 1, positions=((0, position),), kept=kept))
    if not isinstance(verdict, Committed):
        fail(f"folding answered {verdict!r}")


async def a_read_model_begins_with_its_first_generation(world: World) -> None:
    """It serves at once, from the beginning of the log, and asking again begins no other."""
    await emit(world, an_event())
    rows = await _project(world)
    expect(_told(rows), [(1, 1, "serving")], "the first generation")
    expect(await _project(world), rows, "asked for again")
    partitions = await world.store.partitions(rows[0].service)
    expect([(one.partition, one.position) for one in partitions], [(0, 0)], "where it begins")
    expect(await world.store.projections("default"), list(rows), "what is read of it")
    expect(await world.store.projections("other"), [], "what another namespace has")
    await emit(world, an_event())
    await world.one(Forget(2))
    (partition,) = await world.store.partitions((await _project(world, 2))[1].service)
    expect(partition.position, 0, "where one begins that has events to miss")


async def a_higher_version_begins_another_generation(world: World) -> None:
    """A version that is there, or a lower one, begins none, so that old workers undo nothing."""
    await _project(world)
    expect(_told(await _project(world, 2))[1:], [(2, 2, "building")], "a higher version")
    expect(len(await _project(world, 2)), 2, "generations after asking again")
    expect(len(await _project(world, 1)), 2, "generations after a lower version asked")


async def a_rebuild_begins_another_generation_once(world: World) -> None:
    """While one of that version is being built, asking for a rebuild begins no other."""
    await _project(world)
    expect(_told(await _project(world, rebuild=True))[1:], [(2, 1, "building")], "the rebuild")
    expect(len(await _project(world, rebuild=True)), 2, "generations after asking again")
    expect(len(await _project(world, 2, rebuild=True)), 3, "generations after another version's rebuild")


async def a_generation_serves_once_it_has_come_as_far(world: World) -> None:
    """It is switched in one write, never to an earlier position; those before it are gone then."""
    await emit(world, *(an_event() for _ in range(9)))
    (old,) = await _project(world)
    await _fold(world, old, 5)
    new = (await _project(world, rebuild=True))[1]
    await _project(world, 2)
    expect(await world.one(Serve("default", "status", 1)), Done(0), "the one that serves already")
    expect(await world.one(Serve("default", "status", 9)), Done(0), "one that is not there")
    await _fold(world, new, 4)
    expect(await world.one(Serve("default", "status", 2)), Done(0), "one that is behind")
    await _fold_on(world, new, 5)
    expect(await world.one(Serve("default", "status", 2)), Done(1), "one that has come as far")
    rows = await world.store.projections("default")
    expect([row.state for row in rows], ["gone", "serving", "building"], "the states")
    await _fold(world, rows[2], 9)
    expect(await world.one(Serve("default", "status", 3)), Done(1), "the next one")
    rows = await world.store.projections("default")
    expect([row.state for row in rows], ["gone", "gone", "serving"], "the states in the end")


async def _fold_on(world: World, row: ProjectionRow, position: int) -> None:
    (one,) = await world.store.partitions(row.service)
    assert one.session is not None
    await world.one(React(one.session, row.service, 1, positions=((0, position),)))


async def what_is_gone_is_cleared_piece_by_piece(world: World) -> None:
    """Its rows go first, then its position; it stays a line of history, and its number is not given again."""
    (old,) = await _project(world)
    await _fold(world, old, 0, "k-1", "k-2", "k-3")
    await _project(world, 2)
    expect(await world.one(Clear("default", "status", 1)), Done(0), "what serves is not cleared")
    expect(await world.one(Serve("default", "status", 2)), Done(1), "the switch")
    expect(await world.one(Clear("default", "status", 1, 2)), Done(2), "two rows")
    expect([key for key, _ in await world.store.kept_page(old.service, "", "", 9)], ["k-3"], "what is left")
    expect(await world.one(Clear("default", "status", 1, 2)), Done(1), "the last row")
    expect(await world.one(Clear("default", "status", 1, 2)), Done(0), "nothing is left")
    rows = await world.store.projections("default")
    expect([row.state for row in rows], ["cleared", "serving"], "the states")
    expect(await world.store.partitions(old.service), [], "its position")
    expect(_told(await _project(world, 3))[2:], [(3, 3, "building")], "the next generation")


async def kept_states_are_read_in_pages(world: World) -> None:
    """By the order of their keys, behind one of them, or those that begin alike."""
    (row,) = await _project(world)
    await _fold(world, row, 0, "a", "b", "b-1", "b-2", "c", "\U0010ffff", "b\U0010ffff1")

    async def page(prefix: str = "", after: str = "", limit: int = 100) -> list[str]:
        return [key for key, _ in await world.store.kept_page(row.service, prefix, after, limit)]

    every = ["a", "b", "b-1", "b-2", "b\U0010ffff1", "c", "\U0010ffff"]
    expect(await page(), every, "all of them")
    expect(await page(limit=2), every[:2], "the first two")
    expect(await page(after="b-1", limit=2), every[3:5], "the two behind one")
    expect(await page("b"), every[1:5], "those that begin so")
    expect(await page("b", after="b-1"), every[3:5], "those of them behind one")
    expect(await page("b-", after="c"), [], "none behind them")
    expect(await page("\U0010ffff"), every[-1:], "the last key of all")
    found = await world.store.kept_page(row.service, "a", "", 1)
    expect([(one.data, one.event) for _, one in found], [(b"a", 0)], "the state")


CASES = (
    Case(a_read_model_begins_with_its_first_generation),
    Case(a_higher_version_begins_another_generation),
    Case(a_rebuild_begins_another_generation_once),
    Case(a_generation_serves_once_it_has_come_as_far),
    Case(what_is_gone_is_cleared_piece_by_piece),
    Case(kept_states_are_read_in_pages),
)
