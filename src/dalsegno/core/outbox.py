"""What of a run concerns events: those that it emits and waits for, and the one that it cannot digest."""

from __future__ import annotations

import msgspec

from dalsegno.core.commit import DeadLetter, Kept, Subscription
from dalsegno.core.event import NewEvent
from dalsegno.core.sourcing import Expect


class Outbox(msgspec.Struct):
    """Collected while the code runs, written by the run's own commits.

    ``emitted`` is by the op whose entry it goes with: not before, and not without it. ``subscribes``
    is what no commit has written yet; ``subscribed`` whether there ever was anything.
    """

    emitted: dict[int, tuple[NewEvent | Kept | Expect, ...]] = {}
    subscribes: list[Subscription] = []
    subscribed: bool = False
    dead: DeadLetter | None = None

    def subscribe(self, wanted: Subscription) -> None:
        """Wait for events from the next commit on."""
        self.subscribes.append(wanted)
        self.subscribed = True
