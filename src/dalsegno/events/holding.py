"""Foreign events, held to the schemas that the store knows of their types."""

from __future__ import annotations

import msgspec

from dalsegno.core.codec import JSON
from dalsegno.core.event import NewEvent
from dalsegno.core.schemas import SchemaRow
from dalsegno.errors import EventRefused
from dalsegno.store.protocol import Store


class Holding:
    """Holds foreign events to the schemas of one namespace in one store."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace
        self._rows: dict[tuple[str, int], SchemaRow] = {}

    async def hold(self, event: NewEvent) -> None:
        """Hold an event's data to the schema of its version; to any, if it says none.

        One of a type or version that is not registered is held to nothing. Raises EventRefused.
        """
        rows = await self._versions(event)
        if not rows or event.codec != JSON:
            return
        from dalsegno.events.registering import registered_of
        from dalsegno.events.schemas.payloads import fault_of

        value = None if event.data is None else msgspec.json.decode(event.data)
        faults = [fault_of(registered_of(row), value) for row in rows]
        if all(faults):
            name = f"{event.type} v{rows[-1].version}"
            raise EventRefused(
                f"The data of event {event.id!r} of {event.source} is not as {name} has it: {faults[-1]}",
                "Nothing was written: no handler could read it.",
                "Mend the data, or give it the version by which it was written.",
                attribute="data",
                reason=faults[-1],
            )

    async def _versions(self, event: NewEvent) -> list[SchemaRow]:
        """Return the versions that an event's data may be of; what is stored of one never changes."""
        from dalsegno.events.outside import UNSAID

        known = self._rows.get((event.type, event.version))
        if known is not None:
            return [known]
        rows = await self._store.schemas(self._namespace, event.type)
        if event.version == UNSAID:
            return rows
        self._rows |= {(row.type, row.version): row for row in rows}
        return [row for row in rows if row.version == event.version]
