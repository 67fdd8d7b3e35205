"""What an App's client can see of where things stand. What it takes is imported once somebody asks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from dalsegno.core.clock import from_datetime
from dalsegno.core.commit import Session
from dalsegno.store.protocol import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from dalsegno.client.case_groups import CaseGroups, StuckCases
    from dalsegno.client.case_times import Dues
    from dalsegno.client.whereabouts import Explanation, Where
    from dalsegno.insight.usual import Usual


class Sight:
    """Tells where things stand in one namespace of a store; ``gone`` as for ``whereabouts.where``."""

    def __init__(self, store: Store, namespace: str, gone: Callable[[Session], bool]) -> None:
        self._store = store
        self._namespace = namespace
        self._gone = gone
        self._usual: Usual | None = None

    async def where(self, id: str, at: datetime | None = None) -> Where:
        """Tell where something stands, or stood."""
        from dalsegno.insight.whereabouts import where

        then = None if at is None else from_datetime(at)
        usual = self._kept_usual()
        return await where(self._store, self._namespace, id, gone=self._gone, then=then, usual=usual)

    async def explain(self, id: str) -> Explanation:
        """Tell why something does not move."""
        from dalsegno.insight.whereabouts import explain

        return await explain(self._store, self._namespace, id, gone=self._gone)

    async def dues(self, id: str) -> Dues:
        """Say by when what a case owes is to come."""
        from dalsegno.insight.usual import dues

        return await dues(self._kept_usual(), (await self.where(id)).case)

    async def stuck(self, process: str | None, limit: int) -> StuckCases:
        """List open cases that do not move until somebody acts."""
        from dalsegno.insight.case_groups import stuck_cases

        return await stuck_cases(self._store, self._namespace, process, limit=limit, gone=self._gone)

    async def why(self, process: str | None, limit: int, *, late: bool) -> CaseGroups:
        """Group open cases by the reason that binds."""
        from dalsegno.insight.case_groups import why_cases

        return await why_cases(self._store, self._namespace, process, late=late, limit=limit, gone=self._gone)

    def _kept_usual(self) -> Usual:
        """Return what is kept of past cases from question to question."""
        from dalsegno.insight.usual import Usual

        self._usual = self._usual or Usual(self._store, self._namespace)
        return self._usual
