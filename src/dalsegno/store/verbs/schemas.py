"""Schemas of events: kept once, and only by whoever has judged them by all that there are."""

from __future__ import annotations

from msgspec.structs import astuple

from dalsegno.core.schemas import RegisterSchemas, SchemasKnown
from dalsegno.store.rows import schema_of
from dalsegno.store.verbs.group import Group, Verb


def register(item: RegisterSchemas, group: Group) -> Verb:
    """Keep versions, if there are as many others as were seen."""
    rows = yield from _known(item)
    seen = all(sum(row.type == type_ for row in rows) == count for type_, count in item.seen)
    if seen and item.schemas:
        kept = [(item.namespace, *astuple(one)[:-1], group.wall) for one in item.schemas]
        yield "keep_schema", kept
        rows = yield from _known(item)
    return SchemasKnown(seen, tuple(rows))


def _known(item: RegisterSchemas) -> Verb:
    rows = []
    for type_ in sorted({type_ for type_, _ in item.seen}):
        rows += [schema_of(row) for row in (yield "read_schemas_of", (item.namespace, type_))]
    return rows
