"""Backpressure: producers wait while a service is further behind than it said it may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from dalsegno.core.clock import Clock
from dalsegno.core.reactions import ServiceRow
from dalsegno.errors import Overloaded, StoreError
from dalsegno.store.protocol import Store

_FRESH = 0.1  # seconds for which a look is good
_SHORTEST, _LONGEST = 0.1, 30.0  # seconds that a producer is told to wait


class Behind(msgspec.Struct, frozen=True):
    """A service that is further behind than it may be, in events; ``retry_after`` in seconds.

    It does so for the ``types`` that it takes, and for no others.
    """

    service: str
    types: frozenset[str]
    lag: int
    max_lag: int
    retry_after: float


class Pressure:
    """Looks at how far services are behind, a few times a second and only if somebody asks.

    The bound is read from the store, where the services themselves have written it: so it holds for
    producers that do not know their code.
    """

    def __init__(self, store: Store, clock: Clock, namespace: str) -> None:
        self._store = store
        self._clock = clock
        self._namespace = namespace
        self._looked_at = -_FRESH
        self._behind: list[Behind] = []  # the furthest over its bound first
        self._looking: asyncio.Task[None] | None = None
        self._passed: dict[str, tuple[float, int]] = {}  # when a service was where

    async def look(self) -> None:
        """Look at how far services are behind, unless that was done a moment ago."""
        now = self._clock.monotonic()
        if now - self._looked_at >= _FRESH:
            self._looked_at = now
            rows = await self._store.services(self._namespace)
            declared = [(row, json.loads(row.declared or b"{}")) for row in rows]
            found = [await self._lag(row, each, now) for row, each in declared if each.get("max_lag")]
            over = [each for each in found if each.lag > each.max_lag]
            self._behind = sorted(over, key=lambda each: -each.lag / each.max_lag)

    def hold(self, type_: str) -> float | None:
        """Return for how many seconds a run had better not emit, by the last look; have another one taken."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._glance())
        behind = self._of({type_})
        return None if behind is None else behind.retry_after

    def _of(self, types: set[str]) -> Behind | None:
        return next((each for each in self._behind if types & each.types), None)

    async def _glance(self) -> None:
        try:
            await self.look()
        except StoreError:
            return  # whoever emits meets it too

    async def refuse_if_behind(self, types: set[str]) -> None:
        """Raise ``Overloaded`` where a service that takes one of these is too far behind."""
        await self.look()
        behind = self._of(types)
        if behind is not None:
            raise Overloaded(
                f"Service {behind.service} is {behind.lag:,} events behind; it may be {behind.max_lag:,}.",
                "Nothing was written: what it cannot keep up with would only wait longer.",
                f"Emit again in {behind.retry_after:.1f} s; `dalsegno services show {behind.service}` tells more.",
                service=behind.service,
                lag=behind.lag,
                retry_after=behind.retry_after,
            )

    async def _lag(self, row: ServiceRow, declared: Mapping[str, Any], now: float) -> Behind:
        head = await self._store.head()
        partitions = await self._store.partitions(row.number)
        position = min((each.position for each in partitions), default=head.last)
        before, was = self._passed.get(row.name, (now, position))
        self._passed[row.name] = (now, position)
        lag, bound = head.last - position, int(declared["max_lag"])
        rate = (position - was) / (now - before) if now > before else 0
        wait = (lag - bound) / rate if rate > 0 else 1.0
        types = frozenset(name for handler in declared["handlers"] for name, _ in handler["takes"])
        return Behind(row.name, types, lag, bound, min(max(wait, _SHORTEST), _LONGEST))
