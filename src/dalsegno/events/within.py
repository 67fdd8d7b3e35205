"""Aggregates in the body of a step or handler: what commands decide on goes with the entry, or the reaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from dalsegno.core.execution import current
from dalsegno.core.ids import check_id
from dalsegno.engine.context import StepInfo, step_context
from dalsegno.errors import NotInRun, WrongColour
from dalsegno.events.aggregate import Aggregate, decide, kind_of
from dalsegno.events.commands import AggregateHandle, AsyncAggregateHandle
from dalsegno.events.emit import new_event
from dalsegno.events.loading import Loaded, Loading

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T")


class Within:
    """What the bodies of one worker's steps and handlers may reach of its store."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def open(self) -> None:
        """Note the loop on which the store is read."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait, in a thread, for what happens on the loop; in a simulation, where there is none, do it in place."""
        if threading.get_ident() != self._thread:
            assert self._loop is not None
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a plain function that is played as if it were in a thread
            try:
                work.send(None)
            except StopIteration as end:
                value: T = end.value
                return value
        work.close()
        raise _wrong_colour()


class Touched(msgspec.Struct):
    """An aggregate that this attempt has used, and what it has said of it so far."""

    loaded: Loaded[Any] | None = None
    said: list[Any] = []
    expected: bool = False


class InAttempt(Generic[A]):
    """The work behind a handle within one attempt."""

    def __init__(self, cls: type[A], id: str, info: StepInfo, loading: Loading) -> None:
        self._cls = cls
        self._id = id
        self._info = info
        self._loading = loading

    async def load(self, as_of: int | datetime | None) -> A:
        if as_of is not None:
            return (await self._loading.load(self._cls, self._id, as_of)).aggregate
        return (await self._current()).aggregate

    async def run(self, command: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        loaded = await self._current()
        touched = self._touched()
        try:
            result = decide(loaded.aggregate, command, args, kwargs)
            events = [new_event(event) for event in loaded.aggregate.decided]
        except BaseException:
            touched.loaded = None  # it may be half changed: whoever asks next gets it as it was
            raise
        if events and not touched.expected:
            touched.expected = True
            self._info.emit(loaded.expect)
        for event in events:
            self._info.emit(event)
        touched.said += loaded.aggregate.decided
        loaded.aggregate.decided = []
        return result

    async def _current(self) -> Loaded[A]:
        """Return it as this attempt knows it: what it has decided on is in it, though it is not written."""
        touched = self._touched()
        if touched.loaded is None:
            loaded = await self._loading.load(self._cls, self._id)
            for event in touched.said:
                loaded.kind.apply(loaded.aggregate, event)
            touched.loaded = loaded
        loaded_before: Loaded[A] = touched.loaded
        return loaded_before

    def _touched(self) -> Touched:
        touched: Touched = self._info.seen.setdefault((kind_of(self._cls).name, self._id), Touched())
        return touched


def aggregate(cls: type[A], id: str) -> AggregateHandle[A]:
    """Return the handle of an aggregate, in the body of a ``def`` step or handler.

    What its commands decide on is written with the step's entry, or the reaction, if nobody has changed
    the aggregate meanwhile; else that attempt fails with VersionConflict, and its retry policy says what
    follows. Raises NotInRun elsewhere: outside use ``client.aggregate``.
    """
    within, work = _work(cls, id)
    return AggregateHandle(AsyncAggregateHandle(cls, id, work), within.wait)


def async_aggregate(cls: type[A], id: str) -> AsyncAggregateHandle[A]:
    """Return the handle of an aggregate, in the body of an ``async def`` step or handler; see ``aggregate``."""
    return AsyncAggregateHandle(cls, id, _work(cls, id)[1])


def _work(cls: type[A], id: str) -> tuple[Within, InAttempt[A]]:
    kind_of(cls).check()
    check_id(id, f"id of {cls.__name__}")
    info = step_context.get()
    if info is None or current() is not None or not isinstance(info.within, Within):
        raise NotInRun(
            "aggregate() was called outside the body of a step or handler, or in one with batch=.",
            "It reads the log, and what it decides on is written with the step's entry.",
            "In workflow code call a step that does it; from outside write client.aggregate(…).",
        )
    return info.within, InAttempt(cls, id, info, info.within.loading)


def _wrong_colour() -> WrongColour:
    return WrongColour(
        "aggregate() was used in async def code.",
        "It would have to block the worker's loop.",
        "Write `await async_aggregate(…).run(…)`.",
    )
