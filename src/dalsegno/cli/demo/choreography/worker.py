"""The worker of the choreography, a process of its own: ``python -m dalsegno.cli.demo.choreography.worker STORE``.

It works until its standard input ends: so it never outlives the demo, however that one ends. Where the
ledgers are, it learns from its environment.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from dalsegno import App, Limits
from dalsegno.cli.demo.choreography import shop

LEASE = "1s"
LIMITS = Limits(crashes=1_000)
"""The demo kills workers in quick succession; who was at work each time is not to blame for that."""


async def work(store: str) -> None:
    """Work on a store until nobody holds the other end of standard input."""
    async with App("demo", include=[shop], store=store, lease=LEASE, grace="5s", limits=LIMITS):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a ^C is for the demo, which then ends this process
    asyncio.run(work(sys.argv[1]))
