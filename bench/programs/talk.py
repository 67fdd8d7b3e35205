"""What every measured program says and hears: one JSON object per line, on its stdin and stdout.

It runs in each peer's own Python, so it uses the standard library alone. ``load`` keeps a number of
orders under way for some seconds: whenever one has its result, the next is started.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Order = dict[str, Any]
RunOne = Callable[[Order], Awaitable[object]]
Sleep = Callable[[int], Awaitable[object]]


def an_order(number: int) -> Order:
    """Make the order that everybody is given."""
    return {"id": number, "amount": 99.5, "items": ["a", "b"]}


def an_event(number: int) -> dict[str, Any]:
    """Make the event that everybody is given, about 200 bytes as JSON; each thousandth has the same key."""
    return {"key": f"thing-{number % 1000}", "number": number, "pad": "x" * 160}


def shares(took: list[float]) -> dict[str, Any]:
    """Tell the middle and the last hundredth of how long each took, in milliseconds."""
    took = sorted(took)
    return {"p50_ms": took[len(took) // 2] * 1000, "p99_ms": took[int(len(took) * 0.99)] * 1000}


class Talk:
    """The commands of one program: ``ways`` run one order to its result, ``sleep`` starts one sleeper."""

    def __init__(self, ways: Mapping[str, RunOne], sleep: Sleep | None = None) -> None:
        self._ways = ways
        self._sleep = sleep
        self._orders = 0
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever a library prints must not mix with the answers

    async def serve(self, **about: object) -> None:
        """Say that the program is ready, then answer until stdin ends."""
        self._say({"ready": True, **about})
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            try:
                self._say(await getattr(self, request.pop("do"))(**request))
            except Exception as error:
                self._say({"error": f"{type(error).__name__}: {error}"})

    async def load(self, way: str, concurrency: int, seconds: float) -> dict[str, Any]:
        """Keep ``concurrency`` orders under way for that long, then wait for the last of them."""
        run_one = self._ways[way]
        took: list[float] = []
        began = time.perf_counter()

        async def keep_going() -> None:
            while (now := time.perf_counter()) - began < seconds:
                self._orders += 1
                await run_one(an_order(self._orders))
                took.append(time.perf_counter() - now)

        await asyncio.gather(*(keep_going() for _ in range(concurrency)))
        whole = time.perf_counter() - began
        return {"runs": len(took), "seconds": whole, **shares(took)}

    async def sleepers(self, count: int, concurrency: int) -> dict[str, Any]:
        """Start ``count`` runs that sleep for a day; how long until all were accepted."""
        assert self._sleep is not None
        sleep = self._sleep
        numbers = iter(range(count))
        began = time.perf_counter()

        async def keep_going() -> None:
            for number in numbers:
                await sleep(number)

        await asyncio.gather(*(keep_going() for _ in range(concurrency)))
        return {"seconds": time.perf_counter() - began}

    def _say(self, answer: Mapping[str, object]) -> None:
        self._out.write(json.dumps(answer) + "\n")
        self._out.flush()
