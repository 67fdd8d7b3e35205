"""The floor, measured right before and right after what is divided by it."""

from __future__ import annotations

from pathlib import Path

from floor import measure


class Floors:
    """Both floors around a figure: ``around`` it is their mean; what came after one is before the next.

    ``commit`` is that of the middle commits of one row, in seconds: what latencies are next to, which are
    middles as well.
    """

    def __init__(self, seconds: float, directory: Path) -> None:
        self._seconds = seconds
        self._directory = directory
        self._last = self._take()
        self.commit = 0.0

    def _take(self) -> tuple[float, float, float]:
        batches = measure(self._seconds, 100, self._directory)
        single = measure(self._seconds, 1, self._directory)
        return batches.workflows_per_second, single.seconds_per_workflow, single.commit

    def around(self) -> tuple[float, float]:
        """Return workflows/s in batches of 100 rows, and seconds for a workflow's six rows at one per commit."""
        before, self._last = self._last, self._take()
        self.commit = (before[2] + self._last[2]) / 2
        return (before[0] + self._last[0]) / 2, (before[1] + self._last[1]) / 2

    def again(self) -> None:
        """Forget what was measured a while ago."""
        self._last = self._take()
