"""The four steps as Prefect tasks in a flow, with its server beside it: ``prefect_orders.py FOLDER``."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version

from programs.talk import Order, Talk


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


PORT = free_port()
os.environ |= {
    "PREFECT_HOME": sys.argv[1],
    "PREFECT_API_URL": f"http://127.0.0.1:{PORT}/api",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}
from prefect import flow, task  # it reads its settings when it is imported


@task
async def charge(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@task
async def other(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@flow
async def order_async(order: Order) -> Order:
    payment: Order = await charge(order)
    for _ in range(3):
        await other(order)
    return payment


@task
def charge_def(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@task
def other_def(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@flow
def order_def(order: Order) -> Order:
    payment: Order = charge_def(order)
    for _ in range(3):
        other_def(order)
    return payment


async def run_def(order: Order) -> object:
    return await asyncio.to_thread(order_def, order)


async def main() -> None:
    talk = Talk({"async def": order_async, "def": run_def})
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
    server = subprocess.Popen([*command, "--no-ui"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await asyncio.to_thread(wait_for, f"{os.environ['PREFECT_API_URL']}/health", 120)
    await talk.serve(version=version("prefect"))
    server.terminate()
    server.wait()


def wait_for(address: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
