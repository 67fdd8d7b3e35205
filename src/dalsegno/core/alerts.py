"""What is stored of alerts: which worker looks after a rule, what held, and who was told of it."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from dalsegno.core.event import NewEvent


class Told(IntEnum):
    """What those have been told who are to hear of an alert. The numbers are stored."""

    NOTHING = 0
    BEGAN = 1
    ENDED = 2


class AlertRow(msgspec.Struct, frozen=True):
    """A condition that held for a subject, from ``began_at`` until ``ended_at``; None while it still does.

    ``seen_at`` is when it was last seen to hold, ``text`` and ``value`` are what was seen then.
    """

    number: int
    namespace: str
    rule: str
    subject: str
    text: str
    value: float
    began_at: int
    seen_at: int
    ended_at: int | None
    told: Told

    @property
    def owed(self) -> Told:
        """What is to be told next; ``NOTHING`` if nothing is."""
        if self.told is Told.NOTHING:
            return Told.BEGAN
        return Told.ENDED if self.told is Told.BEGAN and self.ended_at is not None else Told.NOTHING


class Watch(msgspec.Struct, frozen=True):
    """Look after a rule for as long as ``lease``, unless another session does. ``Done(1)`` if it is ours."""

    namespace: str
    rule: str
    session: int
    lease: int  # microseconds


class Seen(msgspec.Struct, frozen=True):
    """What a rule's watcher saw of a subject: that its condition ``holds``, or that it does not.

    An alert begins when it first holds, and ends once it has not held for ``calm`` microseconds. With that
    goes the event ``began`` or ``ended``, where there is one. ``Done(1)`` where one of both happened;
    refused to a session that does not look after the rule.
    """

    namespace: str
    rule: str
    subject: str
    session: int
    holds: bool
    text: str = ""
    value: float = 0.0
    calm: int = 0
    began: NewEvent | None = None
    ended: NewEvent | None = None


class Tell(msgspec.Struct, frozen=True):
    """Note what has been told of an alert. ``Done(1)`` where that is more than before."""

    number: int
    told: Told


class Tally(msgspec.Struct, frozen=True):
    """What a session has counted in a minute so far: (name, subject, count). It replaces what it said before.

    Minutes before ``keep`` are forgotten.
    """

    namespace: str
    session: int
    minute: int
    counts: tuple[tuple[str, str, int], ...]
    keep: int = 0
