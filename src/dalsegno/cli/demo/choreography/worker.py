"""The worker of the choreography, a process of its own: ``python -m dalsegno.cli.demo.choreography.worker STORE``.

It works until its standard input ends: so it never outlives the demo, however that one ends. Where the
ledgers are, it learns from its environment.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from dalsegno import App
from dalsegno.cli.demo.choreography import shop

LEASE = "1s"


async def work(store: str) -> None:
    """Work on a store until nobody holds the other end of standard input."""
    async with App("demo", include=[shop], store=store, lease=LEASE, grace="5s"):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a ^C is for the demo, which then ends this process
    asyncio.run(work(sys.argv[1]))
