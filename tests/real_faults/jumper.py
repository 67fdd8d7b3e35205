"""A worker with its own client for the clock's jumps: ``python jumper.py STORE`` does what its stdin says.

It runs under libfaketime, whose ``clock_nanosleep`` refuses every wait: so ``time.sleep`` waits otherwise.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import dalsegno
from dalsegno import App, AsyncClient, step, workflow

time.sleep = lambda seconds: threading.Event().wait(seconds)  # type: ignore[assignment]


@step
def add(number: int) -> int:
    return number + 1


@workflow
async def tick(number: int) -> int:
    return await add.start(number)


@workflow
async def nap(seconds: float) -> float:
    """Sleep, and tell how long it was by the run's own time."""
    before = dalsegno.now()
    await asyncio.sleep(seconds)
    await add.start(1)
    return (dalsegno.now() - before).total_seconds()


async def obey(client: AsyncClient, command: str, name: str, value: float) -> object:
    if command == "nap":
        return (await client.start(nap, value, id=name)).id
    if command == "ticks":
        runs = [await client.start(tick, number, id=f"{name}-{number}") for number in range(int(value))]
        return sum([await run.result("60s") for run in runs])
    if command == "status":
        return await client.run(name).status()
    return await client.run(name).result("60s")


async def main() -> None:
    app = App("jumper", include=[tick, nap], store=sys.argv[1], lease="2s")
    async with app as client:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command, name, value = line.split()
            print(await obey(client, command, name, float(value)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
