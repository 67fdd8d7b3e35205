"""Events through dalsegno: ``our_events.py FOLDER``. Worker and client share this process."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import things
from programs.talk import Talk, an_event, shares

_LOOK = 0.0002  # seconds between looks at whether one alone is written


class OurEvents(Talk):
    """The measures of events."""

    def __init__(self, folder: Path) -> None:
        super().__init__({})
        self._folder = folder
        self._files = 0

    async def fill(self, count: int) -> dict[str, Any]:
        """Fill a new log with so many events."""
        self._file.unlink(missing_ok=True)
        self._files += 1
        await things.fill(self._file, range(count))
        return {"events": count}

    async def emit(self, count: int, callers: int) -> dict[str, Any]:
        """Emit events one by one to a new log, by so many callers at a time."""
        await self.fill(0)
        numbers = iter(range(count))
        async with things.app(self._file) as client:

            async def keep_going() -> None:
                for number in numbers:
                    await client.emit(things.Thing(**an_event(number)))

            began = time.perf_counter()
            await asyncio.gather(*(keep_going() for _ in range(callers)))
            return {"seconds": time.perf_counter() - began, "events": count}

    async def handle(
        self, way: str, count: int, services: int = 1, answers: bool = False, file: str = ""
    ) -> dict[str, Any]:
        """Handle what the log was filled with, or that of a ``file``."""
        log = Path(file) if file else self._file
        done = await things.handle(log, way, range(count), services=services, answers=answers)
        return done._asdict()

    async def latency(self, way: str, count: int) -> dict[str, Any]:
        """Emit events one at a time: from then until the handler has it, and until what came of it is written."""
        await self.fill(0)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[float] = loop.create_future()

        def heard(_: things.Thing) -> None:
            loop.call_soon_threadsafe(answer.set_result, time.perf_counter())

        handled, written = [], []
        billing = things.service("billing", way, heard)
        async with things.app(self._file, [billing]) as client:
            for number in range(count):
                answer = loop.create_future()
                began = time.perf_counter()
                (place,) = await client.emit(things.Thing(**an_event(number)))
                handled.append(await answer - began)
                last = things.last_of_each([number], billing.partitions, after=place - 1)
                while not await things.passed(client, "billing", last):
                    await asyncio.sleep(_LOOK)
                written.append(time.perf_counter() - began)
        return shares(handled) | {"written_ms": shares(written)["p50_ms"]}

    @property
    def _file(self) -> Path:
        return self._folder / f"things-{self._files}.db"


if __name__ == "__main__":
    asyncio.run(OurEvents(Path(sys.argv[1])).serve())
