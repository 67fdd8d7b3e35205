"""The four steps in DBOS Transact with its defaults, on SQLite: ``dbos_orders.py FOLDER``."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.metadata import version

from dbos import DBOS
from programs.talk import Order, Talk


@DBOS.step()
async def charge(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@DBOS.step()
async def reserve(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@DBOS.step()
async def ship(order: Order) -> Order:
    return {"shipment": f"ship-{order['id']}"}


@DBOS.step()
async def confirm(order: Order) -> Order:
    return {"mail": f"mail-{order['id']}"}


@DBOS.workflow()
async def order_async(order: Order) -> Order:
    payment: Order = await charge(order)
    await reserve(order)
    await ship(order)
    await confirm(order)
    return payment


@DBOS.step()
def charge_def(order: Order) -> Order:
    return {"payment": f"pay-{order['id']}", "amount": order["amount"]}


@DBOS.step()
def other_def(order: Order) -> Order:
    return {"reservation": f"res-{order['id']}"}


@DBOS.workflow()
def order_def(order: Order) -> Order:
    payment: Order = charge_def(order)
    other_def(order)
    other_def(order)
    other_def(order)
    return payment


@DBOS.workflow()
async def nap(number: int) -> int:
    await DBOS.sleep_async(86_400.0)
    return number


async def run_async(order: Order) -> object:
    handle = await DBOS.start_workflow_async(order_async, order)
    return await handle.get_result()


async def run_def(order: Order) -> object:
    return await asyncio.to_thread(lambda: DBOS.start_workflow(order_def, order).get_result())


async def sleep(number: int) -> object:
    return await DBOS.start_workflow_async(nap, number)


async def main() -> None:
    os.chdir(sys.argv[1])  # its default database is a file in the current folder
    talk = Talk({"async def": run_async, "def": run_def}, sleep)
    DBOS(config={"name": "bench", "log_level": "ERROR"})
    DBOS.launch()
    await talk.serve(version=version("dbos"))


if __name__ == "__main__":
    asyncio.run(main())
