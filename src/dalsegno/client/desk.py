"""What the rooms of a client have in common: where they read, and how they write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dalsegno.core.limits import Limits
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.commits import CommitQueue
from dalsegno.errors import StoreReadOnly
from dalsegno.events.known import Known
from dalsegno.events.pressure import Pressure
from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """A store, a namespace in it, and for whoever writes the queue to it.

    ``known`` is what this process's code declares; ``written`` hears of everything that was written;
    ``pressure`` tells whether a service is too far behind for more events.
    """

    store: Store
    namespace: str = "default"
    commits: CommitQueue | None = None
    known: Known = field(default_factory=Known)
    limits: Limits = field(default_factory=Limits)
    written: Callable[[], None] = lambda: None
    pressure: Pressure | None = None

    async def write(self, item: Write) -> Verdict:
        """Have something written, and tell this process's worker."""
        if self.commits is None:
            raise StoreReadOnly(
                f"The store {self.store.address} was opened to be looked at.",
                "Nothing was written.",
                "Open it for writing: without read_only, and as a user who may write the file.",
            )
        verdict = await self.commits.submit(item)
        self.written()
        return verdict
