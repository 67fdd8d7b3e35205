"""Commands from outside: an aggregate is loaded, a command decides, its events are written if nobody was quicker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from dalsegno.core.clock import SECOND, nap
from dalsegno.core.ids import check_id, new_id, seeded
from dalsegno.core.retry import Retry
from dalsegno.core.sourcing import Conflict, Expect
from dalsegno.engine.outgoing import version_conflict
from dalsegno.errors import InvalidInput
from dalsegno.events.aggregate import Aggregate, decide, kind_of
from dalsegno.events.loading import Loading

A = TypeVar("A", bound=Aggregate)

Emit = Callable[[Sequence[Any], tuple[Expect, ...]], Awaitable[list[int] | Conflict]]
"""Puts events on the log if what they were decided by is still so."""


class FromOutside(Generic[A]):
    """The work behind a client's handle of an aggregate."""

    def __init__(self, cls: type[A], id: str, loading: Loading, emit: Emit, retry: Retry | None) -> None:
        kind_of(cls).check()
        if retry is not None and not isinstance(retry, Retry):
            raise InvalidInput(
                f"retry={retry!r} is no Retry.", "", 'Write Retry(attempts=5, first="10ms"), for instance.'
            )
        self._cls = cls
        self._id = check_id(id, f"id of {cls.__name__}")
        self._loading = loading
        self._emit = emit
        self._retry = retry

    async def load(self, as_of: int | datetime | None) -> A:
        return (await self._loading.load(self._cls, self._id, as_of)).aggregate

    async def run(self, command: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        attempt, rng = 0, seeded("conflict", new_id())
        while True:
            attempt += 1
            loaded = await self._loading.load(self._cls, self._id)
            result = decide(loaded.aggregate, command, args, kwargs)
            if not loaded.aggregate.decided:
                return result
            answer = await self._emit(loaded.aggregate.decided, (loaded.expect,))
            if not isinstance(answer, Conflict):
                return result
            error = version_conflict(answer)
            delay = None if self._retry is None else self._retry.next(attempt, error, rng)
            if delay is None:
                raise error
            await nap(delay / SECOND)
