"""What ``where`` and ``explain`` answer, as values: of a run, of a case, of an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dalsegno.client.case_groups import CaseGroups, StuckCases
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.case_times import Dues
from dalsegno.client.standing import Because, Standing


@dataclass(frozen=True, slots=True)
class Where:
    """The answer to ``where asked``: one run, or a case, with its runs in the order of their start.

    ``found_by`` is run (its id), prefix (how its id begins), case (one of its names), key (one of its keys) or
    event. ``case`` is None for a run that was asked for by its id. ``others`` are further things that ``asked``
    may mean, as it is to be asked for then.
    """

    asked: str
    found_by: str
    at: datetime
    runs: tuple[Standing, ...]
    case: CaseStanding | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something does not move: all reasons that hold, the one that binds first.

    ``what`` is case, run or event, ``id`` its name. None are given for what has ended as it should.
    """

    asked: str
    what: str
    id: str
    at: datetime
    reasons: tuple[Because, ...]


class Looking(Protocol):
    """Who can tell; the App gives it to its client."""

    async def where(self, id: str, at: datetime | None = None) -> Where:
        """Tell where something stands, or stood."""
        ...

    async def explain(self, id: str) -> Explanation:
        """Tell why something does not move."""
        ...

    async def dues(self, id: str) -> Dues:
        """Say by when what a case owes is to come."""
        ...

    async def stuck(self, process: str | None, limit: int) -> StuckCases:
        """List open cases that do not move until somebody acts."""
        ...

    async def why(self, process: str | None, limit: int, *, late: bool) -> CaseGroups:
        """Group open cases by the reason that binds."""
        ...
