"""Many cases at once, as values: those of which nothing moves, and why they wait, by reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.standing import Because, Reason


@dataclass(frozen=True, slots=True)
class StuckCase:
    """A case of which nothing moves until somebody acts; ``reasons`` as for ``where``.

    ``state`` is open; or it is ended or cancelled, and what is to be undone, or to be done still, is a dead letter
    or parked.
    """

    id: str
    process: str
    state: str
    started_at: datetime
    due_at: datetime | None
    late: float | None
    reasons: tuple[Because, ...]

    @property
    def why(self) -> Because:
        """The reason that binds."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class StuckCases:
    """Those found at ``at`` among ``looked`` cases; ``more`` says that there are more than these.

    These are the open ones, and those over of which something is a dead letter or parked.
    """

    at: datetime
    looked: int
    more: bool
    cases: tuple[StuckCase, ...]


@dataclass(frozen=True, slots=True)
class CaseGroup:
    """Open cases with one reason that binds: how many, of them past their due time, since when, and examples.

    ``about`` is the handler or workflow that is held, ``text`` what is said of the first example.
    """

    kind: Reason | None
    about: str
    count: int
    late: int
    oldest: datetime
    examples: tuple[str, ...]
    text: str
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseGroups:
    """The groups of ``looked`` open cases at ``at``, the largest first; ``more`` says that there are more cases."""

    at: datetime
    looked: int
    more: bool
    groups: tuple[CaseGroup, ...]
