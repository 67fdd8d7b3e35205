"""A service's state of a key: read before a handler is called, kept with its reaction."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from dalsegno.core.codec import Shape
from dalsegno.core.commit import Kept
from dalsegno.core.event import Event, Heard
from dalsegno.core.reactions import KeptRow
from dalsegno.errors import InvalidInput
from dalsegno.events.service import Merge, Service

STALE = "came too late for the state of its key"


class Keeping:
    """How one service keeps its states; ``number`` is the service's in the store, once that knows it."""

    def __init__(self, service: Service) -> None:
        assert service.state_shape is not None
        self.number = 0
        self._name = service.name
        self._shape: Shape[Any] = service.state_shape
        self._merge: Merge = service.merge
        self._counts = service.merge == "by_sequence" and service.is_sequenced

    def read(self, row: KeptRow | None) -> Any:
        """Read a state; None where a key has none. Raises NotDecodable."""
        if row is None or row.data is None:
            return None
        return self._shape.decode(row.data, f"state of service {self._name}")

    def rank(self, event: Event | Heard, sequence: int | None) -> int:
        """Say by what a later state must not be below an earlier one."""
        if self._merge == "by_time":
            return event.at if isinstance(event, Heard) else event.happened_at
        if self._merge == "by_sequence":
            return event.number if sequence is None else sequence
        return 0

    def settle(
        self, said: list[Kept], row: KeptRow | None, event: Event | Heard, sequence: int | None
    ) -> tuple[Kept | None, bool]:
        """Return what is to be kept of all that a handler has said, and whether that came too late."""
        if not said:
            return None, False
        if event.key is None:
            raise InvalidInput(
                f"A handler of service {self._name} keeps a state for event {event.number}, which has no key.",
                "A state belongs to a key.",
                "Declare the event with @event(key=…).",
            )
        if self._counts and sequence is None:
            raise InvalidInput(
                f"A handler without sequence= keeps a state, and service {self._name} merges by sequence.",
                "Other handlers of it count the events of a key; a place on the log is no such number.",
                'Write on(sequence="…") above it too, or choose another merge=.',
            )
        rank = self.rank(event, sequence)
        if row is not None and rank < row.rank:
            return None, True
        kept = replace(said[-1], service=self.number, key=event.key, event=event.number, rank=rank)
        if isinstance(event, Heard):
            kept = replace(kept, generation=event.generation)
        if callable(self._merge) and row is not None and kept.data is not None:
            old, new = self.read(row), self._shape.decode(kept.data, "a new state")
            kept = replace(kept, data=self._shape.encode(self._merge(old, new), "a merged state"))
        return kept, False


def kept_row(kept: Kept, at: int) -> KeptRow:
    """Return what the store will have."""
    return KeptRow(kept.codec, kept.data, kept.rank, kept.event, at)
