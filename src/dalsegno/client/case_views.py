"""Cases as a program sees them: where one stands, and all that it has left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dalsegno.client.dead_letters import DeadLetterInfo
from dalsegno.client.event_views import EventInfo, ReactionInfo, StampInfo
from dalsegno.client.run_views import RunInfo
from dalsegno.core.cases import OPEN, CaseRow
from dalsegno.core.clock import to_datetime


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """One case as a list shows it.

    ``state`` is open, ended or cancelled; ``end`` is the type of the event that closed it, ``end_event``
    its number. ``began_event`` is the number of the event that opened it, None where a run did. ``late``
    is one that is open and past ``due_at``. ``number`` is its place, to page on.
    """

    number: int
    id: str
    process: str
    key: str | None
    tracking: str
    state: str
    late: bool
    started_at: datetime
    began_event: int | None
    due_at: datetime | None
    end: str | None
    end_event: int | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseStory:
    """A case with all that it has left in the store.

    ``names`` are further names that it had before it was merged, ``keys`` its further keys by name.
    ``reactions`` are by the number of their event. ``runs`` take part, emitted its events, or are
    reactions to them. ``partial`` says that there are more events than were read. ``stamp`` is what its
    events carry together, where it is known by stamps; ``untold`` says what cannot be told of one of which
    only the start and the end are recorded.
    """

    case: CaseInfo
    names: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    events: tuple[EventInfo, ...]
    reactions: Mapping[int, tuple[ReactionInfo, ...]]
    runs: tuple[RunInfo, ...]
    dead_letters: tuple[DeadLetterInfo, ...]
    partial: bool
    stamp: StampInfo | None = None
    untold: str = ""


def case_info(row: CaseRow, now: int) -> CaseInfo:
    """Show a row of cases, as it is by the store's clock."""
    return CaseInfo(
        number=row.number,
        id=row.id,
        process=row.process,
        key=row.key,
        tracking=row.tracking,
        state=row.state,
        late=row.state == OPEN and row.due_at is not None and row.due_at <= now,
        started_at=to_datetime(row.started_at),
        began_event=row.began_event,
        due_at=None if row.due_at is None else to_datetime(row.due_at),
        end=row.end,
        end_event=row.end_event,
        ended_at=None if row.ended_at is None else to_datetime(row.ended_at),
    )
