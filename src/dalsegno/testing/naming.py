"""Names for what a play writes: runs, events and handlers as people know them, not by number."""

from __future__ import annotations

from dalsegno.core.event import Event, NewEvent
from dalsegno.store.protocol import Store
from dalsegno.testing.invariants import Invariants
from dalsegno.testing.shadows import peek


class Names:
    """What runs, events and handlers of one play are called."""

    def __init__(self, store: Store, invariants: Invariants) -> None:
        self._store = store
        self._invariants = invariants

    def run(self, number: int) -> str:
        """Return the id of a run."""
        shadow = self._invariants.shadows.get(number)
        return shadow.run.id if shadow is not None else f"{number:x}"

    def event(self, number: int) -> str:
        """Name an event of the log by its type and key."""
        event = self._invariants.chronicle.events.get(number)
        return event_name(event) if event is not None else f"event {number}"

    def service(self, number: int) -> str:
        """Return the name of a service."""
        row = self._invariants.reacting.services.get(number)
        return row.name if row is not None else f"service {number}"

    def handler(self, service: int, number: int) -> str:
        """Return the full name of a handler."""
        rows = peek(self._store.handlers(service))
        name = next((row.name for row in rows if row.number == number), str(number))
        return f"{self.service(service)}.{name}"


def event_name(event: Event | NewEvent) -> str:
    """Name an event by its type and key."""
    return f"{event.type} {event.key}" if event.key is not None else event.type
