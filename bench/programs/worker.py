"""A worker for the orders that wait in a store: ``worker.py STORE``; it ends when its stdin does."""

from __future__ import annotations

import asyncio
import sys

import orders

from dalsegno import App


async def main(store: str) -> None:
    async with App("bench", include=[orders], store=store):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
