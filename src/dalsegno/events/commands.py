"""Handles of aggregates: to load one, and to run a command on it; blocking or awaited, whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from dalsegno.events.aggregate import Aggregate

A = TypeVar("A", bound=Aggregate)
A_co = TypeVar("A_co", bound=Aggregate, covariant=True)
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")


class Work(Protocol[A_co]):
    """What stands behind a handle: a client, or the attempt of a step or handler."""

    async def load(self, as_of: int | datetime | None) -> A_co:
        """Load the aggregate."""
        ...

    async def run(self, command: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Load it, run a command, and see to it that its events are written."""
        ...


class AsyncAggregateHandle(Generic[A]):
    """One aggregate, in ``async def`` code; nothing is read before it is asked for."""

    def __init__(self, cls: type[A], id: str, work: Work[A]) -> None:
        self.id = id
        self._cls = cls
        self._work = work

    async def load(self, *, as_of: int | datetime | None = None) -> A:
        """Load it as it is, or was: after the event of a number, or at an aware datetime.

        Raises HistoryForgotten where the log has not all of its events any more.
        """
        return await self._work.load(as_of)

    async def run(self, command: Callable[Concatenate[A, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Load it, run a command, and write the events that it decides on; return what the command returned.

        Nothing is written where the command raises. Raises VersionConflict where others have changed the
        aggregate meanwhile; with a client's ``retry`` it is loaded, and the command run, again.
        """
        result: R = await self._work.run(command, args, kwargs)
        return result

    def __repr__(self) -> str:
        return f"<handle of {self._cls.__name__} {self.id}>"


class AggregateHandle(Generic[A]):
    """One aggregate, in ``def`` code; nothing is read before it is asked for."""

    def __init__(
        self, handle: AsyncAggregateHandle[A], wait: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        self.id = handle.id
        self._handle = handle
        self._wait = wait

    def load(self, *, as_of: int | datetime | None = None) -> A:
        """Load it as it is, or was: after the event of a number, or at an aware datetime.

        Raises HistoryForgotten where the log has not all of its events any more.
        """
        loaded: A = self._wait(self._handle.load(as_of=as_of))
        return loaded

    def run(self, command: Callable[Concatenate[A, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Load it, run a command, and write the events that it decides on; return what the command returned.

        Nothing is written where the command raises. Raises VersionConflict where others have changed the
        aggregate meanwhile; with a client's ``retry`` it is loaded, and the command run, again.
        """
        result: R = self._wait(self._handle.run(command, *args, **kwargs))
        return result

    def __repr__(self) -> str:
        return repr(self._handle)
