"""The four steps as a Restate handler, with Restate's server beside it: ``restate_orders.py FOLDER SERVER``.

The service and who calls it share this process, as elsewhere; the server is its own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config
from programs.caller import Caller, free_port, post
from programs.talk import Order, Talk

orders = restate.Service("Orders")


async def charge(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


async def other(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


def charge_def(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


def other_def(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@orders.handler()
async def order_async(ctx: Any, order: dict[str, Any]) -> dict[str, Any]:
    payment: Order = await ctx.run_typed("charge", charge, order=order)
    for name in ("reserve", "ship", "confirm"):
        await ctx.run_typed(name, other, order=order)
    return payment


@orders.handler()
async def order_def(ctx: Any, order: dict[str, Any]) -> dict[str, Any]:
    payment: Order = await ctx.run_typed("charge", charge_def, order=order)
    for name in ("reserve", "ship", "confirm"):
        await ctx.run_typed(name, other_def, order=order)
    return payment


@orders.handler()
async def nap(ctx: Any, number: int) -> int:
    await ctx.sleep(timedelta(days=1))
    return number


def start_server(folder: str, server: str, ingress: int, admin: int) -> subprocess.Popen[bytes]:
    """Start the server with its defaults, but for its ports and its folder."""
    settings = {
        "RESTATE_BASE_DIR": folder,
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "error",
        "DO_NOT_TRACK": "1",
    }
    log = (Path(folder) / "server.log").open("w")
    return subprocess.Popen([server], env=os.environ | settings, stdout=log, stderr=log)


async def main(folder: str, server: str) -> None:
    ingress, admin, here = free_port(), free_port(), free_port()
    process = start_server(folder, server, ingress, admin)
    config = Config()
    config.bind = [f"127.0.0.1:{here}"]
    config.loglevel = "ERROR"
    serving = asyncio.create_task(serve(restate.app([orders]), config))
    await post(admin, "/deployments", {"uri": f"http://127.0.0.1:{here}"}, patience=60)
    caller = Caller(ingress)

    async def run_async(order: Order) -> object:
        return await caller.post("/Orders/order_async", order)

    async def run_def(order: Order) -> object:
        return await caller.post("/Orders/order_def", order)

    async def sleep(number: int) -> object:
        return await caller.post("/Orders/nap/send", number)

    await post(ingress, "/Orders/order_async", {"id": 0, "amount": 1.5}, patience=60)
    await Talk({"async def": run_async, "def": run_def}, sleep).serve(version=version("restate-sdk"))
    serving.cancel()
    process.terminate()
    process.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
