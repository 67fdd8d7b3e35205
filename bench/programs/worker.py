"""A worker for the orders that wait in a store: ``worker.py STORE``.

It begins at the first line of its stdin, so that several begin together, and ends with its stdin.
"""

from __future__ import annotations

import asyncio
import sys

import orders

from dalsegno import App


async def main(store: str) -> None:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async with App("bench", include=[orders], store=store):
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
