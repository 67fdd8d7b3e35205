"""The schemas of one App's events: registered before its worker starts, or before the first of them is emitted.

A version that does not fit those in the store is refused before anything is written under it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dalsegno.core.schemas import RegisterSchemas, SchemaRow, SchemasKnown
from dalsegno.core.writes import Verdict
from dalsegno.engine.commits import CommitQueue
from dalsegno.engine.definitions import Workflow
from dalsegno.errors import DefinitionError, SchemaRefused
from dalsegno.events.declaring import Declaring, Submit
from dalsegno.events.known import Known
from dalsegno.events.types import EventType
from dalsegno.store.protocol import Store

if TYPE_CHECKING:
    from dalsegno.events.schemas import Declared, Finding, Registered, Report, Users

log = logging.getLogger("dalsegno.events")


class Registering:
    """Registers event types in one store, each once per process; knows which are there."""

    def __init__(self, known: Known, store: Store, commits: CommitQueue, namespace: str) -> None:
        self._known = known
        self._store = store
        self._commits = commits
        self._namespace = namespace
        self._admitted: set[EventType[Any]] = set()
        self._declaring = Declaring(known, namespace)

    async def register(self, workflows: Iterable[Workflow[Any, Any]] = ()) -> None:
        """Register all that the App knows, and what its workflows emit.

        Raises SchemaRefused, and then registers none of it.
        """
        await self.admit(self._known.types.all.values())
        await self._declaring.workflows(workflows, self._commits.submit)

    async def declare(self, submit: Submit | None = None) -> None:
        """See that the App's processes are known, before something is written that begins a case."""
        await self._declaring.processes(submit or self._commits.submit)

    async def admit(self, kinds: Iterable[EventType[Any]], submit: Submit | None = None) -> None:
        """See that event types are registered, before something is emitted. Raises SchemaRefused.

        ``submit`` has an item written, in a transaction perhaps, and tells its verdict once it is durable.
        """
        fresh = {kind for kind in kinds if kind not in self._admitted}
        if fresh:
            await self.join(list(declared_of(fresh)), submit, lambda: self._admitted.update(fresh))
        await self.declare(submit)

    async def join(
        self, declared: list[Declared], submit: Submit | None = None, heard: Callable[[], None] = lambda: None
    ) -> bool:
        """Register what is declared, all of it or nothing; return whether any of it was not there.

        ``heard`` is told once all of it is durable. Raises SchemaRefused.
        """
        rows, durable = await self._read(declared), True
        while True:
            report = self._judged(declared, rows)
            if not report.ok:
                raise await self._refusal(declared, rows)
            new = tuple(_row(each.candidate) for each in report.findings if each.candidate and _is_new(each))
            if not new:
                if durable:
                    heard()
                return False
            known = await self._keep(declared, new, rows, submit or self._commits.submit, heard)
            if known.registered:
                return True
            rows, durable = (
                known.rows,
                False,
            )  # others were quicker, or this very transaction, which may not last

    # -- what there is

    async def _read(self, declared: Iterable[Declared]) -> tuple[SchemaRow, ...]:
        names = sorted({one.type for one in declared})
        return tuple([row for name in names for row in await self._store.schemas(self._namespace, name)])

    def _judged(
        self,
        declared: Iterable[Declared],
        rows: Iterable[SchemaRow],
        users: Mapping[str, Users] | None = None,
    ) -> Report:
        from dalsegno.events.schemas import check_declared

        casts = {one.type: self._known.types.casts(one.type) for one in declared}
        return check_declared(declared, map(registered_of, rows), users=users, casts=casts)

    async def _keep(
        self,
        declared: list[Declared],
        new: tuple[SchemaRow, ...],
        rows: tuple[SchemaRow, ...],
        submit: Submit,
        heard: Callable[[], None],
    ) -> SchemasKnown:
        names = sorted({one.type for one in declared})
        seen = tuple((name, sum(row.type == name for row in rows)) for name in names)

        def told(verdict: Verdict) -> None:
            if isinstance(verdict, SchemasKnown) and verdict.registered:
                heard()

        verdict = await submit(RegisterSchemas(self._namespace, new, seen), told)
        assert isinstance(verdict, SchemasKnown)
        return verdict

    async def _refusal(self, declared: list[Declared], rows: Iterable[SchemaRow]) -> SchemaRefused:
        from dalsegno.events.users import users_of

        services = self._known.services.values()
        names = sorted({one.type for one in declared})
        users = {name: await users_of(self._store, self._namespace, name, services) for name in names}
        return refusal(self._judged(declared, rows, users), self._store.address)


def declared_of(kinds: Iterable[EventType[Any]]) -> Iterator[Declared]:
    """Say what event classes declare; one that JSON Schema cannot express is left out."""
    from dalsegno.events.schemas import Declared, Mode

    for kind in kinds:
        try:
            schema = kind.schema
        except DefinitionError as error:
            log.warning("event %s is not registered: %s", kind.title, error.what)
            continue
        mode = None if kind.compatibility is None else Mode(kind.compatibility)
        yield Declared(kind.name, kind.version, schema, mode=mode, where=kind.place)


def registered_of(row: SchemaRow) -> Registered:
    """Read a row as the value that it is."""
    from dalsegno.events.schemas import Format, Mode, Registered

    return Registered(
        row.type,
        row.version,
        Format(row.format),
        row.schema,
        row.fingerprint,
        Mode(row.mode),
        row.sealed,
        row.registered_at,
    )


def refusal(report: Report, address: str) -> SchemaRefused:
    """Make the error that tells what does not fit, and who breaks."""
    wrong = tuple(each for each in report.findings if not each.ok)
    named = ", ".join(f"{each.type} v{each.version}" for each in wrong)
    return SchemaRefused(
        f"{named} cannot be registered in {address}.",
        "\n".join(map(str, wrong)),
        "Give what has changed a new version, with defaults for what is new; "
        "or write @upcast and @downcast between the two; or say compatibility= above the class.",
        types=tuple((each.type, each.version) for each in wrong),
        findings=wrong,
    )


def _is_new(finding: Finding) -> bool:
    return finding.admission is not None and finding.admission.standing in ("new", "first")


def _row(one: Registered) -> SchemaRow:
    return SchemaRow(
        one.type, one.version, one.format.value, one.schema, one.fingerprint, one.mode.value, one.sealed
    )
