"""What is folded from the log: of which types, saved when, and which generation of a read model serves."""

from __future__ import annotations

from dalsegno.core.commit import Done
from dalsegno.core.reactions import Register, Service
from dalsegno.core.sourcing import (
    BUILDING,
    CLEARED,
    GONE,
    SERVING,
    Clear,
    Project,
    Projected,
    ProjectionRow,
    Serve,
    Snapshot,
    Source,
)
from dalsegno.store.verbs.group import Group, Verb
from dalsegno.store.verbs.services import register


def source(item: Source, group: Group) -> Verb:
    """Note of which types an aggregate is folded."""
    return Done(sum((yield "know_source", [(item.namespace, type_, item.name) for type_ in item.types])))


def snapshot(item: Snapshot, group: Group) -> Verb:
    """Keep an aggregate as it was, if nothing later is kept."""
    key = (item.namespace, item.name, item.key, item.version)
    row = (*key, item.count, item.shape, item.codec, item.data, group.wall)
    return Done((yield "save_snapshot", row))


def project(item: Project, group: Group) -> Verb:
    """Begin a generation of a read model, if this version asks for one."""
    rows = yield from _generations(item.namespace, item.name)
    if begins(rows, item):
        generation = rows[-1].generation + 1 if rows else 1
        service = Service(service_of(item.name, generation), (), partitions=1, data=item.data, complete=True)
        known = yield from register(Register(item.namespace, (service,)), group)
        row = (item.namespace, item.name, generation, item.version, known.services[0].number)
        yield "begin_projection", (*row, BUILDING if _serving(rows) else SERVING, group.wall)
        rows = yield from _generations(item.namespace, item.name)
    return Projected(tuple(rows))


def serve(item: Serve, group: Group) -> Verb:
    """Let a generation serve once it has come as far as the one that does."""
    rows = yield from _generations(item.namespace, item.name)
    serving = _serving(rows)
    new = next((row for row in rows if row.generation == item.generation and row.state == BUILDING), None)
    if new is None or serving is None:
        return Done(0)
    ((reached,),) = yield "position_of", (new.service,)
    ((wanted,),) = yield "position_of", (serving.service,)
    if reached < wanted:
        return Done(0)
    for row in rows:
        if row.state in (SERVING, BUILDING) and row.generation <= item.generation:
            state = SERVING if row is new else GONE
            yield "move_projection", (item.namespace, item.name, row.generation, state, group.wall)
    return Done(1)


def clear(item: Clear, group: Group) -> Verb:
    """Remove rows of a generation that is gone."""
    rows = yield from _generations(item.namespace, item.name)
    for row in rows:
        if row.generation == item.generation and row.state == GONE:
            removed = yield "drop_kept", (row.service, item.limit)
            if not removed:
                yield "drop_partitions", (row.service,)
                yield "move_projection", (item.namespace, item.name, row.generation, CLEARED, group.wall)
            return Done(removed)
    return Done(0)


def service_of(name: str, generation: int) -> str:
    """Name the service that folds a generation: as no service of a person is named."""
    return f"{name}#{generation}"


def begins(rows: list[ProjectionRow], item: Project) -> bool:
    """Tell whether a generation is to be begun."""
    living = [row for row in rows if row.state in (SERVING, BUILDING)]
    if item.rebuild:
        return not any((row.version, row.state) == (item.version, BUILDING) for row in living)
    return all(row.version < item.version for row in living)


def _serving(rows: list[ProjectionRow]) -> ProjectionRow | None:
    return next((row for row in rows if row.state == SERVING), None)


def _generations(namespace: str, name: str) -> Verb:
    return [ProjectionRow(*row) for row in (yield "read_projection", (namespace, name))]
