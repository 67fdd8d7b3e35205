"""Async generators of workflow code: each belongs to the run that iterates it first.

The interpreter has one pair of hooks per thread, which hears of each generator that begins and of each
that is dropped unfinished. Putting them up for every turn of a run would cost more than the turn, so a
worker puts up one pair for as long as it lives; it tells by the running loop whose a generator is.
"""

from __future__ import annotations

import sys
from asyncio import events
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Protocol, cast


class Owner(Protocol):
    """A loop that keeps its own async generators: a run's."""

    def agen_begins(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear of a generator of this run."""
        ...

    def agen_dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear that the run's code has dropped one before its end."""
        ...


class Watch:
    """The hooks of this thread, in a ``with`` block; other loops' generators go to whom they went before."""

    def __init__(self, owners: type[Any]) -> None:
        self._owners = owners  # the class of loops that are an Owner
        self._outer = sys.get_asyncgen_hooks()
        # By address: a reference would keep them. One that ended leaves its address, until another begins there.
        self._of_runs: set[int] = set()

    def __enter__(self) -> None:
        self._outer = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self, finalizer=self.dropped)

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        if sys.get_asyncgen_hooks().firstiter is self:  # else somebody's, who was put up later
            sys.set_asyncgen_hooks(*self._outer)

    def __call__(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear of a generator's first step."""
        loop = events._get_running_loop()
        if type(loop) is self._owners:
            self._of_runs.add(id(agen))
            cast("Owner", loop).agen_begins(agen)
        else:
            self._of_runs.discard(id(agen))
            if self._outer.firstiter is not None:
                self._outer.firstiter(agen)

    def dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear that nobody holds a generator that has not ended."""
        if id(agen) not in self._of_runs:
            if self._outer.finalizer is not None:
                self._outer.finalizer(agen)
            return
        self._of_runs.discard(id(agen))
        loop = events._get_running_loop()
        # Found by the garbage collector it is not closed: no replay would find it at the same moment.
        if type(loop) is self._owners:
            cast("Owner", loop).agen_dropped(agen)
