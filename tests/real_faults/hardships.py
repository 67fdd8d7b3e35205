"""A worker for hard times: ``python hardships.py STORE [MEGABYTES]``, with so much memory beyond its start."""

from __future__ import annotations

import asyncio
import resource
import sys
import threading
from pathlib import Path

from dalsegno import App, Limits, Retry, step, workflow


@step
def look(number: int) -> int:
    """Tell how many threads there are."""
    return threading.active_count()


@workflow
def looks(number: int) -> int:
    return look(number)


@step(retry=Retry(attempts=2, first="50ms"))
def hoard(megabytes: int) -> int:
    """Take memory until there is no more, a little at a time, as a leak does."""
    kept = [bytearray(1 << 20) for _ in range(megabytes)]
    return len(kept)


@workflow
def hoards(megabytes: int) -> int:
    return hoard(megabytes)


def limit(megabytes: int) -> None:
    """Have no more memory than now and this; the stacks of threads count as well."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


async def main() -> None:
    threading.stack_size(1 << 20)
    app = App(
        "hardships",
        include=[looks, hoards],
        store=sys.argv[1],
        lease="1s",
        threads=8,
        limits=Limits(crashes=3, suspect=1),
    )
    async with app:
        if len(sys.argv) > 2:
            limit(int(sys.argv[2]))
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
