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


class Hooks:
    """The pair of hooks of a thread; other loops' generators go to whom they went before."""

    def __init__(self, owners: type[Any]) -> None:
        self.outer = sys.get_asyncgen_hooks()
        self.watches = 0  # that hold it
        self._owners = owners  # the class of loops that are an Owner
        # By address: a reference would keep them. One that ended leaves its address, until another begins there.
        self._of_runs: set[int] = set()

    def __call__(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear of a generator's first step."""
        loop = events._get_running_loop()
        if type(loop) is self._owners:
            self._of_runs.add(id(agen))
            cast("Owner", loop).agen_begins(agen)
        else:
            self._of_runs.discard(id(agen))
            if self.outer.firstiter is not None:
                self.outer.firstiter(agen)

    def dropped(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Hear that nobody holds a generator that has not ended."""
        if id(agen) not in self._of_runs:
            if self.outer.finalizer is not None:
                self.outer.finalizer(agen)
            return
        self._of_runs.discard(id(agen))
        loop = events._get_running_loop()
        # Found by the garbage collector it is not closed: no replay would find it at the same moment.
        if type(loop) is self._owners:
            cast("Owner", loop).agen_dropped(agen)


class Watch:
    """Has the hooks up in a ``with`` block. Watches of one thread share a pair: a chain of them would only grow."""

    def __init__(self, owners: type[Any]) -> None:
        self._owners = owners
        self._hooks: Hooks | None = None

    def __enter__(self) -> None:
        hooks = sys.get_asyncgen_hooks().firstiter
        if not isinstance(hooks, Hooks):
            hooks = Hooks(self._owners)
            sys.set_asyncgen_hooks(firstiter=hooks, finalizer=hooks.dropped)
        hooks.watches += 1
        self._hooks = hooks

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        hooks, self._hooks = self._hooks, None
        if hooks is None:
            return
        hooks.watches -= 1
        if not hooks.watches and sys.get_asyncgen_hooks().firstiter is hooks:  # else somebody's, put up later
            sys.set_asyncgen_hooks(*hooks.outer)
