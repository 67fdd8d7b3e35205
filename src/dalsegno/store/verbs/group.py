"""What a verb is, and what the items of one group share."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from dalsegno.core.cases import Shelf
from dalsegno.core.commit import Emitted
from dalsegno.core.event import NewEvent

Ask: TypeAlias = tuple[str, tuple[Any, ...] | list[tuple[Any, ...]]]
Verb: TypeAlias = Generator[Ask, Any, Any]


class Group(msgspec.Struct):
    """One transaction: its clocks, read once after it began, and the events that it puts on the log.

    Each event is with the verdict that is to tell its number, where somebody wants to know. ``shelf`` has the
    rules of processes as they were read last; ``raised`` says that this group has changed them.
    """

    wall: int
    lease: int
    events: list[tuple[NewEvent, Emitted | None]] = []
    shelf: Shelf = msgspec.field(default_factory=Shelf)
    raised: bool = False


class Standing(Enum):
    """How a group stands with its fence."""

    HELD = "held"
    LANDED = "landed"  # it landed before and only its reply was lost
    LOST = "lost"
