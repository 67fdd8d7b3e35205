"""Waiting runs kept in memory, so that what arrives for one of them needs no replay; a bounded number."""

from __future__ import annotations

from collections import OrderedDict

from dalsegno.core.runs import Run
from dalsegno.engine.live import LiveRun


class Cache:
    """The ``size`` runs that came to rest last; the one that rested longest is evicted."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._runs: OrderedDict[int, LiveRun] = OrderedDict()

    def keep(self, live: LiveRun) -> None:
        """Keep a run that waits."""
        self._runs[live.number] = live
        while len(self._runs) > self._size:
            self._runs.popitem(last=False)[1].execution.evict()

    def take(self, run: Run) -> LiveRun | None:
        """Return a run that was claimed again, unless somebody else has moved it on meanwhile."""
        live = self._runs.pop(run.number, None)
        if live is None:
            return None
        if live.turn != run.turn - 1:
            live.execution.evict()
            return None
        live.run = run
        return live

    def empty(self) -> list[LiveRun]:
        """Return all runs, and keep none."""
        runs = list(self._runs.values())
        self._runs.clear()
        return runs
