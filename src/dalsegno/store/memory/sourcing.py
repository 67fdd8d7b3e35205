"""What is folded from the log: aggregates and their snapshots, read models and their generations."""

from __future__ import annotations

from msgspec.structs import replace

from dalsegno.core.commit import Done
from dalsegno.core.reactions import KeptRow, Register, Service
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
    SnapshotRow,
    Source,
)
from dalsegno.store.memory.services import ServiceVerbs
from dalsegno.store.verbs.sourcing import begins, service_of


class SourcingVerbs(ServiceVerbs):
    """What the items mean that are about aggregates and read models; and what is read of them."""

    def _know_source(self, item: Source) -> Done:
        new = {(item.namespace, type_, item.name) for type_ in item.types} - self._sources
        self._sources |= new
        return Done(len(new))

    def _save_snapshot(self, item: Snapshot) -> Done:
        key = (item.namespace, item.name, item.key)
        row = self._snapshots.get(key)
        if row is not None and (
            item.version < row.version or (item.version, item.shape) == (row.version, row.shape)
        ):
            return Done(0)
        self._snapshots[key] = SnapshotRow(
            item.version, item.count, item.shape, item.codec, item.data, self.now()
        )
        return Done(1)

    def _project(self, item: Project) -> Projected:
        rows = self._generations(item.namespace, item.name)
        if begins(rows, item):
            generation = len(rows) + 1
            service = Service(
                service_of(item.name, generation), (), partitions=1, data=item.data, complete=True
            )
            number = self._register(Register(item.namespace, (service,))).services[0].number
            serves = any(row.state == SERVING for row in rows)
            state = BUILDING if serves else SERVING
            row = ProjectionRow(
                item.namespace, item.name, generation, item.version, number, state, self.now()
            )
            self._put_generation(row)
        return Projected(tuple(self._generations(item.namespace, item.name)))

    def _serve(self, item: Serve) -> Done:
        rows = self._generations(item.namespace, item.name)
        new = [row for row in rows if (row.generation, row.state) == (item.generation, BUILDING)]
        serving = [row for row in rows if row.state == SERVING]
        if not new or not serving:
            return Done(0)
        reached, wanted = (self._partitions[row.service, 0].position for row in (*new, *serving))
        if reached < wanted:
            return Done(0)
        for row in rows:
            if row.state in (SERVING, BUILDING) and row.generation <= item.generation:
                self._put_generation(replace(row, state=SERVING if row in new else GONE, at=self.now()))
        return Done(1)

    def _clear(self, item: Clear) -> Done:
        row = self._projections.get((item.namespace, item.name, item.generation))
        if row is None or row.state != GONE:
            return Done(0)
        keys = sorted(key for key in self._kept if key[0] == row.service)[: item.limit]
        for key in keys:
            del self._kept[key]
        if not keys:
            for partition in self._partitions_of(row.service):
                del self._partitions[partition.service, partition.partition]
            self._put_generation(replace(row, state=CLEARED, at=self.now()))
        return Done(len(keys))

    def _put_generation(self, row: ProjectionRow) -> None:
        self._projections[row.namespace, row.name, row.generation] = row

    def _generations(self, namespace: str, name: str) -> list[ProjectionRow]:
        return [row for key, row in sorted(self._projections.items()) if key[:2] == (namespace, name)]

    # -- reading

    async def snapshot(self, namespace: str, name: str, key: str) -> SnapshotRow | None:
        return self._snapshots.get((namespace, name, key))

    async def projections(self, namespace: str) -> list[ProjectionRow]:
        return [row for key, row in sorted(self._projections.items()) if key[0] == namespace]

    async def kept_page(self, service: int, prefix: str, after: str, limit: int) -> list[tuple[str, KeptRow]]:
        found = sorted((k, r) for (number, k), r in self._kept.items() if number == service)
        return [(key, row) for key, row in found if key.startswith(prefix) and key > after][:limit]
