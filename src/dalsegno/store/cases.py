"""What a store must be able to read of processes and their cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from dalsegno.core.cases import Alias, CaseRow, EmitterRow, ProcessRow
from dalsegno.core.event import Event
from dalsegno.core.reactions import DeadLetterRow
from dalsegno.core.runs import Run
from dalsegno.store.log import ReactionRow


class CaseQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which cases to list, those that began last first, ``limit`` at most; below ``before`` to page on.

    ``late_at`` lists those that are open and were due by then instead, the longest past first, and
    ``before`` is then the last one that was seen. ``since`` and ``until`` are times of the beginning.
    """

    namespace: str = "default"
    processes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    late_at: int | None = None
    before: int | None = None
    limit: int = 100


class CaseTrail(msgspec.Struct, frozen=True):
    """What a case has left in the store: its events in order, what came of them, its runs, its dead letters.

    ``runs`` are those that belong to it, that emitted its events, and as which reactions go on.
    """

    events: tuple[Event, ...]
    reactions: tuple[ReactionRow, ...]
    runs: tuple[Run, ...]
    dead_letters: tuple[DeadLetterRow, ...]


class Cases(Protocol):
    """The part of a store that is about cases; see ``store.protocol.Store``."""

    async def processes(self, namespace: str) -> list[ProcessRow]:
        """Read the processes that are known."""
        ...

    async def emitters(self, namespace: str) -> list[EmitterRow]:
        """Read what workflows emit, as far as their code declares it."""
        ...

    async def case(self, namespace: str, id: str) -> CaseRow | None:
        """Read a case by its name, or by one that it had before it was merged."""
        ...

    async def find_cases(self, namespace: str, value: str, limit: int = 10) -> list[CaseRow]:
        """Find cases by their name, their key or another key; the newest first."""
        ...

    async def cases(self, query: CaseQuery) -> list[CaseRow]:
        """List cases."""
        ...

    async def case_names(self, namespace: str, id: str) -> tuple[str, ...]:
        """Read all names of a case by any of them, the one that it has by now first."""
        ...

    async def case_aliases(self, namespace: str, id: str) -> list[Alias]:
        """Read the further keys of a case."""
        ...

    async def trail(
        self, namespace: str, names: Sequence[str], after: int = 0, limit: int = 10_000
    ) -> CaseTrail:
        """Read what a case of these names has left, all at one moment; up to so many events behind a number."""
        ...
