"""The closed sets of what may be written, and of what a store answers."""

from __future__ import annotations

from typing import TypeAlias

from dalsegno.core.alerts import Seen, Tally, Tell, Watch
from dalsegno.core.cases import RebuildCases, RegisterProcesses
from dalsegno.core.commit import (
    Beat,
    Claim,
    Claimed,
    Commit,
    Committed,
    Done,
    Emit,
    Emitted,
    EndSession,
    Failed,
    OpenSession,
    Refused,
    Release,
    Retry,
    Send,
    Sent,
    Start,
    Started,
)
from dalsegno.core.reactions import (
    Forget,
    GivePartitions,
    React,
    Register,
    Registered,
    SteerService,
    Taken,
    TakePartitions,
)
from dalsegno.core.schemas import RegisterSchemas, SchemasKnown
from dalsegno.core.sourcing import Clear, Conflict, Project, Projected, Serve, Snapshot, Source
from dalsegno.core.transact import RolledBack, Transact, Transacted

OWNED = (Commit, Claim, TakePartitions, GivePartitions, React)
"""What only the session that wants it may write, and only under its fence."""


_OWNED = (*OWNED, Transact)


def owner(item: Write) -> int:
    """Return the session that alone may write an item, 0 for what anybody may."""
    return item.session if isinstance(item, _OWNED) else 0


Write: TypeAlias = (
    Start
    | Send
    | Commit
    | Claim
    | OpenSession
    | Beat
    | EndSession
    | Release
    | Retry
    | Emit
    | Register
    | TakePartitions
    | GivePartitions
    | React
    | SteerService
    | Forget
    | Source
    | Snapshot
    | Project
    | Serve
    | Clear
    | RegisterSchemas
    | RegisterProcesses
    | RebuildCases
    | Watch
    | Seen
    | Tell
    | Tally
    | Transact
)

Verdict: TypeAlias = (
    Started
    | Sent
    | Committed
    | Refused
    | Claimed
    | Done
    | Failed
    | Emitted
    | Registered
    | Taken
    | Conflict
    | Projected
    | SchemasKnown
    | Transacted
    | RolledBack
)
