"""Chapter nineteen: schemas of events, kept once and by whoever has seen all that there are."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.reactions import Forget
from dalsegno.core.schemas import RegisterSchemas, SchemaRow, SchemasKnown
from dalsegno.testing.conformance.eventful import an_event, emit
from dalsegno.testing.conformance.world import Case, World, expect, fail


def _schema(type: str = "Placed", version: int = 1, says: str = "{}") -> SchemaRow:
    return SchemaRow(type, version, "json", says, f"f{says}", "backward", sealed=True)


async def _register(
    world: World, *schemas: SchemaRow, namespace: str = "default", **seen: int
) -> SchemasKnown:
    verdict = await world.one(RegisterSchemas(namespace, schemas, tuple(seen.items())))
    return verdict if isinstance(verdict, SchemasKnown) else fail(f"registering answered {verdict!r}")


async def what_was_registered_is_read_as_it_was(world: World) -> None:
    """By type and version, with the store's time; of one type or of all, each namespace for itself."""
    one, two = _schema(), replace(_schema("Paid", 2, '{"a":"ö"}'), sealed=False, mode="full", format="avro")
    at = world.store.now()
    told = await _register(world, one, two, Placed=0, Paid=0)
    wanted = [replace(each, registered_at=at) for each in (two, one)]
    expect(told, SchemasKnown(True, tuple(wanted)), "the verdict")
    expect(await world.store.schemas("default"), wanted, "all of them")
    expect(await world.store.schemas("default", "Paid"), wanted[:1], "those of a type")
    expect(await world.store.schemas("default", "Shipped"), [], "those of a type without any")
    expect(await world.store.schemas("other"), [], "those of another namespace")
    expect((await _register(world, one, namespace="other", Placed=0)).registered, True, "there too")


async def what_is_registered_never_changes(world: World) -> None:
    """Not by another schema under the same version, whoever has seen it."""
    await _register(world, _schema(), Placed=0)
    before = await world.store.schemas("default")
    world.clock.advance(1_000)
    told = await _register(world, _schema(says="[]"), Placed=1)
    expect(told.rows, tuple(before), "the verdict's rows")
    expect(await world.store.schemas("default"), before, "what is stored")


async def who_has_not_seen_all_versions_registers_nothing(world: World) -> None:
    """Not of any type, and it is told all that there are, so that it can judge again."""
    await _register(world, _schema(), Placed=0)
    told = await _register(world, _schema(version=2), _schema("Paid"), Placed=0, Paid=0)
    expect(told.registered, False, "whether it was registered")
    expect([(row.type, row.version) for row in told.rows], [("Placed", 1)], "what there is")
    expect(len(await world.store.schemas("default")), 1, "versions that are stored")
    told = await _register(world, _schema(version=2), _schema("Paid"), Placed=1, Paid=0)
    expect(told.registered, True, "whether it was, after looking again")
    expect(
        [(row.type, row.version) for row in told.rows], [("Paid", 1), ("Placed", 1), ("Placed", 2)], "then"
    )


async def two_in_one_group_do_not_both_register(world: World) -> None:
    """The second one has not seen what the first one registered."""
    items = [RegisterSchemas("default", (_schema(version=n),), (("Placed", 0),)) for n in (1, 2)]
    first, second = await world.write(*items)
    assert isinstance(first, SchemasKnown) and isinstance(second, SchemasKnown)
    expect((first.registered, second.registered), (True, False), "the verdicts")
    expect(second.rows, first.rows, "what the second is told")


async def events_are_counted_by_version(world: World) -> None:
    """Those of a type and namespace behind a number, as far as they are still on the log."""
    await emit(world, an_event(version=1), an_event(version=2), an_event(version=1), an_event("Other"))
    await emit(world, an_event(version=2, namespace="other"))
    kind = an_event().type
    expect(await world.store.versions("default", kind, 0), {1: 2, 2: 1}, "all of them")
    expect(await world.store.versions("default", kind, 1), {1: 1, 2: 1}, "those behind the first")
    expect(await world.store.versions("default", "Unheard", 0), {}, "those of another type")
    await world.one(Forget(2))
    expect(await world.store.versions("default", kind, 0), {1: 1, 2: 1}, "those that retention left")


CASES = (
    Case(what_was_registered_is_read_as_it_was),
    Case(what_is_registered_never_changes),
    Case(who_has_not_seen_all_versions_registers_nothing),
    Case(two_in_one_group_do_not_both_register),
    Case(events_are_counted_by_version),
)
