"""A worker for the events that wait on a log: ``event_worker.py FILE``.

It begins at the first line of its stdin, so that several begin together, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import things
from peers import ASYNC


async def main(file: str) -> None:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async with things.app(Path(file), [things.service("billing", ASYNC, things.Hearing())]):
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
