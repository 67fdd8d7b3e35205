"""The way of starts, signals and events to the store: at once, or in a transaction; followed by a trace if asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dalsegno.client.transactions import submit
from dalsegno.core.commit import Emit, Start
from dalsegno.core.writes import Verdict, Write
from dalsegno.engine.commits import CommitQueue


class Tracing(Protocol):
    """Who follows what is sent."""

    def sending(self, item: Any) -> AbstractContextManager[Any]:
        """Follow the writing of a start or of events; what it yields is to be written in their place."""
        ...


class Sending:
    """Has items written to one store; ``tracing`` follows starts and events."""

    def __init__(self, commits: CommitQueue, address: str) -> None:
        self._commits = commits
        self._address = address
        self.tracing: Tracing | None = None

    async def submit(self, item: Write, tx: Any, heard: Callable[[Verdict], None]) -> Verdict:
        """Have an item written, at once or in a transaction; ``heard`` hears the verdict once it is durable."""
        if self.tracing is None or not isinstance(item, Start | Emit):
            return await submit(self._commits, self._address, item, tx, heard)
        with self.tracing.sending(item) as traced:
            return await submit(self._commits, self._address, traced, tx, heard)
